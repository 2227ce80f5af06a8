import { openS3 } from '../../src/storage/s3/location.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'

/** A bucket that somebody has, to run the conformance suite on; its credentials are in the standard chain of AWS. */
export interface GivenStore {
  /** Two backends of one prefix that nothing else uses, and the end of it. */
  openPrefix(): { backend: StorageBackend; reopen(): Promise<StorageBackend>; close(): Promise<void> }
}

let prefixCount = 0

/** The store of `KB_TEST_S3_BUCKET`, with `KB_TEST_S3_ENDPOINT` and `KB_TEST_S3_REGION` if it is not AWS; undefined without it. */
export function givenStore(env: NodeJS.ProcessEnv): GivenStore | undefined {
  const { KB_TEST_S3_BUCKET: bucket, KB_TEST_S3_ENDPOINT: endpoint, KB_TEST_S3_REGION: region } = env
  if (!bucket) return undefined
  const run = `kafka-backup-conformance-${Date.now().toString(36)}-${process.pid}`
  return {
    openPrefix() {
      const url = new URL(`s3://${bucket}/${run}/${++prefixCount}`)
      if (endpoint) url.searchParams.set('endpoint', endpoint)
      if (region) url.searchParams.set('region', region)
      const open = () => openS3(url, new Map())
      const backend = open()
      return {
        backend,
        reopen: async () => open(),
        async close() {
          await backend.close()
          const cleaner = open()
          for await (const { key } of cleaner.list('')) await cleaner.delete(key)
          await cleaner.close()
        },
      }
    },
  }
}
