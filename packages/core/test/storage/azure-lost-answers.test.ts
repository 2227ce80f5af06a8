import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { expectBytes, expectCode, patternBytes } from '../../../testkit/src/conformance/storage-subject.ts'
import { type AzureServer, startAzureServer } from '../../../testkit/src/stores/azurite.ts'
import { openAzure } from '../../src/storage/azure/location.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { clientOf, freshContainer, keyOf, openContainer } from './azure-subject.ts'
import { errorXml, type LossyProxy, openLossyProxy } from './lossy-proxy.ts'

const KEY = 'daily/commits/00000000000000000001.json'
const MIB = 1024 * 1024
const BUSY = errorXml('ServerBusy')

const isEnd = (method: string, path: string): boolean => method === 'PUT' && path.includes('comp=blocklist')

describe('Azure when answers are lost', () => {
  let server: AzureServer
  let container: string
  let proxy: LossyProxy
  let backend: StorageBackend
  let direct: StorageBackend

  before(async () => {
    server = await startAzureServer()
  })
  after(() => server?.close())

  beforeEach(async () => {
    container = await freshContainer(server)
    proxy = await openLossyProxy(new URL(server.endpoint).origin)
    const endpoint = `${proxy.endpoint}/${server.account}`
    backend = openAzure(new URL(`azure://${server.account}/${container}?endpoint=${endpoint}`), keyOf(server))
    direct = openContainer(server, container)
  })
  afterEach(async () => {
    await backend.close()
    await direct.close()
    await proxy[Symbol.asyncDispose]()
  })

  const loseFirst = (method: string): void => {
    let isDone = false
    proxy.decide = (seenMethod) => {
      if (isDone || seenMethod !== method) return 'pass'
      isDone = true
      return 'lose'
    }
  }

  async function stream(bytes: Uint8Array) {
    const writer = await backend.openWrite(KEY)
    await writer.write([bytes])
    return writer
  }

  for (const [what, body] of [
    ['an error document', BUSY],
    ['another document', '<html><body>maintenance</body></html>'],
  ] as const) {
    it(`takes ${what} with status 200 for no success of anything`, async () => {
      await direct.put(KEY, Buffer.from('there'))
      proxy.decide = () => ({ refuse: 200, body })
      const other = `${KEY}-other`
      await expectCode(backend.put(other, Buffer.from('lost')), 'KB_STORAGE_UNAVAILABLE')
      await expectCode(backend.replace(other, Buffer.from('lost')), 'KB_STORAGE_UNAVAILABLE')
      await expectCode(backend.read(KEY, 100), 'KB_STORAGE_UNAVAILABLE')
      await expectCode(backend.listFolders(''), 'KB_STORAGE_UNAVAILABLE')
      await expectCode(backend.list('')[Symbol.asyncIterator]().next(), 'KB_STORAGE_UNAVAILABLE')
      proxy.decide = () => 'pass'
      assert.equal(await direct.stat(other), undefined)
    })
  }

  it('takes a put for done when its own bytes are there', async () => {
    loseFirst('PUT')
    await backend.put(KEY, Buffer.from('ours'))
    assert.equal((await direct.read(KEY, 100)).toString(), 'ours')
    assert.equal(proxy.seen.filter((line) => line.startsWith('PUT')).length, 1, 'the SDK repeats nothing')
  })

  it('takes a put for done when the store has it and says that it failed', async () => {
    proxy.decide = (method) => (method === 'PUT' ? { garble: 503, body: BUSY } : 'pass')
    await backend.put(KEY, Buffer.from('ours'))
    assert.equal(proxy.seen.filter((line) => line.startsWith('PUT')).length, 1)
  })

  it('does not take the bytes of somebody else for its own', async () => {
    await direct.put(KEY, Buffer.from('them'))
    loseFirst('PUT')
    await expectCode(backend.put(KEY, Buffer.from('ours')), 'KB_OBJECT_EXISTS')
    await expectCode(backend.put(KEY, Buffer.from('longer')), 'KB_OBJECT_EXISTS')
    assert.equal((await direct.read(KEY, 100)).toString(), 'them')
  })

  it('takes 412, which Azure gives as well as 409, for a taken key', async () => {
    proxy.decide = (method) =>
      method === 'PUT' ? { refuse: 412, body: errorXml('ConditionNotMet') } : 'pass'
    await expectCode(backend.put(KEY, Buffer.from('ours')), 'KB_OBJECT_EXISTS')
    const writer = await stream(Buffer.from('ours'))
    await expectCode(writer.commit(), 'KB_OBJECT_EXISTS')
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

  it('commits a large stream through lost answers of blocks and of the end', async () => {
    const bytes = patternBytes(20 * MIB, 5)
    const lost = new Set<string>()
    proxy.decide = (method, path) => {
      const step = `${method} ${path}`
      if (method === 'HEAD' || lost.has(step)) return 'pass'
      lost.add(step)
      return 'lose'
    }
    const writer = await stream(bytes)
    await writer.commit()
    assert.equal(lost.size, 4, [...lost].join('\n'))
    const half = 10 * MIB
    expectBytes(await direct.readRange(KEY, { begin: 0, end: half }), bytes.subarray(0, half))
    expectBytes(await direct.readRange(KEY, { begin: half, end: bytes.length }), bytes.subarray(half))
  })

  it('knows its upload again when the end of it was carried out and also the look was lost', async () => {
    const writer = await stream(patternBytes(9 * MIB, 6))
    let ends = 0
    proxy.decide = (method, path) => {
      if (isEnd(method, path)) return ++ends === 1 ? 'lose' : 'pass'
      return method === 'HEAD' && ends === 1 ? 'drop' : 'pass'
    }
    await writer.commit()
    assert.equal((await direct.stat(KEY))?.bytes, 9 * MIB)
    assert.ok(ends > 1, 'it was asked again')
  })

  it('does not take a large object of somebody else for its own, though it has the same length', async () => {
    const writer = await stream(patternBytes(9 * MIB, 7))
    const other = await direct.openWrite(KEY)
    await other.write([patternBytes(9 * MIB, 8)])
    await other.commit()
    let ends = 0
    proxy.decide = (method, path) => (isEnd(method, path) && ++ends === 1 ? 'lose' : 'pass')
    await expectCode(writer.commit(), 'KB_OBJECT_EXISTS')
    expectBytes(
      await direct.readRange(KEY, { begin: 0, end: MIB }),
      patternBytes(9 * MIB, 8).subarray(0, MIB),
    )
  })

  it('takes missing blocks for a taken key when somebody else has made the object of theirs', async () => {
    const writer = await stream(patternBytes(9 * MIB, 9))
    await direct.put(KEY, Buffer.from('them'))
    proxy.decide = (method, path) =>
      isEnd(method, path) ? { refuse: 400, body: errorXml('InvalidBlockList') } : 'pass'
    await expectCode(writer.commit(), 'KB_OBJECT_EXISTS')
    await direct.delete(KEY)
    const alone = await stream(patternBytes(9 * MIB, 9))
    await expectCode(alone.commit(), 'KB_STORAGE_UNSUPPORTED')
  })

  it('does not replace an object by blocks that were sent after it was made', async () => {
    await direct.put(KEY, Buffer.from('them'))
    const writer = await stream(patternBytes(9 * MIB, 18))
    await expectCode(writer.commit(), 'KB_OBJECT_EXISTS')
    assert.equal((await direct.read(KEY, 100)).toString(), 'them')
  })

  it('keeps the blocks of two writers of one key apart', async () => {
    const first = await stream(patternBytes(9 * MIB, 10))
    const second = await direct.openWrite(KEY)
    await second.write([patternBytes(9 * MIB, 11)])
    await first.commit()
    await expectCode(second.commit(), 'KB_OBJECT_EXISTS')
    expectBytes(
      await direct.readRange(KEY, { begin: 8 * MIB, end: 9 * MIB }),
      patternBytes(9 * MIB, 10).subarray(8 * MIB),
    )
  })

  it('sends again what was damaged on the way, since the store compares every body', async () => {
    const bytes = patternBytes(9 * MIB, 12)
    const damaged = new Set<string>()
    proxy.decide = (method, path) => {
      if (method !== 'PUT' || isEnd(method, path) || damaged.has(path)) return 'pass'
      damaged.add(path)
      return 'damage'
    }
    const writer = await stream(bytes)
    await writer.commit()
    assert.equal(damaged.size, 2)
    expectBytes(await direct.readRange(KEY, { begin: 0, end: bytes.length }), bytes)
    await expectCode(backend.put('small', Buffer.from('ours')), 'KB_STORAGE_UNAVAILABLE')
    assert.equal(await direct.stat('small'), undefined)
  })

  it('makes nothing visible by abort or by a failure', async () => {
    // At most two blocks are under way, so that at least one has arrived.
    const writer = await stream(patternBytes(25 * MIB, 13))
    await writer.abort()
    assert.equal(await direct.stat(KEY), undefined)
    // It expires; until then only who asks for it sees it.
    const blocks = await clientOf(server, container).getBlockBlobClient(KEY).getBlockList('uncommitted')
    assert.ok((blocks.uncommittedBlocks?.length ?? 0) > 0)
    const failed = await stream(patternBytes(9 * MIB, 14))
    proxy.decide = (method) =>
      method === 'PUT' ? { refuse: 403, body: errorXml('AuthorizationFailure') } : 'pass'
    await failed.write([patternBytes(9 * MIB, 15)]).catch(() => undefined)
    await expectCode(failed.commit(), 'KB_STORAGE_PERMISSION')
    assert.equal(await direct.stat(KEY), undefined)
    for await (const entry of direct.list('')) assert.fail(entry.key)
  })

  it('reports a body that breaks off, and never gives the half of it', async () => {
    await direct.put(KEY, patternBytes(1_000, 16))
    proxy.decide = (method) => (method === 'GET' ? 'cut' : 'pass')
    await expectCode(backend.readRange(KEY, { begin: 0, end: 1_000 }), 'KB_STORAGE_UNAVAILABLE')
    await expectCode(backend.read(KEY, 1_000), 'KB_STORAGE_UNAVAILABLE')
    assert.equal(proxy.seen.filter((line) => line.startsWith('GET')).length, 2, 'the SDK asks no more')
  })

  it('stops in the middle of a body with the reason of its signal', async () => {
    await direct.put(KEY, patternBytes(MIB, 17))
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
