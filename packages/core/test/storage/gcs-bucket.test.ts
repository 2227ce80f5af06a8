import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { expectCode, patternBytes } from '../../../testkit/src/conformance/storage-subject.ts'
import { type GcsServer, missingGcsServer, startGcsServer } from '../../../testkit/src/stores/fake-gcs.ts'
import { errorJson, freshBucket, openBucket } from './gcs-subject.ts'
import { openLossyProxy } from './lossy-proxy.ts'

const LARGE_BYTES = 9 * 1024 * 1024

describe('a bucket of Google', { skip: missingGcsServer() }, () => {
  let server: GcsServer

  before(async () => {
    server = await startGcsServer()
  })
  after(() => server?.close())

  it('is looked at before it is written with single_writer, and what is there is refused', async () => {
    await using proxy = await openLossyProxy(server.endpoint)
    const backend = openBucket(proxy, await freshBucket(server), '&single_writer=true')
    await backend.put('small', Buffer.from('first'))
    await expectCode(backend.put('small', Buffer.from('second')), 'KB_OBJECT_EXISTS')
    assert.equal((await backend.read('small', 10)).toString(), 'first')
    const writer = await backend.openWrite('small')
    await writer.write([patternBytes(LARGE_BYTES, 1)])
    await expectCode(writer.commit(), 'KB_OBJECT_EXISTS')
    const large = await backend.openWrite('large')
    await large.write([patternBytes(LARGE_BYTES, 1)])
    await large.commit()
    assert.equal((await backend.stat('large'))?.bytes, LARGE_BYTES)
    assert.ok(!proxy.seen.some((line) => line.includes('ifGenerationMatch')), 'no condition is sent')
    await backend.close()
  })

  it('says whether it keeps versions, and that nothing is locked', async () => {
    const name = `versioned-${process.pid}`
    await server.createBucket(name, { isVersioned: true })
    const versioned = openBucket(server, name)
    assert.deepEqual(await versioned.inspectPlace?.(), {
      versioning: 'on',
      objectLock: 'off',
      defaultRetention: null,
    })
    await versioned.close()
    const plain = openBucket(server, await freshBucket(server))
    assert.equal((await plain.inspectPlace?.())?.versioning, 'off')
    await plain.close()
  })

  it('says how long it keeps objects, as Google answers it', async () => {
    await using proxy = await openLossyProxy(server.endpoint)
    const backend = openBucket(proxy, await freshBucket(server))
    const answer = (fields: object) => {
      proxy.decide = () => ({ garble: 200, body: JSON.stringify({ kind: 'storage#bucket', ...fields }) })
      return backend.inspectPlace?.()
    }
    assert.deepEqual(await answer({ retentionPolicy: { retentionPeriod: '2592000', isLocked: true } }), {
      versioning: 'off',
      objectLock: 'on',
      defaultRetention: 'locked, 30 days',
    })
    assert.deepEqual(await answer({ retentionPolicy: { retentionPeriod: '90' } }), {
      versioning: 'off',
      objectLock: 'on',
      defaultRetention: 'unlocked, 90 seconds',
    })
    assert.deepEqual(await answer({ objectRetention: { mode: 'Enabled' }, versioning: { enabled: true } }), {
      versioning: 'on',
      objectLock: 'on',
      defaultRetention: null,
    })
    proxy.decide = () => ({ refuse: 403, body: errorJson(403, 'forbidden') })
    assert.deepEqual(await backend.inspectPlace?.(), {
      versioning: 'unknown',
      objectLock: 'unknown',
      defaultRetention: null,
    })
    await backend.close()
  })

  it('is never another one that STORAGE_EMULATOR_HOST names', async () => {
    await using other = await openLossyProxy(server.endpoint)
    const saved = process.env.STORAGE_EMULATOR_HOST
    process.env.STORAGE_EMULATOR_HOST = other.endpoint
    try {
      const backend = openBucket(server, await freshBucket(server))
      await backend.put('a', Buffer.from('x'))
      await backend.close()
      assert.deepEqual(other.seen, [])
    } finally {
      if (saved === undefined) delete process.env.STORAGE_EMULATOR_HOST
      else process.env.STORAGE_EMULATOR_HOST = saved
    }
  })

  it('does not unpack what somebody has marked as packed, and refuses it', async () => {
    await using proxy = await openLossyProxy(server.endpoint)
    const name = await freshBucket(server)
    const query = 'uploadType=media&name=packed&contentEncoding=gzip'
    const { gzipSync } = await import('node:zlib')
    await fetch(`${server.endpoint}/upload/storage/v1/b/${name}/o?${query}`, {
      method: 'POST',
      body: gzipSync('some text'),
    })
    const backend = openBucket(proxy, name)
    await assert.rejects(backend.read('packed', 1_000), /sends the object packed/)
    await backend.close()
  })
})
