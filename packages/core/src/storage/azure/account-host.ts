/** The account that a location of Azure names. */
export interface NamedAccount {
  readonly account: string
  /** Its address where that is not the one of the public cloud. */
  readonly endpoint: string | undefined
}

const SHORT_NAME = /^[a-z0-9]{3,24}$/
/** What Azure calls the blobs of an account in its clouds; with a zone, where an account was made so. */
const ADDRESS =
  /^([a-z0-9]{3,24})\.(?:blob\.core\.(?:windows\.net|usgovcloudapi\.net|chinacloudapi\.cn)|z[0-9]{1,2}\.blob\.storage\.azure\.net)$/

/** Reads `account`, or the address of its blobs as the portal shows it; undefined for what is neither. */
export function readAccountHost(host: string): NamedAccount | undefined {
  if (SHORT_NAME.test(host)) return { account: host, endpoint: undefined }
  // Names of hosts have no case, those of accounts are small.
  const address = host.toLowerCase()
  const account = ADDRESS.exec(address)?.[1]
  if (account === undefined) return undefined
  const isPublic = address === `${account}.blob.core.windows.net`
  return { account, endpoint: isPublic ? undefined : `https://${address}` }
}
