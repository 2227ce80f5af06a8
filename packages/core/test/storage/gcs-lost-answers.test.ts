import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { expectBytes, expectCode, patternBytes } from '../../../testkit/src/conformance/storage-subject.ts'
import { type GcsServer, missingGcsServer, startGcsServer } from '../../../testkit/src/stores/fake-gcs.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { type GcsSessions, openGcsSessions } from './gcs-sessions.ts'
import { errorJson, freshBucket, openBucket } from './gcs-subject.ts'
import { type LossyProxy, openLossyProxy } from './lossy-proxy.ts'

const KEY = 'daily/commits/00000000000000000001.json'
const MIB = 1024 * 1024

const isUpload = (method: string): boolean => method === 'POST' || method === 'PUT'
const isLook = (method: string, path: string): boolean => method === 'GET' && !path.includes('alt=media')

describe('Google Cloud Storage when answers are lost', { skip: missingGcsServer() }, () => {
  let server: GcsServer
  let sessions: GcsSessions
  let proxy: LossyProxy
  let backend: StorageBackend
  let direct: StorageBackend

  before(async () => {
    server = await startGcsServer()
  })
  after(() => server?.close())

  beforeEach(async () => {
    const bucket = await freshBucket(server)
    sessions = await openGcsSessions(server.endpoint)
    proxy = await openLossyProxy(sessions.endpoint)
    backend = openBucket(proxy, bucket)
    direct = openBucket(server, bucket)
  })
  afterEach(async () => {
    await backend.close()
    await direct.close()
    await proxy[Symbol.asyncDispose]()
    await sessions[Symbol.asyncDispose]()
  })

  const loseFirst = (wanted: string): void => {
    let isDone = false
    proxy.decide = (method) => {
      if (isDone || method !== wanted) return 'pass'
      isDone = true
      return 'lose'
    }
  }

  async function stream(bytes: Uint8Array, into = backend) {
    const writer = await into.openWrite(KEY)
    await writer.write([bytes])
    return writer
  }

  async function expectObject(bytes: Buffer): Promise<void> {
    expectBytes(await direct.read(KEY, bytes.length), bytes)
  }

  const count = (method: string): number => proxy.seen.filter((line) => line.startsWith(`${method} `)).length

  it('takes a put for done when its own bytes are there', async () => {
    loseFirst('POST')
    await backend.put(KEY, Buffer.from('ours'))
    await expectObject(Buffer.from('ours'))
    assert.equal(count('POST'), 1, 'nothing is repeated')
  })

  for (const [what, body] of [
    ['an error document', errorJson(503, 'backendError')],
    ['nothing', ''],
  ] as const) {
    it(`takes ${what} with status 200 for no success of anything`, async () => {
      await direct.put(KEY, Buffer.from('there'))
      proxy.decide = () => ({ refuse: 200, body })
      const other = `${KEY}-other`
      await expectCode(backend.put(other, Buffer.from('lost')), 'KB_STORAGE_UNAVAILABLE')
      await expectCode(backend.replace(other, Buffer.from('lost')), 'KB_STORAGE_UNAVAILABLE')
      await expectCode(backend.stat(KEY), 'KB_STORAGE_UNAVAILABLE')
      await expectCode(backend.listFolders(''), 'KB_STORAGE_UNAVAILABLE')
      await expectCode(backend.list('')[Symbol.asyncIterator]().next(), 'KB_STORAGE_UNAVAILABLE')
      proxy.decide = () => 'pass'
      assert.equal(await direct.stat(other), undefined)
    })
  }

  it('takes a put for done when the store has it and says that it failed', async () => {
    proxy.decide = (method) =>
      method === 'POST' ? { garble: 503, body: errorJson(503, 'backendError') } : 'pass'
    await backend.put(KEY, Buffer.from('ours'))
    assert.equal(count('POST'), 1)
  })

  it('does not take the bytes of somebody else for its own', async () => {
    await direct.put(KEY, Buffer.from('them'))
    loseFirst('POST')
    await expectCode(backend.put(KEY, Buffer.from('ours')), 'KB_OBJECT_EXISTS')
    await expectCode(backend.put(KEY, Buffer.from('longer')), 'KB_OBJECT_EXISTS')
    await expectObject(Buffer.from('them'))
  })

  it('takes the lack of a right to delete for a taken key', async () => {
    const message = 'x@y does not have storage.objects.delete access to the object.'
    proxy.decide = (method) =>
      isUpload(method) ? { refuse: 403, body: errorJson(403, 'forbidden', message) } : 'pass'
    await expectCode(backend.put(KEY, Buffer.from('ours')), 'KB_OBJECT_EXISTS')
    await expectCode(backend.replace(KEY, Buffer.from('ours')), 'KB_STORAGE_PERMISSION')
  })

  it('calls a put that never arrived unavailable, so that it is tried again', async () => {
    proxy.decide = (method) => (method === 'POST' ? 'drop' : 'pass')
    await expectCode(backend.put(KEY, Buffer.from('ours')), 'KB_STORAGE_UNAVAILABLE')
    assert.equal(await direct.stat(KEY), undefined)
    proxy.decide = () => 'pass'
    await backend.put(KEY, Buffer.from('ours'))
  })

  it('commits a small stream through lost and late answers', async () => {
    const bytes = patternBytes(100_000, 3)
    const writer = await stream(bytes)
    // The first put is carried out, and neither its answer nor the look at the object comes back.
    proxy.decide = (_method, _path, seen) => (seen <= 2 ? 'lose' : 'pass')
    await writer.commit()
    await expectObject(bytes)
  })

  it('commits a large stream through lost answers of the begin, of each chunk and of the end', async () => {
    const bytes = patternBytes(20 * MIB, 5)
    let lost = 0
    let requests = 0
    // Every second request, so that the questions for the range are answered.
    proxy.decide = (method) => {
      if (!isUpload(method) || ++requests % 2 === 0) return 'pass'
      lost++
      return 'lose'
    }
    const writer = await stream(bytes)
    await writer.commit()
    assert.ok(lost >= 4, `${lost}`)
    await expectObject(bytes)
  })

  it('sends again what never arrived, from where the store says', async () => {
    const bytes = patternBytes(20 * MIB, 6)
    let requests = 0
    // A chunk, the question for the range, and the chunk again.
    proxy.decide = (method) => (method === 'PUT' && ++requests % 3 === 1 ? 'drop' : 'pass')
    const writer = await stream(bytes)
    await writer.commit()
    await expectObject(bytes)
  })

  it('goes on where the store takes less than it was sent', async () => {
    const bytes = patternBytes(17 * MIB, 7)
    sessions.takesAtMost = 3 * MIB
    const writer = await stream(bytes)
    await writer.commit()
    await expectObject(bytes)
  })

  it('ends a stream that has exactly whole chunks', async () => {
    const bytes = patternBytes(16 * MIB, 8)
    loseFirst('PUT')
    const writer = await stream(bytes)
    await writer.commit()
    await expectObject(bytes)
  })

  it('knows its upload again when its end was carried out and also the look was lost', async () => {
    const writer = await stream(patternBytes(9 * MIB, 9))
    let ends = 0
    let looks = 0
    proxy.decide = (method, path) => {
      if (method === 'PUT') return ++ends === 1 ? 'lose' : 'pass'
      return isLook(method, path) && ++looks === 1 ? 'drop' : 'pass'
    }
    await writer.commit()
    await expectObject(patternBytes(9 * MIB, 9))
    assert.ok(looks > 1, 'it looked again')
  })

  it('does not take a large object of somebody else for its own, though it has the same length', async () => {
    const writer = await stream(patternBytes(9 * MIB, 10))
    const other = await stream(patternBytes(9 * MIB, 11), direct)
    await other.commit()
    loseFirst('PUT')
    await expectCode(writer.commit(), 'KB_OBJECT_EXISTS')
    await expectObject(patternBytes(9 * MIB, 11))
  })

  it('does not take the same bytes of somebody else for its own upload', async () => {
    const writer = await stream(patternBytes(9 * MIB, 12))
    const other = await stream(patternBytes(9 * MIB, 12), direct)
    await other.commit()
    loseFirst('PUT')
    await expectCode(writer.commit(), 'KB_OBJECT_EXISTS')
  })

  it('refuses a small body that was damaged on the way, and sends it again in a stream', async () => {
    const bytes = patternBytes(100_000, 13)
    proxy.decide = (method) => (method === 'POST' ? 'damage' : 'pass')
    await expectCode(backend.put('small', bytes), 'KB_STORAGE_UNAVAILABLE')
    assert.equal(await direct.stat('small'), undefined)
    let posts = 0
    proxy.decide = (method) => (method === 'POST' && ++posts === 1 ? 'damage' : 'pass')
    const writer = await stream(bytes)
    await writer.commit()
    await expectObject(bytes)
  })

  it('leaves no object of chunks that were damaged on the way', async () => {
    let puts = 0
    proxy.decide = (method) => (method === 'PUT' && ++puts === 1 ? 'damage' : 'pass')
    const writer = await stream(patternBytes(9 * MIB, 14))
    await assert.rejects(writer.commit(), /its checksum differs/)
    assert.equal(await direct.stat(KEY), undefined)
  })

  it('says so when the store has forgotten the upload', async () => {
    const writer = await stream(patternBytes(9 * MIB, 15))
    sessions.forget()
    await expectCode(writer.commit(), 'KB_STORAGE_UNSUPPORTED')
    assert.equal(await direct.stat(KEY), undefined)
  })

  it('ends the session by abort and by a failure, and makes nothing visible', async () => {
    const writer = await stream(patternBytes(17 * MIB, 16))
    assert.equal(sessions.open.size, 1)
    await writer.abort()
    assert.equal(sessions.open.size, 0)
    const failed = await stream(patternBytes(17 * MIB, 17))
    proxy.decide = (method) =>
      method === 'PUT' ? { refuse: 403, body: errorJson(403, 'forbidden') } : 'pass'
    await expectCode(failed.commit(), 'KB_STORAGE_PERMISSION')
    assert.equal(sessions.open.size, 0)
    for await (const entry of direct.list('')) assert.fail(entry.key)
  })

  it('reports a body that breaks off, and never gives the half of it', async () => {
    await direct.put(KEY, patternBytes(1_000, 18))
    proxy.decide = (method) => (method === 'GET' ? 'cut' : 'pass')
    await expectCode(backend.readRange(KEY, { begin: 0, end: 1_000 }), 'KB_STORAGE_UNAVAILABLE')
    await expectCode(backend.read(KEY, 1_000), 'KB_STORAGE_UNAVAILABLE')
    await expectCode(backend.stat(KEY), 'KB_STORAGE_UNAVAILABLE')
    assert.equal(count('GET'), 3, 'nothing is repeated')
  })

  it('stops in the middle of a body with the reason of its signal', async () => {
    await direct.put(KEY, patternBytes(MIB, 19))
    const reason = new Error('stopped by the test')
    const abortion = new AbortController()
    proxy.decide = () => {
      abortion.abort(reason)
      return 'pass'
    }
    await assert.rejects(backend.read(KEY, MIB, { signal: abortion.signal }), (error) => error === reason)
    await assert.rejects(
      backend.put('other', Buffer.from('x'), { signal: abortion.signal }),
      (error) => error === reason,
    )
  })
})
