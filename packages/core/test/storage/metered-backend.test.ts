import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { collect } from '../../../testkit/src/conformance/storage-subject.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import { MeteredBackend } from '../../src/storage/metered-backend.ts'
import { RequestCounter } from '../../src/storage/storage-request.ts'

describe('metered backend', () => {
  it('counts calls by kind, failed ones too, and the bytes of those that succeed', async () => {
    const backend = new MeteredBackend(new MemoryBackend('test'))
    await backend.put('a', Buffer.alloc(100))
    await assert.rejects(backend.put('a', Buffer.alloc(100)))
    await backend.replace('b', Buffer.alloc(10))
    const writer = await backend.openWrite('c')
    await writer.write([Buffer.alloc(1), Buffer.alloc(2)])
    await writer.write([Buffer.alloc(3)])
    await writer.commit()
    await writer.abort()
    await backend.read('a', 100)
    await assert.rejects(backend.read('a', 99))
    await backend.readRange('a', { begin: 10, end: 30 })
    await backend.stat('a')
    await collect(backend.list(''))
    await backend.listFolders('')
    await backend.delete('a')
    assert.deepEqual(backend.usage, {
      calls: {
        put: 2,
        replace: 1,
        openWrite: 1,
        write: 2,
        commit: 1,
        abort: 1,
        read: 2,
        readRange: 1,
        stat: 1,
        list: 1,
        listFolders: 1,
        delete: 1,
      },
      bytesRead: 120,
      bytesWritten: 116,
      requests: new RequestCounter().counts,
    })
  })
})
