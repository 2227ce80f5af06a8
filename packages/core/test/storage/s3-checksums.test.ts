import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { expectCode, patternBytes } from '../../../testkit/src/conformance/storage-subject.ts'
import { missingS3Server, type S3Server, startS3Server } from '../../../testkit/src/stores/versity-gateway.ts'
import { openS3 } from '../../src/storage/s3/location.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { type LossyProxy, openLossyProxy } from './lossy-proxy.ts'
import { freshBucket, keysOf } from './s3-subject.ts'

const MIB = 1024 * 1024
const SMALL = patternBytes(1_000, 1)
const LARGE = patternBytes(9 * MIB, 2)
/** A success as something between us and the store would say it: nothing in it is of the store. */
const HOLLOW = { refuse: 200, body: '' } as const

const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('base64')

describe('what S3 and its client check of each other', { skip: missingS3Server() }, () => {
  let server: S3Server
  let proxy: LossyProxy
  let backend: StorageBackend

  before(async () => {
    server = await startS3Server()
  })
  after(() => server?.close())
  beforeEach(async () => {
    proxy = await openLossyProxy(server.endpoint)
    backend = openS3(new URL(`s3://${await freshBucket(server)}?endpoint=${proxy.endpoint}`), keysOf(server))
  })
  afterEach(async () => {
    await backend.close()
    await proxy[Symbol.asyncDispose]()
  })

  const stream = async (key: string, bytes: Uint8Array) => {
    const writer = await backend.openWrite(key)
    await writer.write([bytes])
    await writer.commit()
  }

  it('sends the MD5 of every body, which the store compares and a bucket with object lock demands', async () => {
    const sent: unknown[] = []
    proxy.prepare = async ({ method, headers }) => {
      if (method === 'PUT') sent.push(headers['content-md5'])
    }
    await backend.put('put', SMALL)
    await backend.replace('replaced', SMALL)
    await stream('small', SMALL)
    await stream('large', LARGE)
    const parts = [LARGE.subarray(0, 8 * MIB), LARGE.subarray(8 * MIB)].map(md5)
    const small = md5(SMALL)
    assert.deepEqual(sent.slice(0, 3), [small, small, small])
    assert.deepEqual(sent.slice(3).toSorted(), parts.toSorted())
  })

  it('takes no success without a tag for a stored object', async () => {
    proxy.decide = (method) => (method === 'PUT' ? HOLLOW : 'pass')
    await expectCode(backend.put('put', SMALL), 'KB_STORAGE_UNAVAILABLE')
    await expectCode(backend.replace('replaced', SMALL), 'KB_STORAGE_UNAVAILABLE')
  })

  it('sends a part again that was taken without a tag', async () => {
    let parts = 0
    proxy.decide = (method, path) =>
      method === 'PUT' && path.includes('partNumber') && ++parts === 1 ? HOLLOW : 'pass'
    await stream('large', LARGE)
    assert.equal(parts, 3)
    assert.equal((await backend.stat('large'))?.bytes, LARGE.length)
  })

  for (const body of [
    '<html><body>ok</body></html>',
    '<CompleteMultipartUploadResult/>',
    '<error>no</error>',
  ]) {
    it(`asks again for the end of an upload that was answered by 200 ${body}`, async () => {
      let ends = 0
      proxy.decide = (method, path) =>
        method === 'POST' && path.includes('uploadId=') && ++ends === 1 ? { refuse: 200, body } : 'pass'
      await stream('large', LARGE)
      assert.equal((await backend.stat('large'))?.bytes, LARGE.length)
      assert.equal(ends, 2)
    })
  }

  it('reads again what is not what was put, until it is or stays the same', async () => {
    let reads = 0
    const spoilt = (times: number) => {
      reads = 0
      proxy.decide = (method) => {
        if (method !== 'GET' || ++reads > times) return 'pass'
        return { rewrite: (body) => body.replace('u', 'v') }
      }
    }
    await backend.put('put', Buffer.from('ours'))
    spoilt(1)
    assert.equal(String(await backend.read('put', 10)), 'ours')
    assert.equal(reads, 2)
    spoilt(Number.POSITIVE_INFINITY)
    assert.equal(String(await backend.read('put', 10)), 'ovrs')
    assert.equal(reads, 2)
  })

  it('knows its own bytes after a lost answer, also when they are spoilt as it looks', async () => {
    let reads = 0
    proxy.decide = (method) => {
      if (method === 'PUT') return 'lose'
      return method === 'GET' && ++reads === 1 ? { rewrite: (body) => body.replace('u', 'v') } : 'pass'
    }
    await backend.put('put', Buffer.from('ours'))
    assert.equal(reads, 2)
  })

  it('takes no answer without a tag for an object', async () => {
    await backend.put('put', SMALL)
    proxy.decide = (method) => (method === 'GET' ? { refuse: 200, body: 'please sign in' } : 'pass')
    await expectCode(backend.read('put', 1_000), 'KB_STORAGE_UNAVAILABLE')
    await expectCode(backend.readRange('put', { begin: 0, end: 14 }), 'KB_STORAGE_UNAVAILABLE')
  })
})
