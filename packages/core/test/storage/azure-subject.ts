import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { ContainerClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import type { AzureServer } from '../../../testkit/src/stores/azurite.ts'
import { isKafkaBackupError, type KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
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

/** The errors of one call of each kind, which must be ours. Closes the backend. */
export async function failuresOf(backend: StorageBackend): Promise<KafkaBackupError[]> {
  const errors: KafkaBackupError[] = []
  const attempts = [
    () => backend.put('a', Buffer.from('x')),
    () => backend.replace('a', Buffer.from('x')),
    () => backend.read('a', 10),
    () => backend.readRange('a', { begin: 0, end: 1 }),
    () => backend.stat('a'),
    () => backend.listFolders(''),
    () => backend.delete('a'),
  ]
  for (const attempt of attempts) {
    await assert.rejects(attempt, (error) => {
      assert.ok(isKafkaBackupError(error), inspect(error))
      errors.push(error)
      return true
    })
  }
  await backend.close()
  return errors
}

/** Fails when a value shows one of the secrets to whoever prints it. */
export function expectSilent(value: object, hidden: readonly string[]): void {
  const { stack = '', location = '' } = value as { stack?: string; location?: string }
  const shown = [inspect(value, { depth: 20, showHidden: true }), stack, location].join('\n')
  for (const secret of hidden) assert.ok(!shown.includes(secret), shown)
}
