import type { TokenCredential } from '@azure/identity'
import type { Secret } from '../../runtime/secret.ts'
import { assertCredentialFile } from '../credential-file.ts'
import { type Authority, readAuthority } from './authority.ts'
import type { AzureIdentity } from './place.ts'

/** Names of the kinds of credentials that {@link identityKind} chooses from. */
export type IdentityKind = 'secret' | 'workload' | 'chain' | 'chain-without-workload'

/** Which credential signs in. */
export function identityKind({ usesWorkload }: AzureIdentity, hasSecret: boolean): IdentityKind {
  if (hasSecret) return 'secret'
  if (usesWorkload === undefined) return 'chain'
  return usesWorkload ? 'workload' : 'chain-without-workload'
}

/** Signs in without a key: loads the SDK of identities. @throws errors of that SDK, for `errors.ts`, KB_CONFIG_UNREADABLE, KB_CONFIG_INVALID */
export async function openIdentity(
  identity: AzureIdentity,
  secret: Secret | undefined,
): Promise<TokenCredential> {
  const authority = readAuthority(process.env)
  await assertFiles(identityKind(identity, secret !== undefined))
  const sdk = await import('@azure/identity')
  try {
    return credentialOf(sdk, identity, { secret, authority })
  } catch {
    // It checks names and variables here, and repeats them in errors without a name.
    throw new sdk.CredentialUnavailableError('the identity cannot be used')
  }
}

/** The SDK calls an identity refused whose file it cannot read. */
async function assertFiles(kind: IdentityKind): Promise<void> {
  const { AZURE_FEDERATED_TOKEN_FILE: token, AZURE_CLIENT_CERTIFICATE_PATH: certificate } = process.env
  const { AZURE_CLIENT_SECRET: secret, AZURE_CLIENT_ID: client, AZURE_TENANT_ID: tenant } = process.env
  if (kind === 'workload' && token) await assertCredentialFile('AZURE_FEDERATED_TOKEN_FILE', token)
  const isChain = kind === 'chain' || kind === 'chain-without-workload'
  // A secret comes before it, and without client and tenant it is not looked at.
  const isUsed = isChain && client && tenant && !secret
  if (isUsed && certificate) await assertCredentialFile('AZURE_CLIENT_CERTIFICATE_PATH', certificate)
}

function credentialOf(
  sdk: typeof import('@azure/identity'),
  identity: AzureIdentity,
  { secret, authority }: { readonly secret: Secret | undefined; readonly authority: Authority },
): TokenCredential {
  const { clientId, tenantId } = identity
  const ids = {
    ...(clientId === undefined ? {} : { clientId }),
    ...(tenantId === undefined ? {} : { tenantId }),
  }
  // Whoever repeats is above.
  const common = { retryOptions: { maxRetries: 0 }, ...authority }
  switch (identityKind(identity, secret !== undefined)) {
    case 'secret':
      return new sdk.ClientSecretCredential(tenantId ?? '', clientId ?? '', secret?.reveal() ?? '', common)
    case 'workload':
      return new sdk.WorkloadIdentityCredential({ ...ids, ...common })
    case 'chain-without-workload':
      return new sdk.ChainedTokenCredential(
        new sdk.EnvironmentCredential(common),
        // It repeats by itself: the service of a machine is known to be late after the start.
        clientId === undefined
          ? new sdk.ManagedIdentityCredential()
          : new sdk.ManagedIdentityCredential(clientId),
        new sdk.AzureCliCredential(tenantId === undefined ? {} : { tenantId }),
      )
    case 'chain':
      return new sdk.DefaultAzureCredential({
        ...authority,
        ...(tenantId === undefined ? {} : { tenantId }),
        ...(clientId === undefined
          ? {}
          : { managedIdentityClientId: clientId, workloadIdentityClientId: clientId }),
      })
  }
}
