import type { Secret } from '../runtime/secret.ts'

/** Names of the secrets that open a store; each is a setting `storage.{name}`. */
export const CREDENTIAL_NAMES = [
  'access_key',
  'secret_key',
  'session_token',
  'account_key',
  'sas_token',
  'client_secret',
] as const

/** One of {@link CREDENTIAL_NAMES}. */
export type CredentialName = (typeof CREDENTIAL_NAMES)[number]

/**
 * Secrets that were given explicitly. They never stand in a location, which is printed. What is absent comes from the
 * standard chain of the store's vendor: environment, profile, workload identity, metadata service.
 */
export type StorageCredentials = ReadonlyMap<CredentialName, Secret>

/** Nothing was given: the vendor's chain decides. */
export const NO_CREDENTIALS: StorageCredentials = new Map()
