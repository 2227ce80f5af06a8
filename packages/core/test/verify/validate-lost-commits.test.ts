import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackupState } from '../../src/format/backup-state.ts'
import { renderManifest } from '../../src/format/manifest.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import { manifestKey } from '../../src/repository/key-layout.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { BACKUP, dataBatch, draft, ORDERS_0, ORDERS_TOPIC, validate, writeSegment } from './archive-writer.ts'
import { writeSampleArchive } from './sample-archive.ts'
import { withStore } from './tamperable-store.ts'

test('a first run that was killed before it rendered the manifest left nothing damaged', () =>
  withStore('memory', async ({ backend }) => {
    const state = new BackupState(BACKUP)
    await appendCommit(backend, state, draft('run-1', 'complete'))
    const killed = await validate(backend)
    assert.equal(killed.verdict, 'complete')
    assert.deepEqual(
      killed.findings.map(({ severity, code, key }) => ({ severity, code, key })),
      [{ severity: 'note', code: 'KB_VALIDATION_FAILED', key: manifestKey(BACKUP) }],
    )
    await appendCommit(backend, state, draft('run-2', 'complete'))
    const removed = await validate(backend)
    assert.equal(removed.verdict, 'damaged')
    assert.equal(removed.findings[0]?.code, 'KB_OBJECT_NOT_FOUND')
  }))

/** What only lost commits named is not taken for what a killed run left behind. */
async function assertKept(storage: StorageBackend, objects: number): Promise<void> {
  const { orphans, findings } = await validate(storage)
  assert.deepEqual([orphans.objects, orphans.mayBeOfLostCommits], [objects, true])
  const notes = findings.filter(({ severity }) => severity === 'note').map(({ message }) => message)
  assert.equal(notes.filter((text) => text === 'no commit that can be read names it').length, objects)
}

test('a lost commit is told with the offsets that the commits after it show to be lost', () =>
  withStore('memory', async (store) => {
    const state = new BackupState(BACKUP)
    let next = 0n
    for (let number = 1; number <= 5; number++) {
      const segment = await writeSegment(store.backend, {
        streams: [ORDERS_0],
        sequence: number,
        extents: [{ beginOffset: next, holes: [] }],
        frames: [{ batches: [dataBatch(next, 10)] }],
      })
      const begins = number === 1 ? [{ topic: 'orders', partition: 0, offset: 0n }] : []
      const topics = number === 1 ? [ORDERS_TOPIC] : []
      await appendCommit(
        store.backend,
        state,
        draft('run-1', 'complete', { begins, topics, segments: [segment] }),
      )
      next += 10n
    }
    await store.write(manifestKey(BACKUP), renderManifest(state))
    const keyOf = (number: number) => `${BACKUP}/commits/${String(number).padStart(20, '0')}.json`
    const damageOf = async () =>
      (await validate(store.backend)).findings.filter((finding) => finding.severity === 'damage')
    const third = await store.read(keyOf(3))
    await store.remove(keyOf(3))
    assert.deepEqual(
      (await damageOf()).map(({ key, code, partitions }) => ({ key, code, partitions })),
      [
        {
          key: keyOf(3),
          code: 'KB_OBJECT_NOT_FOUND',
          partitions: [{ topic: 'orders', partition: 0, firstOffset: 20n, lastOffset: 29n }],
        },
      ],
    )
    await assertKept(store.backend, 1)
    await store.remove(keyOf(2))
    assert.deepEqual(
      (await damageOf()).map(({ key, partitions }) => [key, partitions[0]?.firstOffset]),
      [
        [keyOf(2), 10n],
        [keyOf(3), 10n],
      ],
    )
    await store.write(keyOf(3), third)
    // Nothing comes after the end of the log; there the manifest tells that a commit was lost.
    for (const number of [5, 4]) {
      await store.remove(keyOf(number))
      const lost = (await damageOf()).at(-1)
      assert.equal(lost?.key, keyOf(number))
      assert.equal(lost?.code, 'KB_OBJECT_NOT_FOUND')
    }
    await assertKept(store.backend, 3)
  }))

test('a lost commit that only a snapshot remembers is found', () =>
  withStore('memory', async (store) => {
    await writeSampleArchive(store.backend)
    for (const name of [
      'manifest.json',
      'commits/00000000000000000004.json',
      'commits/00000000000000000003.json',
    ]) {
      await store.remove(`${BACKUP}/${name}`)
    }
    const { findings } = await validate(store.backend)
    const lost = findings.find((finding) => finding.key.includes('/commits/'))
    assert.equal(lost?.key, `${BACKUP}/commits/00000000000000000003.json`)
    assert.equal(lost?.severity, 'damage')
  }))

test('a manifest that is ahead in its number alone is named itself', () =>
  withStore('memory', async (store) => {
    const { state } = await writeSampleArchive(store.backend)
    const text = renderManifest(state).toString()
    await store.write(manifestKey(BACKUP), Buffer.from(text.replace('"commit": 4', '"commit": 6')))
    const { findings } = await validate(store.backend)
    assert.deepEqual(
      findings.map(({ severity, key }) => [severity, key]),
      [['damage', manifestKey(BACKUP)]],
    )
    // A changed entry is told with its partition only.
    const changed = text.replace('"record_count": 15', '"record_count": 16')
    assert.notEqual(changed, text)
    await store.write(manifestKey(BACKUP), Buffer.from(changed))
    const finding = (await validate(store.backend)).findings[0]
    assert.deepEqual(finding?.partitions, [{ topic: 'orders', partition: 0 }])
  }))
