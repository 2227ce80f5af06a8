import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { expectCode, patternBytes } from '../../../testkit/src/conformance/storage-subject.ts'
import { missingS3Server, type S3Server, startS3Server } from '../../../testkit/src/stores/versity-gateway.ts'
import { BackupState } from '../../src/format/backup-state.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import { openS3 } from '../../src/storage/s3/location.ts'
import { BACKUP, draft } from '../verify/archive-writer.ts'
import { errorXml, openLossyProxy } from './lossy-proxy.ts'
import { freshBucket, keysOf, openBucket } from './s3-subject.ts'

const LARGE_BYTES = 9 * 1024 * 1024

describe('a store without conditional writes', () => {
  it('takes no commit, unless somebody vouches for a single writer', async () => {
    class Unconditional extends MemoryBackend {
      override readonly capabilities = { putIfAbsent: false, readAfterWrite: true }
    }
    const plain = new Unconditional('plain')
    const append = () => appendCommit(plain, new BackupState(BACKUP), draft('run', 'complete'))
    await assert.rejects(append, (error: Error & { code?: string; hint?: string }) => {
      assert.equal(error.code, 'KB_STORAGE_UNSUPPORTED')
      assert.match(error.hint ?? '', /storage\.single_writer: true/)
      return true
    })
    class Vouched extends MemoryBackend {
      override readonly capabilities = { putIfAbsent: false, readAfterWrite: true, hasSingleWriter: true }
    }
    const vouched = new Vouched('vouched')
    await appendCommit(vouched, new BackupState(BACKUP), draft('run', 'complete'))
  })
})

describe('S3 with single_writer', { skip: missingS3Server() }, () => {
  let server: S3Server

  before(async () => {
    server = await startS3Server()
  })
  after(() => server?.close())

  it('looks before it writes, and refuses what is there', async () => {
    const backend = openBucket(server, await freshBucket(server), '&single_writer=true')
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
    await backend.close()
  })

  it('says that it is the way when a store refuses the condition', async () => {
    await using proxy = await openLossyProxy(server.endpoint)
    proxy.decide = () => ({ refuse: 501, body: errorXml('NotImplemented') })
    const bucket = await freshBucket(server)
    const backend = openS3(new URL(`s3://${bucket}?endpoint=${proxy.endpoint}`), keysOf(server))
    await assert.rejects(
      backend.put('a', Buffer.from('x')),
      (error: Error & { code?: string; hint?: string }) => {
        assert.equal(error.code, 'KB_STORAGE_UNSUPPORTED')
        assert.match(error.hint ?? '', /storage\.single_writer: true/)
        return true
      },
    )
    await backend.close()
  })
})
