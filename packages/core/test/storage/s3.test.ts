import { after, before, describe } from 'node:test'
import { describeStorageBackend } from '../../../testkit/src/conformance/storage-backend.ts'
import { missingS3Server, type S3Server, startS3Server } from '../../../testkit/src/stores/versity-gateway.ts'
import { givenStore } from './s3-given-store.ts'
import { freshBucket, openBucket } from './s3-subject.ts'

const given = givenStore(process.env)

if (given) {
  describe('S3, the store of KB_TEST_S3_BUCKET', () => {
    describeStorageBackend('s3', async () => given.openPrefix())
  })
} else {
  describe('S3, a real server', { skip: missingS3Server() }, () => {
    let server: S3Server

    before(async () => {
      server = await startS3Server()
    })

    after(() => server?.close())

    describeStorageBackend('s3', async () => {
      const place = `${await freshBucket(server)}/some/prefix`
      const backend = openBucket(server, place)
      return {
        backend,
        reopen: async () => openBucket(server, place),
        close: () => backend.close(),
      }
    })
  })
}
