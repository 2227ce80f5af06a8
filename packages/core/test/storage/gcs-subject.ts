import type { GcsServer } from '../../../testkit/src/stores/fake-gcs.ts'
import { openGcs } from '../../src/storage/gcs/location.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'

let bucketCount = 0

/** Makes a bucket that nothing else of this process uses. */
export async function freshBucket(server: GcsServer): Promise<string> {
  const name = `bucket-${process.pid}-${++bucketCount}`
  await server.createBucket(name)
  return name
}

/** A backend for a bucket; `query` goes on after the endpoint, such as `&single_writer=true`. */
export function openBucket(
  { endpoint }: { readonly endpoint: string },
  path: string,
  query = '',
): StorageBackend {
  return openGcs(new URL(`gs://${path}?endpoint=${endpoint}${query}`))
}

/** An error document of Google. */
export function errorJson(status: number, reason: string, message = 'as the test wants it'): string {
  const errors = [{ message, domain: 'global', reason }]
  return JSON.stringify({ error: { code: status, message, errors } })
}
