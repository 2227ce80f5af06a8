import type { Secret } from '../../runtime/secret.ts'
import { invalidLocation } from '../location-errors.ts'
import type { StorageCredentials } from '../storage-credentials.ts'
import type { AzurePlace } from './place.ts'

const BASE64 = /^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$|^[A-Za-z0-9+/]{2,3}={1,2}$/

/** The secret that requests are signed with; neither of them: an identity signs in. */
export interface AzureSecret {
  readonly token?: Secret
  readonly key?: Secret
}

/**
 * The one that counts. A token was made with a key, for less than that opens: who has both means the token, as it is in files for
 * the program in Rust.
 */
export function secretOf(credentials: StorageCredentials): AzureSecret {
  const token = credentials.get('sas_token')
  const key = credentials.get('account_key')
  if (token) return { token }
  return key ? { key } : {}
}

/** Refuses secrets that are none, and an identity that contradicts another or a secret. @throws KB_LOCATION_INVALID */
export function checkAccess(url: URL, place: AzurePlace, credentials: StorageCredentials): void {
  checkSecret(url, credentials)
  checkIdentity(url, place, credentials)
}

function checkSecret(url: URL, credentials: StorageCredentials): void {
  const { key, token } = secretOf(credentials)
  if (key && !BASE64.test(key.reveal())) {
    const hint = 'Set storage.account_key to the key as Azure shows it.'
    throw invalidLocation(url.href, 'its account key is not base64', hint)
  }
  if (token && !/(^|[?&])sig=[^&]/.test(token.reveal())) {
    const hint =
      'Set storage.sas_token to the part of a SAS address behind the question mark; it has sv=… and sig=….'
    throw invalidLocation(url.href, 'its SAS token has no signature', hint)
  }
}

function checkIdentity(url: URL, { identity, endpoint }: AzurePlace, credentials: StorageCredentials): void {
  const { usesWorkload, clientId, tenantId } = identity
  const hasSecret = credentials.has('client_secret')
  if (credentials.has('account_key') || credentials.has('sas_token')) {
    // Not to use an identity is what a key says too.
    if (usesWorkload === true || clientId !== undefined || tenantId !== undefined || hasSecret) {
      const hint = 'Remove storage.account_key or storage.sas_token, or client_id, tenant_id and the like.'
      throw invalidLocation(url.href, 'a key or a SAS token, and an identity, are given', hint)
    }
    return
  }
  if (hasSecret && (clientId === undefined || tenantId === undefined)) {
    const hint = 'Set client_id and tenant_id beside storage.client_secret.'
    throw invalidLocation(url.href, 'its client secret has no client or no tenant', hint)
  }
  if (hasSecret && usesWorkload) {
    const hint = 'Remove storage.client_secret, or use_workload_identity.'
    throw invalidLocation(url.href, 'a client secret and a workload identity are given', hint)
  }
  if (tenantId !== undefined && clientId === undefined) {
    const hint = 'Set client_id too, or remove tenant_id.'
    throw invalidLocation(url.href, 'it has a tenant_id without a client_id', hint)
  }
  if (endpoint?.startsWith('http:')) {
    const hint = 'Write https:// in the endpoint, or set storage.account_key or storage.sas_token.'
    throw invalidLocation(url.href, 'its endpoint is not encrypted, which an identity needs', hint)
  }
}
