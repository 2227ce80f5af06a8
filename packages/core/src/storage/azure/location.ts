import { isIP } from 'node:net'
import { invalidLocation } from '../location-errors.ts'
import {
  booleanParameter,
  encodedPath,
  encodedQuery,
  prefixOfPath,
  readLocationQuery,
} from '../location-query.ts'
import type { RequestHooks } from '../request-gate.ts'
import type { StorageBackend } from '../storage-backend.ts'
import type { StorageCredentials } from '../storage-credentials.ts'
import { checkAccess } from './access.ts'
import { type NamedAccount, readAccountHost } from './account-host.ts'
import { azureBackend } from './backend.ts'
import { AzureConnection, type AzureConnectionOptions } from './connection.ts'
import type { AzurePlace } from './place.ts'

/** The parameters of a location `azure://account/container/prefix?…`. */
export const AZURE_PARAMETERS = [
  'endpoint',
  'use_workload_identity',
  'client_id',
  'tenant_id',
  'single_writer',
]

const CONTAINER = /^(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*$/

/**
 * Opens `azure://account/container/prefix?endpoint=…`; it does no I/O. An endpoint is the address of the account; that of
 * an emulator, an IP address or localhost, gets the account as its path. @throws KB_LOCATION_INVALID
 */
export function openAzure(
  url: URL,
  credentials: StorageCredentials,
  hooks: RequestHooks = {},
  options: Pick<AzureConnectionOptions, 'silenceTimeoutMs'> = {},
): StorageBackend {
  const place = placeOf(url)
  checkAccess(url, place, credentials)
  return azureBackend(
    place,
    canonicalLocation(place),
    new AzureConnection(place, credentials, { ...options, onRequest: hooks.onRequest }),
    hooks,
  )
}

function placeOf(url: URL): AzurePlace {
  refuseOtherForms(url)
  const parameters = readLocationQuery(url, AZURE_PARAMETERS)
  const named = accountOf(url)
  const [container = '', ...folders] = prefixOfPath(url).split('/')
  if (!CONTAINER.test(container)) {
    const hint =
      'Write azure://ACCOUNT/CONTAINER/PREFIX; a container has 3 to 63 small letters, digits and hyphens.'
    throw invalidLocation(url.href, 'it names no container', hint)
  }
  return {
    account: named.account,
    container,
    prefix: folders.join('/'),
    endpoint: endpointOf(url, parameters, named),
    identity: {
      usesWorkload: booleanParameter(url, parameters, 'use_workload_identity'),
      clientId: parameters.get('client_id'),
      tenantId: parameters.get('tenant_id'),
    },
    isSingleWriter: booleanParameter(url, parameters, 'single_writer') ?? false,
  }
}

/** Forms that other programs take for the same place, of which a part would be lost here. */
function refuseOtherForms(url: URL): void {
  if (url.username !== '' && url.password === '') {
    const hint = 'Write azure://ACCOUNT/CONTAINER/PREFIX; keys are settings of storage.'
    throw invalidLocation(url.href, 'it has something before an @, as a container or a key', hint)
  }
  if (url.port !== '') {
    const hint = 'Write azure://ACCOUNT/CONTAINER/PREFIX?endpoint=http://HOST:PORT/ACCOUNT.'
    throw invalidLocation(url.href, 'it has a port', hint)
  }
  if (url.searchParams.has('sig')) {
    const hint = 'Set storage.sas_token to what stands behind the question mark; see docs/configuration.md.'
    throw invalidLocation(url.href, 'a SAS token does not belong into a location, which is printed', hint)
  }
}

function accountOf(url: URL): NamedAccount {
  const named = readAccountHost(url.hostname)
  if (named !== undefined) return named
  if (/\.dfs\./i.test(url.hostname)) {
    const hint =
      'Write azure://ACCOUNT/CONTAINER/PREFIX; an account with a hierarchical namespace is not supported.'
    throw invalidLocation(url.href, 'it is an address of a Data Lake', hint)
  }
  const hint = url.hostname.includes('.')
    ? 'Write azure://ACCOUNT/CONTAINER/PREFIX?endpoint=https://HOST with the short name of the account; the endpoint is for a host that Azure did not name.'
    : 'Write azure://ACCOUNT/CONTAINER/PREFIX; the account is its short name, 3 to 24 small letters and digits.'
  throw invalidLocation(url.href, 'it names no account', hint)
}

function endpointOf(
  url: URL,
  parameters: ReadonlyMap<string, string>,
  { account, endpoint: named }: NamedAccount,
): string | undefined {
  const text = parameters.get('endpoint')
  if (text === undefined) return named
  if (account !== url.hostname) {
    const hint = 'Write azure://ACCOUNT/CONTAINER/PREFIX with the endpoint, or leave the endpoint out.'
    throw invalidLocation(url.href, 'its host and its endpoint are two addresses', hint)
  }
  const endpoint = URL.canParse(text) ? new URL(text) : undefined
  const isPlace = endpoint !== undefined && /^https?:$/.test(endpoint.protocol) && endpoint.hostname !== ''
  const hasMore = endpoint && (endpoint.username || endpoint.password || endpoint.search || endpoint.hash)
  if (!isPlace || hasMore) {
    const hint =
      'Write it like endpoint=https://ACCOUNT.blob.core.usgovcloudapi.net, without an account before an @ and without a token.'
    throw invalidLocation(url.href, 'its endpoint is not the address of a server', hint)
  }
  // A name of the account cannot stand before an IP address, so that it can only be the path.
  const isEmulator =
    endpoint.hostname === 'localhost' || isIP(endpoint.hostname.replace(/^\[|\]$/g, '')) !== 0
  if (isEmulator && endpoint.pathname === '/') endpoint.pathname = `/${account}`
  return endpoint.href.replace(/\/+$/, '')
}

function canonicalLocation({
  account,
  container,
  prefix,
  endpoint,
  identity,
  isSingleWriter,
}: AzurePlace): string {
  const parameters = new Map<string, string>()
  if (endpoint !== undefined) parameters.set('endpoint', endpoint)
  if (identity.usesWorkload !== undefined) {
    parameters.set('use_workload_identity', String(identity.usesWorkload))
  }
  if (identity.clientId !== undefined) parameters.set('client_id', identity.clientId)
  if (identity.tenantId !== undefined) parameters.set('tenant_id', identity.tenantId)
  if (isSingleWriter) parameters.set('single_writer', 'true')
  const path = prefix === '' ? container : `${container}/${encodedPath(prefix)}`
  return `azure://${account}/${path}${encodedQuery(parameters)}`
}
