import type { Secret } from '../runtime/secret.ts'
import { splitScheme } from '../storage/location-scheme.ts'
import {
  CREDENTIAL_NAMES,
  type CredentialName,
  NO_CREDENTIALS,
  type StorageCredentials,
} from '../storage/storage-credentials.ts'
import { azureKeyOf } from './azure-environment.ts'
import type { CheckedValues } from './checked-values.ts'
import { RANK } from './given-values.ts'
import type { Environment } from './interpolation.ts'
import { secretsOfScheme } from './storage-keys.ts'

/**
 * The secrets for a location. Those of another kind of store are an error in a file, which is about one place; a variable of
 * the environment may be there for other commands.
 */
export function storageSecretsOf(
  values: CheckedValues,
  location: string | undefined,
  env: Environment,
): StorageCredentials {
  // What is wrong with the place is reported; whether its secrets fit cannot be told.
  if (location === undefined) return NO_CREDENTIALS
  const scheme = splitScheme(location)?.scheme
  const own = scheme === undefined ? undefined : secretsOfScheme(scheme)
  const secrets = new Map<CredentialName, Secret>()
  for (const name of CREDENTIAL_NAMES) {
    const given = values.given(`storage.${name}`)
    const secret = values.get(`storage.${name}`) as Secret | undefined
    // An empty secret is a variable that nobody filled.
    if (!given || !secret || secret.reveal() === '') continue
    if (own === undefined || own.includes(name)) secrets.set(name, secret)
    else if (given.rank === RANK.file) values.complain(given, `is nothing that ${scheme}:// uses`)
  }
  complainOfHalves(values, secrets)
  const accountKey = azureKeyOf(location, secrets, env)
  if (accountKey) secrets.set('account_key', accountKey)
  return secrets
}

/** Half of a pair is a slip; the chain of the vendor would quietly find another account instead. */
function complainOfHalves(values: CheckedValues, secrets: StorageCredentials): void {
  for (const [name, needed] of [
    ['access_key', 'secret_key'],
    ['secret_key', 'access_key'],
    ['session_token', 'access_key'],
  ] as const) {
    const given = values.given(`storage.${name}`)
    const isSaid = values.isWrong(`storage.${needed}`)
    if (given && secrets.has(name) && !secrets.has(needed) && !isSaid) {
      values.complain(given, `needs storage.${needed}`)
    }
  }
}
