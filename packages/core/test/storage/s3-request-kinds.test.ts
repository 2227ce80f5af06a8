import assert from 'node:assert/strict'
import { it } from 'node:test'
import { missingS3Server, startS3Server } from '../../../testkit/src/stores/versity-gateway.ts'
import { openS3 } from '../../src/storage/s3/location.ts'
import { RequestCounter } from '../../src/storage/storage-request.ts'
import { freshBucket, keysOf } from './s3-subject.ts'

const MIB = 1024 * 1024

it('requests to S3 are told apart by what they cost', { skip: missingS3Server() }, async () => {
  await using server = await startS3Server()
  const counter = new RequestCounter()
  const url = new URL(`s3://${await freshBucket(server)}?endpoint=${server.endpoint}`)
  const backend = openS3(url, keysOf(server), counter.onRequest)
  await backend.put('a', Buffer.from('a'))
  await backend.read('a', 10)
  await backend.stat('a')
  for await (const { key } of backend.list('')) assert.equal(key, 'a')
  await backend.delete('a')
  const writer = await backend.openWrite('b')
  await writer.write([Buffer.alloc(17 * MIB)])
  await writer.commit()
  await backend.close()
  assert.deepEqual(counter.counts, {
    put: 1,
    get: 1,
    head: 1,
    list: 1,
    delete: 1,
    begin_upload: 1,
    upload_part: 3,
    complete_upload: 1,
    other: 0,
  })
})
