import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { expectBytes, expectCode, patternBytes } from '../../../testkit/src/conformance/storage-subject.ts'
import { missingS3Server, type S3Server, startS3Server } from '../../../testkit/src/stores/versity-gateway.ts'
import { openS3 } from '../../src/storage/s3/location.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { errorXml, type LossyProxy, openLossyProxy } from './lossy-proxy.ts'
import { freshBucket, keysOf, openBucket } from './s3-subject.ts'

const KEY = 'daily/commits/00000000000000000001.json'
const MIB = 1024 * 1024

describe('S3 when answers are lost', { skip: missingS3Server() }, () => {
  let server: S3Server
  let proxy: LossyProxy
  let backend: StorageBackend
  let direct: StorageBackend

  before(async () => {
    server = await startS3Server()
  })
  after(() => server?.close())

  beforeEach(async () => {
    const bucket = await freshBucket(server)
    proxy = await openLossyProxy(server.endpoint)
    backend = openS3(new URL(`s3://${bucket}?endpoint=${proxy.endpoint}`), keysOf(server))
    direct = openBucket(server, bucket)
  })
  afterEach(async () => {
    await backend.close()
    await direct.close()
    await proxy[Symbol.asyncDispose]()
  })

  const loseFirst = (method: string, part = ''): void => {
    let isDone = false
    proxy.decide = (seenMethod, path) => {
      if (isDone || seenMethod !== method || !path.includes(part)) return 'pass'
      isDone = true
      return 'lose'
    }
  }

  async function stream(bytes: Uint8Array) {
    const writer = await backend.openWrite(KEY)
    await writer.write([bytes])
    return writer
  }

  it('takes a put for done when its own bytes are there', async () => {
    loseFirst('PUT')
    await backend.put(KEY, Buffer.from('ours'))
    assert.equal((await direct.read(KEY, 100)).toString(), 'ours')
  })

  it('takes a put for done when the store has it and says that it failed', async () => {
    proxy.decide = (method) => (method === 'PUT' ? { garble: 503, body: errorXml('SlowDown') } : 'pass')
    await backend.put(KEY, Buffer.from('ours'))
  })

  it('does not take the bytes of somebody else for its own', async () => {
    await direct.put(KEY, Buffer.from('them'))
    loseFirst('PUT')
    await expectCode(backend.put(KEY, Buffer.from('ours')), 'KB_OBJECT_EXISTS')
    await expectCode(backend.put(KEY, Buffer.from('longer')), 'KB_OBJECT_EXISTS')
    assert.equal((await direct.read(KEY, 100)).toString(), 'them')
  })

  it('calls a put that never arrived unavailable, so that it is tried again', async () => {
    proxy.decide = (method) => (method === 'PUT' ? 'drop' : 'pass')
    await expectCode(backend.put(KEY, Buffer.from('ours')), 'KB_STORAGE_UNAVAILABLE')
    assert.equal(await direct.stat(KEY), undefined)
    proxy.decide = () => 'pass'
    await backend.put(KEY, Buffer.from('ours'))
  })

  it('commits a small stream through lost and late answers', async () => {
    const bytes = patternBytes(100_000, 3)
    const writer = await stream(bytes)
    // The first put is carried out, and neither its answer nor the look at the object comes back.
    proxy.decide = (_method, _path, count) => (count <= 2 ? 'lose' : 'pass')
    await writer.commit()
    expectBytes(await direct.read(KEY, MIB), bytes)
  })

  it('commits a large stream through lost answers of parts and of the end', async () => {
    const bytes = patternBytes(20 * MIB, 5)
    const lost = new Set<string>()
    proxy.decide = (method, path) => {
      const step = `${method} ${path.replace(/uploadId=[^&]*/, '')}`
      if (method === 'HEAD' || lost.has(step)) return 'pass'
      lost.add(step)
      return 'lose'
    }
    const writer = await stream(bytes)
    await writer.commit()
    assert.equal(lost.size, 5, [...lost].join('\n'))
    const half = 10 * MIB
    expectBytes(await direct.readRange(KEY, { begin: 0, end: half }), bytes.subarray(0, half))
    expectBytes(await direct.readRange(KEY, { begin: half, end: bytes.length }), bytes.subarray(half))
  })

  it('knows its upload again when the end of it was carried out and also the look was lost', async () => {
    const writer = await stream(patternBytes(9 * MIB, 6))
    let ends = 0
    proxy.decide = (method, path) => {
      if (method === 'POST' && path.includes('uploadId')) return ++ends === 1 ? 'lose' : 'pass'
      return method === 'HEAD' && ends === 1 ? 'drop' : 'pass'
    }
    await writer.commit()
    assert.equal((await direct.stat(KEY))?.bytes, 9 * MIB)
    assert.ok(ends > 1, 'it was asked again')
  })

  it('does not take a large object of somebody else for its own', async () => {
    const writer = await stream(patternBytes(9 * MIB, 7))
    const other = await direct.openWrite(KEY)
    await other.write([patternBytes(9 * MIB, 8)])
    await other.commit()
    let ends = 0
    proxy.decide = (method, path) =>
      method === 'POST' && path.includes('uploadId') && ++ends === 1 ? 'lose' : 'pass'
    await expectCode(writer.commit(), 'KB_OBJECT_EXISTS')
    expectBytes(
      await direct.readRange(KEY, { begin: 0, end: MIB }),
      patternBytes(9 * MIB, 8).subarray(0, MIB),
    )
  })

  it('takes an error document with status 200 for the error that it is', async () => {
    const writer = await stream(patternBytes(9 * MIB, 9))
    let ends = 0
    proxy.decide = (method, path) => {
      const isEnd = method === 'POST' && path.includes('uploadId')
      return isEnd && ++ends === 1 ? { refuse: 200, body: errorXml('InternalError') } : 'pass'
    }
    await writer.commit()
    assert.equal(ends, 2)
    assert.equal((await direct.stat(KEY))?.bytes, 9 * MIB)
  })

  it('leaves no parts behind after abort, nor after a failure', async () => {
    const writer = await stream(patternBytes(9 * MIB, 10))
    await writer.abort()
    const failed = await stream(patternBytes(9 * MIB, 11))
    proxy.decide = (method) => (method === 'PUT' ? { refuse: 403, body: errorXml('AccessDenied') } : 'pass')
    await failed.write([patternBytes(9 * MIB, 12)]).catch(() => undefined)
    await expectCode(failed.commit(), 'KB_STORAGE_PERMISSION')
    const begun = proxy.seen.filter((line) => line.startsWith('POST') && line.includes('uploads'))
    const aborted = proxy.seen.filter((line) => line.startsWith('DELETE') && line.includes('uploadId'))
    assert.equal(begun.length, 2)
    assert.equal(aborted.length, 2)
  })

  it('reports a body that breaks off, and never gives the half of it', async () => {
    await direct.put(KEY, patternBytes(1_000, 13))
    proxy.decide = (method) => (method === 'GET' ? 'cut' : 'pass')
    await expectCode(backend.readRange(KEY, { begin: 0, end: 1_000 }), 'KB_STORAGE_UNAVAILABLE')
    await expectCode(backend.read(KEY, 1_000), 'KB_STORAGE_UNAVAILABLE')
    proxy.decide = (method) => (method === 'GET' ? { refuse: 200, body: 'short' } : 'pass')
    await expectCode(backend.readRange(KEY, { begin: 0, end: 1_000 }), 'KB_STORAGE_UNAVAILABLE')
  })

  it('gets fresh credentials once when they have expired, and then gives up with a hint', async () => {
    const bucket = await freshBucket(server)
    const ambient = { AWS_ACCESS_KEY_ID: server.accessKey, AWS_SECRET_ACCESS_KEY: server.secretKey }
    const before = { ...process.env }
    Object.assign(process.env, ambient)
    try {
      const store = openS3(new URL(`s3://${bucket}?endpoint=${proxy.endpoint}`), new Map())
      let puts = 0
      proxy.decide = (method) =>
        method === 'PUT' && ++puts === 1 ? { refuse: 400, body: errorXml('ExpiredToken') } : 'pass'
      await store.put(KEY, Buffer.from('x'))
      assert.equal(puts, 2)
      let heads = 0
      proxy.decide = (method) =>
        method === 'HEAD' && ++heads === 1 ? { refuse: 400, body: errorXml('ExpiredToken') } : 'pass'
      assert.equal((await store.stat(KEY))?.bytes, 1, 'an answer to HEAD has no document')
      // Without a document only HEAD may mean that; anything else is refused for good, and is not asked twice.
      let others = 0
      proxy.decide = (method) => {
        if (method !== 'HEAD') others++
        return { refuse: 400, body: '' }
      }
      await expectCode(store.stat(KEY), 'KB_STORAGE_PERMISSION')
      await expectCode(store.read(KEY, 10), 'KB_STORAGE_UNSUPPORTED')
      await expectCode(store.put('other', Buffer.from('x')), 'KB_STORAGE_UNSUPPORTED')
      assert.equal(others, 2)
      proxy.decide = () => ({ refuse: 400, body: errorXml('ExpiredToken') })
      await expectCode(store.put('other', Buffer.from('x')), 'KB_STORAGE_PERMISSION')
      await store.close()
    } finally {
      for (const name of Object.keys(ambient)) {
        if (before[name] === undefined) delete process.env[name]
        else process.env[name] = before[name]
      }
    }
  })
})
