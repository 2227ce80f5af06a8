import type { S3Server } from '../../../testkit/src/stores/versity-gateway.ts'
import { Secret } from '../../src/runtime/secret.ts'
import { openS3 } from '../../src/storage/s3/location.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import type { CredentialName, StorageCredentials } from '../../src/storage/storage-credentials.ts'

let bucketCount = 0

/** Makes a bucket that nothing else of this process uses. */
export async function freshBucket(server: S3Server): Promise<string> {
  const name = `bucket-${process.pid}-${++bucketCount}`
  await server.createBucket(name)
  return name
}

/** The keys of the account of the server, or others in their place. */
export function keysOf(
  server: S3Server,
  other: Partial<Record<CredentialName, string>> = {},
): StorageCredentials {
  const keys = { access_key: server.accessKey, secret_key: server.secretKey, ...other }
  return new Map(Object.entries(keys).map(([name, value]) => [name as CredentialName, new Secret(value)]))
}

/** A backend for a bucket of the server; `query` goes on after the endpoint, such as `&single_writer=true`. */
export function openBucket(server: S3Server, path: string, query = ''): StorageBackend {
  return openS3(new URL(`s3://${path}?endpoint=${server.endpoint}${query}`), keysOf(server))
}
