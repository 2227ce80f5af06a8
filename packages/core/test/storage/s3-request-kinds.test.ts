import assert from 'node:assert/strict'
import { it } from 'node:test'
import { missingS3Server, startS3Server } from '../../../testkit/src/stores/versity-gateway.ts'
import { withResilience } from '../../src/storage/resilience.ts'
import { openS3 } from '../../src/storage/s3/location.ts'
import { RequestCounter } from '../../src/storage/storage-request.ts'
import { STORAGE_RETRY } from '../../src/storage/store-retry.ts'
import { openLossyProxy } from './lossy-proxy.ts'
import { loseFirst } from './lost-answers-suite.ts'
import { freshBucket, keysOf } from './s3-subject.ts'

const MIB = 1024 * 1024

it('requests to S3 are told apart by what they cost', { skip: missingS3Server() }, async () => {
  await using server = await startS3Server()
  const counter = new RequestCounter()
  const url = new URL(`s3://${await freshBucket(server)}?endpoint=${server.endpoint}`)
  const backend = openS3(url, keysOf(server), { onRequest: counter.onRequest })
  await backend.put('a', Buffer.from('a'))
  await backend.read('a', 10)
  await backend.stat('a')
  for await (const { key } of backend.list('')) assert.equal(key, 'a')
  await backend.delete('a')
  const writer = await backend.openWrite('b')
  await writer.write([Buffer.alloc(17 * MIB)])
  await writer.commit()
  const given = await backend.openWrite('c')
  await given.write([Buffer.alloc(9 * MIB)])
  await given.abort()
  await backend.close()
  assert.deepEqual(counter.counts, {
    put: 1,
    get: 1,
    head: 1,
    list: 1,
    // That of parts too, which costs nothing either.
    delete: 2,
    begin_upload: 2,
    upload_part: 3 + 1,
    complete_upload: 1,
    other: 0,
  })
})

it('the search for an upload that nobody heard of is a listing', { skip: missingS3Server() }, async () => {
  await using server = await startS3Server()
  await using proxy = await openLossyProxy(server.endpoint)
  loseFirst(proxy, (method, path) => method === 'POST' && path.includes('?uploads'))
  const counter = new RequestCounter()
  const url = new URL(`s3://${await freshBucket(server)}?endpoint=${proxy.endpoint}`)
  const backend = openS3(url, keysOf(server), { onRequest: counter.onRequest })
  const writer = await backend.openWrite('a')
  await writer.write([Buffer.alloc(9 * MIB)])
  await writer.commit()
  await backend.close()
  const { begin_upload, list, delete: deletions, other } = counter.counts
  assert.deepEqual([begin_upload, list, deletions, other], [2, 1, 1, 0])
})

it('requests that are made again are counted as often as they are sent', {
  skip: missingS3Server(),
}, async () => {
  await using server = await startS3Server()
  await using proxy = await openLossyProxy(server.endpoint)
  const url = new URL(`s3://${await freshBucket(server)}?endpoint=${proxy.endpoint}`)
  const { storage, usage } = withResilience((hooks) => openS3(url, keysOf(server), hooks), {
    retry: { ...STORAGE_RETRY, firstDelayMs: 5, maxDelayMs: 20 },
    breaker: { failures: 5, firstPauseMs: 20, maxPauseMs: 40 },
  })
  // Enough to open the breaker, whose tries are requests too.
  let drops = 8
  proxy.decide = (method, path) =>
    method === 'PUT' && path.includes('partNumber') && drops-- > 0 ? 'drop' : 'pass'
  const writers = await Promise.all(['a', 'b', 'c'].map((key) => storage.openWrite(key)))
  await Promise.all(writers.map((writer) => writer.write([Buffer.alloc(9 * MIB)])))
  await Promise.all(writers.map((writer) => writer.commit()))
  await storage.close()
  const { begin_upload, upload_part, complete_upload, ...others } = usage().requests
  assert.deepEqual(
    { begin_upload, upload_part, complete_upload },
    {
      begin_upload: 3,
      upload_part: 6 + 8,
      complete_upload: 3,
    },
  )
  assert.deepEqual(Object.values(others), [0, 0, 0, 0, 0, 0])
  assert.equal(proxy.seen.length, 3 + 14 + 3)
})
