import assert from 'node:assert/strict'
import { test } from 'node:test'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { BackupState } from '../../src/format/backup-state.ts'
import { sha256Hex } from '../../src/format/canonical-json.ts'
import type { ArtifactRecord } from '../../src/format/commit.ts'
import { encodeGroups } from '../../src/format/groups-document.ts'
import { decodeTopics } from '../../src/format/topics-document.ts'
import { latestArtifact, readArtifact, writeArtifact } from '../../src/repository/artifacts.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import { artifactKey } from '../../src/repository/key-layout.ts'
import { openBackup } from '../../src/repository/open-backup.ts'
import { LIMITS } from '../../src/runtime/limits.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import { randomGroups } from '../format/random-groups.ts'
import { prng } from '../protocol/prng.ts'
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
  const huge = { length: LIMITS.documentMaxBytes + 1 } as Buffer
  const refused = writeArtifact(storage, state, { ...artifact, writer: '00c0ffee', bytes: huge })
  await assert.rejects(refused, { code: 'KB_LIMIT_EXCEEDED' })
})

/** What a commit would say of these bytes, which are in the store. */
async function stored(storage: MemoryBackend, bytes: Buffer, isCompressed: boolean): Promise<ArtifactRecord> {
  const key = artifactKey(BACKUP, { kind: 'topics', number: 1n, writer: WRITER, isCompressed })
  await storage.replace(key, bytes)
  return { kind: 'topics', key, bytes: bytes.length, sha256: sha256Hex(bytes) }
}

test('a document of 4 KiB or more is stored as one frame, a smaller one as it is', async () => {
  const storage = new MemoryBackend('artifacts')
  const state = new BackupState(BACKUP)
  const text = Array.from({ length: 400 }, (_, at) => `orders/${at * 7919}`).join()
  for (const [at, length] of [0, 4095, 4096, 4700].entries()) {
    const document = Buffer.from(text.slice(0, length))
    assert.equal(document.length, length)
    const writer = String(at).padStart(8, '0')
    const artifact = await writeArtifact(storage, state, { kind: 'groups', writer, bytes: document })
    assert.match(artifact.key, length < 4096 ? /\d\.json$/ : /\d\.json\.zst$/)
    const object = await storage.read(artifact.key, 10_000)
    assert.deepEqual([artifact.bytes, artifact.sha256], [object.length, sha256Hex(object)])
    if (length >= 4096) assert.ok(object.length < length / 2 && zstdDecompressSync(object).equals(document))
    assert.ok((await readArtifact(storage, artifact)).equals(document))
  }
})

test('the key decides how an artifact is read, however long it is', async () => {
  const storage = new MemoryBackend('artifacts')
  for (const length of [1, 100_000]) {
    const document = Buffer.alloc(length, 'x')
    assert.ok((await readArtifact(storage, await stored(storage, document, false))).equals(document))
    const frame = zstdCompressSync(document)
    assert.ok((await readArtifact(storage, await stored(storage, frame, true))).equals(document))
    assert.ok((await readArtifact(storage, await stored(storage, frame, false))).equals(frame))
  }
})

test('a frame that is cut off, does not stand alone or holds something else is refused', async () => {
  const storage = new MemoryBackend('artifacts')
  const document = encodeGroups(randomGroups(prng(3), 40))
  const frame = zstdCompressSync(document)
  const skippable = Buffer.from('502a4d1800000000', 'hex')
  const wrong: readonly (readonly [string, Buffer])[] = [
    ['nothing', Buffer.alloc(0)],
    ['not compressed', document],
    ['cut off by a byte', frame.subarray(0, -1)],
    ['cut off in the middle', frame.subarray(0, frame.length / 2)],
    ['a byte behind it', Buffer.concat([frame, Buffer.from([0])])],
    ['two frames', Buffer.concat([frame, frame])],
    ['a skippable frame alone', skippable],
    ['a skippable frame behind it', Buffer.concat([frame, skippable])],
  ]
  for (const [what, bytes] of wrong) {
    const artifact = await stored(storage, bytes, true)
    await assert.rejects(readArtifact(storage, artifact), { code: 'KB_VALIDATION_FAILED' }, what)
  }
  const groups = await readArtifact(storage, await stored(storage, frame, true))
  assert.throws(() => decodeTopics(groups), { code: 'KB_VALIDATION_FAILED' })
})

test('what readers would take for a bomb is stored as it is', async () => {
  const storage = new MemoryBackend('artifacts')
  const monotone = Buffer.alloc(LIMITS.documentFreeRawBytes + 1, 'a')
  const artifact = await writeArtifact(storage, new BackupState(BACKUP), {
    kind: 'groups',
    writer: WRITER,
    bytes: monotone,
  })
  assert.match(artifact.key, /\.json$/)
  assert.ok((await readArtifact(storage, artifact)).equals(monotone))
  const frame = await stored(storage, zstdCompressSync(monotone), true)
  await assert.rejects(readArtifact(storage, frame), { code: 'KB_VALIDATION_FAILED' })
})
