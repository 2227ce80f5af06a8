import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackupState } from '../../src/format/backup-state.ts'
import { latestArtifact, readArtifact, writeArtifact } from '../../src/repository/artifacts.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import { openBackup } from '../../src/repository/open-backup.ts'
import { LIMITS } from '../../src/runtime/limits.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import { altered } from '../verify/altered-backend.ts'
import { BACKUP, draft } from '../verify/archive-writer.ts'

const WRITER = '9f2c11ab'

test('an artifact belongs to the backup from the commit on that names it', async () => {
  const storage = new MemoryBackend('artifacts')
  const state = new BackupState(BACKUP)
  for (const text of ['first', 'second']) {
    const bytes = Buffer.from(text)
    const artifact = await writeArtifact(storage, state, { kind: 'topics', writer: WRITER, bytes })
    const before = await openBackup(storage, BACKUP).catch(() => new BackupState(BACKUP))
    assert.notEqual(latestArtifact(before, 'topics')?.key, artifact.key)
    await appendCommit(storage, state, draft('run-1', 'running', { artifacts: [artifact] }))
    const opened = await openBackup(storage, BACKUP)
    const latest = latestArtifact(opened, 'topics')
    assert.deepEqual(latest, artifact)
    assert.equal(String(await readArtifact(storage, artifact)), text)
  }
  assert.equal(latestArtifact(state, 'groups'), undefined)
})

test('an artifact that is not what its commit says is refused', async () => {
  const storage = new MemoryBackend('artifacts')
  const state = new BackupState(BACKUP)
  const bytes = Buffer.from('right')
  const artifact = await writeArtifact(storage, state, { kind: 'topics', writer: WRITER, bytes })
  for (const wrong of ['wrong', 'righ', 'right!']) {
    await storage.replace(artifact.key, Buffer.from(wrong))
    await assert.rejects(readArtifact(storage, artifact), { code: 'KB_VALIDATION_FAILED' })
  }
})

test('an artifact that was damaged on the way is read again', async () => {
  const storage = new MemoryBackend('artifacts')
  const bytes = Buffer.from('right')
  const artifact = await writeArtifact(storage, new BackupState(BACKUP), {
    kind: 'topics',
    writer: WRITER,
    bytes,
  })
  let reads = 0
  const spoilt = altered(storage, {
    read: async (key, maxBytes) => (++reads === 1 ? Buffer.from('wrong') : storage.read(key, maxBytes)),
  })
  assert.equal(String(await readArtifact(spoilt, artifact)), 'right')
  assert.equal(reads, 2)
})

test('a name is used once, and what readers refuse is not written', async () => {
  const storage = new MemoryBackend('artifacts')
  const state = new BackupState(BACKUP)
  const artifact = { kind: 'topics', writer: WRITER, bytes: Buffer.from('one') }
  await writeArtifact(storage, state, artifact)
  await assert.rejects(writeArtifact(storage, state, artifact), { code: 'KB_OBJECT_EXISTS' })
  // Only its length is looked at.
  const huge = { length: LIMITS.documentMaxBytes + 1 } as Uint8Array
  const refused = writeArtifact(storage, state, { ...artifact, writer: '00c0ffee', bytes: huge })
  await assert.rejects(refused, { code: 'KB_LIMIT_EXCEEDED' })
})
