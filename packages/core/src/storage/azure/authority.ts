import { KafkaBackupError } from '../../errors/kafka-backup-error.ts'

/** Options of the SDK that have to do with who issues tokens. */
export interface Authority {
  readonly disableInstanceDiscovery?: boolean
}

/** The SDK reads it by itself, where it signs in. */
const VARIABLE = 'AZURE_AUTHORITY_HOST'
const PUBLIC_AUTHORITY =
  /^https:\/\/login\.(microsoftonline\.(com|us)|chinacloudapi\.cn|partner\.microsoftonline\.cn)\/*$/

/**
 * What the environment says of who issues tokens. An authority of one's own, as in private clouds, is not known to the public one,
 * which would be asked about it. @throws KB_CONFIG_INVALID where the SDK could only fail, without a word on the variable
 */
export function readAuthority(env: Readonly<Record<string, string | undefined>>): Authority {
  const host = env[VARIABLE]
  if (!host) return {}
  if (!isAddress(host)) {
    // What stands there is not repeated: it may be a secret in the wrong place.
    const message = `the variable ${VARIABLE} is not the address of a server that issues tokens over https`
    const hint = `Write ${VARIABLE}=https://login.microsoftonline.com, or the address of your cloud, or unset it.`
    throw new KafkaBackupError('KB_CONFIG_INVALID', message, { hint })
  }
  return PUBLIC_AUTHORITY.test(host) ? {} : { disableInstanceDiscovery: true }
}

function isAddress(text: string): boolean {
  const url = URL.canParse(text) && !/\s/.test(text) ? new URL(text) : undefined
  if (url === undefined || url.protocol !== 'https:' || url.hostname === '') return false
  return url.username === '' && url.password === '' && url.search === '' && url.hash === ''
}
