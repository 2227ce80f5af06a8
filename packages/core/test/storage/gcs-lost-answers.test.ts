import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { expectBytes, expectCode, patternBytes } from '../../../testkit/src/conformance/storage-subject.ts'
import { type GcsServer, missingGcsServer, startGcsServer } from '../../../testkit/src/stores/fake-gcs.ts'
import { crc32c } from '../../src/protocol/crc32c.ts'
import { encodeCrc32c } from '../../src/storage/gcs/object-requests.ts'
import { KEY } from './foreign-answers-suite.ts'
import { type GcsSessions, openGcsSessions } from './gcs-sessions.ts'
import { errorJson, freshBucket, openBucket } from './gcs-subject.ts'
import { openLossyProxy } from './lossy-proxy.ts'
import { describeLostAnswers, loseFirst, MIB, stream } from './lost-answers-suite.ts'

const isUpload = (method: string): boolean => method === 'POST' || method === 'PUT'

describe('Google Cloud Storage when answers are lost', { skip: missingGcsServer() }, () => {
  let server: GcsServer
  let sessions: GcsSessions

  before(async () => {
    server = await startGcsServer()
  })
  after(() => server?.close())

  const place = describeLostAnswers(
    {
      isPut: (method) => method === 'POST',
      isEnd: (method) => method === 'PUT',
      isLook: (method, path) => method === 'GET' && !path.includes('alt=media'),
      busy: errorJson(503, 'backendError'),
      listsBehind: 'startOffset',
      doubled: (listing) => {
        const page = JSON.parse(listing) as { readonly items: readonly object[] }
        return JSON.stringify({ ...page, items: [page.items[0], ...page.items] })
      },
    },
    async () => {
      const bucket = await freshBucket(server)
      sessions = await openGcsSessions(server.endpoint)
      const proxy = await openLossyProxy(sessions.endpoint)
      const backend = openBucket(proxy, bucket)
      const direct = openBucket(server, bucket)
      return { proxy, backend, direct, behind: sessions }
    },
  )

  async function expectObject(bytes: Buffer): Promise<void> {
    expectBytes(await place.current.direct.read(KEY, bytes.length), bytes)
  }

  it('takes the lack of a right to delete for a taken key', async () => {
    const message = 'x@y does not have storage.objects.delete access to the object.'
    place.current.proxy.decide = (method) =>
      isUpload(method) ? { refuse: 403, body: errorJson(403, 'forbidden', message) } : 'pass'
    await expectCode(place.current.backend.put(KEY, Buffer.from('ours')), 'KB_OBJECT_EXISTS')
    await expectCode(place.current.backend.replace(KEY, Buffer.from('ours')), 'KB_STORAGE_PERMISSION')
  })

  it('sends again what never arrived, from where the store says', async () => {
    const bytes = patternBytes(20 * MIB, 6)
    let requests = 0
    // A chunk, the question for the range, and the chunk again.
    place.current.proxy.decide = (method) => (method === 'PUT' && ++requests % 3 === 1 ? 'drop' : 'pass')
    const writer = await stream(place.current.backend, bytes)
    await writer.commit()
    await expectObject(bytes)
  })

  it('goes on where the store takes less than it was sent', async () => {
    const bytes = patternBytes(17 * MIB, 7)
    sessions.takesAtMost = 3 * MIB
    const writer = await stream(place.current.backend, bytes)
    await writer.commit()
    await expectObject(bytes)
  })

  it('ends a stream that has exactly whole chunks', async () => {
    const bytes = patternBytes(16 * MIB, 8)
    loseFirst(place.current.proxy, (method) => method === 'PUT')
    const writer = await stream(place.current.backend, bytes)
    await writer.commit()
    await expectObject(bytes)
  })

  it('refuses a small body that was damaged on the way, and sends it again in a stream', async () => {
    const bytes = patternBytes(100_000, 13)
    place.current.proxy.decide = (method) => (method === 'POST' ? 'damage' : 'pass')
    await expectCode(place.current.backend.put('small', bytes), 'KB_STORAGE_UNAVAILABLE')
    assert.equal(await place.current.direct.stat('small'), undefined)
    let posts = 0
    place.current.proxy.decide = (method) => (method === 'POST' && ++posts === 1 ? 'damage' : 'pass')
    const writer = await stream(place.current.backend, bytes)
    await writer.commit()
    await expectObject(bytes)
  })

  it('leaves no object of chunks that were damaged on the way', async () => {
    let puts = 0
    place.current.proxy.decide = (method) => (method === 'PUT' && ++puts === 1 ? 'damage' : 'pass')
    const writer = await stream(place.current.backend, patternBytes(9 * MIB, 14))
    await assert.rejects(writer.commit(), /its checksum differs/)
    assert.equal(await place.current.direct.stat(KEY), undefined)
  })

  it('gives the store the checksum of all chunks with the last one, and with no other', async () => {
    const sent: unknown[] = []
    place.current.proxy.prepare = async ({ method, headers }) => {
      if (method === 'PUT') sent.push([headers['content-range'], headers['x-goog-hash']])
    }
    const bytes = patternBytes(9 * MIB, 18)
    const writer = await stream(place.current.backend, bytes)
    await writer.commit()
    const [last, end] = [8 * MIB - 1, 9 * MIB - 1]
    assert.deepEqual(sent, [
      [`bytes 0-${last}/*`, undefined],
      [`bytes ${last + 1}-${end}/${end + 1}`, `crc32c=${encodeCrc32c(crc32c(bytes))}`],
    ])
  })

  it('takes an object of another length for damaged, whatever its checksum', async () => {
    const writer = await stream(place.current.backend, patternBytes(9 * MIB, 19))
    const shortened = (body: string) => JSON.stringify({ ...JSON.parse(body), size: '1' })
    place.current.proxy.decide = (method) => (method === 'PUT' ? { rewrite: shortened } : 'pass')
    await assert.rejects(writer.commit(), /the object is not what was sent/)
    assert.equal(await place.current.direct.stat(KEY), undefined)
  })

  it('says so when the store has forgotten the upload', async () => {
    const writer = await stream(place.current.backend, patternBytes(9 * MIB, 15))
    sessions.forget()
    await expectCode(writer.commit(), 'KB_STORAGE_UNSUPPORTED')
    assert.equal(await place.current.direct.stat(KEY), undefined)
  })

  it('ends the session by abort and by a failure, and makes nothing visible', async () => {
    const writer = await stream(place.current.backend, patternBytes(17 * MIB, 16))
    assert.equal(sessions.open.size, 1)
    await writer.abort()
    assert.equal(sessions.open.size, 0)
    const failed = await stream(place.current.backend, patternBytes(17 * MIB, 17))
    place.current.proxy.decide = (method) =>
      method === 'PUT' ? { refuse: 403, body: errorJson(403, 'forbidden') } : 'pass'
    await expectCode(failed.commit(), 'KB_STORAGE_PERMISSION')
    assert.equal(sessions.open.size, 0)
    for await (const entry of place.current.direct.list('')) assert.fail(entry.key)
  })
})
