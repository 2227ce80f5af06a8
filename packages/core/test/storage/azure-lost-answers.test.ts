import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { expectBytes, expectCode, patternBytes } from '../../../testkit/src/conformance/storage-subject.ts'
import { type AzureServer, startAzureServer } from '../../../testkit/src/stores/azurite.ts'
import { openAzure } from '../../src/storage/azure/location.ts'
import { clientOf, freshContainer, keyOf, openContainer } from './azure-subject.ts'
import { KEY } from './foreign-answers-suite.ts'
import { errorXml, openLossyProxy } from './lossy-proxy.ts'
import { describeLostAnswers, MIB, stream } from './lost-answers-suite.ts'

const isEnd = (method: string, path: string): boolean => method === 'PUT' && path.includes('comp=blocklist')

describe('Azure when answers are lost', () => {
  let server: AzureServer
  let container: string

  before(async () => {
    server = await startAzureServer()
  })
  after(() => server?.close())

  const place = describeLostAnswers(
    {
      isPut: (method) => method === 'PUT',
      isEnd,
      isLook: (method) => method === 'HEAD',
      busy: errorXml('ServerBusy'),
      doubled: (listing) => listing.replace(/<Blob>.*?<\/Blob>/s, '$&$&'),
    },
    async () => {
      container = await freshContainer(server)
      const proxy = await openLossyProxy(new URL(server.endpoint).origin)
      const endpoint = `${proxy.endpoint}/${server.account}`
      const url = new URL(`azure://${server.account}/${container}?endpoint=${endpoint}`)
      const backend = openAzure(url, keyOf(server))
      const direct = openContainer(server, container)
      return { proxy, backend, direct }
    },
  )

  it('believes no deletion that something else accepted', async () => {
    await place.current.direct.put(KEY, Buffer.from('there'))
    place.current.proxy.decide = () => ({ refuse: 202, body: '<html>queued</html>' })
    await expectCode(place.current.backend.delete(KEY), 'KB_STORAGE_UNAVAILABLE')
    assert.equal((await place.current.direct.stat(KEY))?.bytes, 5)
  })

  it('believes no write that something else accepted', async () => {
    const { proxy, backend, direct } = place.current
    const [key, bytes] = [KEY, Buffer.from('ours')]
    for (const headers of [{}, { etag: '"5f3"' }]) {
      proxy.decide = (method) => (method === 'PUT' ? { refuse: 201, body: '', headers } : 'pass')
      await expectCode(backend.put(key, bytes), 'KB_STORAGE_UNAVAILABLE')
      await expectCode(backend.replace(key, bytes), 'KB_STORAGE_UNAVAILABLE')
    }
    assert.equal(await direct.stat(key), undefined)
  })

  it('sends blocks and their end again when something else accepted them', async () => {
    const { proxy, backend, direct } = place.current
    for (const [at, headers] of [{}, { etag: '"5f3"' }].entries()) {
      const accepted = new Set<string>()
      proxy.decide = (method, path) => {
        if (method !== 'PUT' || accepted.has(path)) return 'pass'
        accepted.add(path)
        return { refuse: 201, body: '', headers }
      }
      const key = `${KEY}-${at}`
      const bytes = patternBytes(9 * MIB, 21)
      const writer = await backend.openWrite(key)
      await writer.write([bytes])
      await writer.commit()
      assert.equal(accepted.size, 3)
      expectBytes(await direct.readRange(key, { begin: 0, end: bytes.length }), bytes)
    }
  })

  it('takes 412, which Azure gives as well as 409, for a taken key', async () => {
    place.current.proxy.decide = (method) =>
      method === 'PUT' ? { refuse: 412, body: errorXml('ConditionNotMet') } : 'pass'
    await expectCode(place.current.backend.put(KEY, Buffer.from('ours')), 'KB_OBJECT_EXISTS')
    const writer = await stream(place.current.backend, Buffer.from('ours'))
    await expectCode(writer.commit(), 'KB_OBJECT_EXISTS')
  })

  it('takes missing blocks for a taken key when somebody else has made the object of theirs', async () => {
    const writer = await stream(place.current.backend, patternBytes(9 * MIB, 9))
    await place.current.direct.put(KEY, Buffer.from('them'))
    place.current.proxy.decide = (method, path) =>
      isEnd(method, path) ? { refuse: 400, body: errorXml('InvalidBlockList') } : 'pass'
    await expectCode(writer.commit(), 'KB_OBJECT_EXISTS')
    await place.current.direct.delete(KEY)
    const alone = await stream(place.current.backend, patternBytes(9 * MIB, 9))
    await expectCode(alone.commit(), 'KB_STORAGE_UNSUPPORTED')
  })

  it('does not replace an object by blocks that were sent after it was made', async () => {
    await place.current.direct.put(KEY, Buffer.from('them'))
    const writer = await stream(place.current.backend, patternBytes(9 * MIB, 18))
    await expectCode(writer.commit(), 'KB_OBJECT_EXISTS')
    assert.equal((await place.current.direct.read(KEY, 100)).toString(), 'them')
  })

  it('does not take an object with its token and another length for its own', async () => {
    const { proxy, backend } = place.current
    const writer = await stream(backend, patternBytes(9 * MIB, 16))
    let ends = 0
    proxy.decide = (method, path) => (isEnd(method, path) && ++ends === 1 ? 'lose' : 'pass')
    proxy.prepare = async ({ headers, url = '' }) => {
      const token = String(headers['x-ms-meta-kafka_backup_upload'] ?? '')
      if (!url.includes('comp=blocklist') || ends !== 1) return
      assert.notEqual(token, '')
      const metadata = { kafka_backup_upload: token }
      await clientOf(server, container).getBlockBlobClient(KEY).upload('short', 5, { metadata })
    }
    await expectCode(writer.commit(), 'KB_OBJECT_EXISTS')
  })

  it('keeps the blocks of two writers of one key apart', async () => {
    const first = await stream(place.current.backend, patternBytes(9 * MIB, 10))
    const second = await place.current.direct.openWrite(KEY)
    await second.write([patternBytes(9 * MIB, 11)])
    await first.commit()
    await expectCode(second.commit(), 'KB_OBJECT_EXISTS')
    expectBytes(
      await place.current.direct.readRange(KEY, { begin: 8 * MIB, end: 9 * MIB }),
      patternBytes(9 * MIB, 10).subarray(8 * MIB),
    )
  })

  it('sends again what was damaged on the way, since the store compares every body', async () => {
    const bytes = patternBytes(9 * MIB, 12)
    const damaged = new Set<string>()
    place.current.proxy.decide = (method, path) => {
      if (method !== 'PUT' || isEnd(method, path) || damaged.has(path)) return 'pass'
      damaged.add(path)
      return 'damage'
    }
    const writer = await stream(place.current.backend, bytes)
    await writer.commit()
    assert.equal(damaged.size, 2)
    expectBytes(await place.current.direct.readRange(KEY, { begin: 0, end: bytes.length }), bytes)
    await expectCode(place.current.backend.put('small', Buffer.from('ours')), 'KB_STORAGE_UNAVAILABLE')
    assert.equal(await place.current.direct.stat('small'), undefined)
  })

  it('makes nothing visible by abort or by a failure', async () => {
    // At most two blocks are under way, so that at least one has arrived.
    const writer = await stream(place.current.backend, patternBytes(25 * MIB, 13))
    await writer.abort()
    assert.equal(await place.current.direct.stat(KEY), undefined)
    // It expires; until then only who asks for it sees it.
    const blocks = await clientOf(server, container).getBlockBlobClient(KEY).getBlockList('uncommitted')
    assert.ok((blocks.uncommittedBlocks?.length ?? 0) > 0)
    const failed = await stream(place.current.backend, patternBytes(9 * MIB, 14))
    place.current.proxy.decide = (method) =>
      method === 'PUT' ? { refuse: 403, body: errorXml('AuthorizationFailure') } : 'pass'
    await failed.write([patternBytes(9 * MIB, 15)]).catch(() => undefined)
    await expectCode(failed.commit(), 'KB_STORAGE_PERMISSION')
    assert.equal(await place.current.direct.stat(KEY), undefined)
    for await (const entry of place.current.direct.list('')) assert.fail(entry.key)
  })
})
