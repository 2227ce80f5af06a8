import { Secret } from '../runtime/secret.ts'
import { readAccountHost } from '../storage/azure/account-host.ts'
import { splitScheme } from '../storage/location-scheme.ts'
import type { CredentialName } from '../storage/storage-credentials.ts'
import { type Environment, readVariable } from './interpolation.ts'

/** The account that the tools of Azure are told by `AZURE_STORAGE_ACCOUNT`. */
export function azureAccountOf(env: Environment): string | undefined {
  return readVariable(env, 'AZURE_STORAGE_ACCOUNT') || undefined
}

/**
 * The key of `AZURE_STORAGE_KEY` for an Azure location to which nothing else gives access: no secret and no identity. Undefined too
 * when `AZURE_STORAGE_ACCOUNT` names another account, whose key it is.
 */
export function azureKeyOf(
  location: string,
  secrets: ReadonlyMap<CredentialName, Secret>,
  env: Environment,
): Secret | undefined {
  const key = readVariable(env, 'AZURE_STORAGE_KEY')
  const schemed = splitScheme(location)
  if (!key || schemed?.scheme !== 'azure' || secrets.size > 0) return undefined
  if (/[?&](?:client_id|tenant_id|use_workload_identity=true)/.test(schemed.rest)) return undefined
  const account = azureAccountOf(env)
  const host = /^\/\/([^/?#]*)/.exec(schemed.rest)?.[1] ?? ''
  return account === undefined || account === readAccountHost(host)?.account ? new Secret(key) : undefined
}
