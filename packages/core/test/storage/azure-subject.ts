import { ContainerClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import type { AzureServer } from '../../../testkit/src/stores/azurite.ts'
import { Secret } from '../../src/runtime/secret.ts'
import { openAzure } from '../../src/storage/azure/location.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import type { CredentialName, StorageCredentials } from '../../src/storage/storage-credentials.ts'

let containerCount = 0

/** Makes a container that nothing else of this process uses. */
export async function freshContainer(server: AzureServer): Promise<string> {
  const name = `container-${process.pid}-${++containerCount}`
  await clientOf(server, name).create()
  return name
}

/** What the SDK itself has of a container, for what a backend does not do. */
export function clientOf(server: AzureServer, container: string): ContainerClient {
  const credential = new StorageSharedKeyCredential(server.account, server.accountKey)
  return new ContainerClient(`${server.endpoint}/${container}`, credential)
}

/** The key of the account of the server. */
export function keyOf(server: AzureServer): StorageCredentials {
  return secrets({ account_key: server.accountKey })
}

export function secrets(values: Partial<Record<CredentialName, string>>): StorageCredentials {
  return new Map(Object.entries(values).map(([name, value]) => [name as CredentialName, new Secret(value)]))
}

/** A backend for a container of the server; `query` goes on after the endpoint, such as `&single_writer=true`. */
export function openContainer(server: AzureServer, path: string, query = ''): StorageBackend {
  return openAzure(
    new URL(`azure://${server.account}/${path}?endpoint=${server.endpoint}${query}`),
    keyOf(server),
  )
}
