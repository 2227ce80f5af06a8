import { after, before, describe } from 'node:test'
import { describeStorageBackend } from '../../../testkit/src/conformance/storage-backend.ts'
import { type GcsServer, missingGcsServer, startGcsServer } from '../../../testkit/src/stores/fake-gcs.ts'
import { freshBucket, openBucket } from './gcs-subject.ts'

describe('Google Cloud Storage, on fake-gcs-server', { skip: missingGcsServer() }, () => {
  let server: GcsServer

  before(async () => {
    server = await startGcsServer()
  })

  after(() => server?.close())

  describeStorageBackend('gcs', async () => {
    const place = `${await freshBucket(server)}/some/prefix`
    const backend = openBucket(server, place)
    return {
      backend,
      reopen: async () => openBucket(server, place),
      close: () => backend.close(),
    }
  })
})
