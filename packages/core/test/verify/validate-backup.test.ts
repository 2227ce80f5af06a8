import assert from 'node:assert/strict'
import { test } from 'node:test'
import { zstdCompressSync } from 'node:zlib'
import { sha256Hex } from '../../src/format/canonical-json.ts'
import { renderManifest } from '../../src/format/manifest.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import { artifactKey, manifestKey, quarantineKey } from '../../src/repository/key-layout.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import type { ValidationProgress } from '../../src/verify/validation-report.ts'
import { altered } from './altered-backend.ts'
import { BACKUP, dataBatch, draft, ORDERS_0, validate, writeSegment } from './archive-writer.ts'
import { writeSampleArchive } from './sample-archive.ts'
import { STORES, withStore } from './tamperable-store.ts'

for (const kind of Object.keys(STORES) as (keyof typeof STORES)[]) {
  test(`an archive as it was written is complete, without findings (${kind})`, () =>
    withStore(kind, async (store) => {
      const { state } = await writeSampleArchive(store.backend)
      const seen: ValidationProgress[] = []
      const report = await validate(store.backend, { onProgress: (progress) => seen.push(progress) })
      const storedBytes = state.segments.reduce((sum, segment) => sum + segment.bytes, 0)
      const { durationMs, ...rest } = report
      assert.deepEqual(rest, {
        backupId: BACKUP,
        location: store.backend.location,
        isDeep: true,
        verdict: 'complete',
        commits: 4,
        segments: 5,
        storedBytes,
        checkedBytes: storedBytes,
        partitions: 3,
        records: 9 + 6 + 3 + 1 + 3 + 8 + 12 + 3 + 2 + 2 + 1,
        gaps: [],
        divergences: [],
        pruned: { objects: 0, bytes: 0 },
        orphans: { objects: 0, bytes: 0, mayBeOfLostCommits: false },
        findings: [],
      })
      assert.ok(durationMs > 0)
      assert.deepEqual(seen.at(-1), { doneSegments: 5, segments: 5, checkedBytes: storedBytes })
    }))

  test(`a segment that no commit names is noted and harmless (${kind})`, () =>
    withStore(kind, async (store) => {
      await writeSampleArchive(store.backend)
      const orphan = await writeSegment(store.backend, {
        streams: [ORDERS_0],
        sequence: 3,
        writer: '00c0ffee',
        extents: [{ beginOffset: 37n, holes: [] }],
        frames: [{ batches: [dataBatch(37n, 1)] }],
      })
      const report = await validate(store.backend)
      assert.equal(report.verdict, 'complete')
      assert.deepEqual(report.orphans, { objects: 1, bytes: orphan.bytes, mayBeOfLostCommits: false })
      assert.deepEqual(
        report.findings.map(({ severity, key, partitions }) => ({ severity, key, partitions })),
        [{ severity: 'note', key: orphan.key, partitions: [{ topic: 'orders', partition: 0 }] }],
      )
    }))

  test(`so are an artifact and a quarantined batch (${kind})`, () =>
    withStore(kind, async (store) => {
      await writeSampleArchive(store.backend)
      const place = { topic: 'orders', partition: 0, sequence: 9, writer: '00c0ffee' }
      const batch = quarantineKey(BACKUP, place)
      const unnamed = { kind: 'topics', number: 5n, writer: '00c0ffee' }
      const artifact = artifactKey(BACKUP, { ...unnamed, isCompressed: false })
      const compressed = artifactKey(BACKUP, { ...unnamed, isCompressed: true })
      for (const key of [batch, artifact, compressed]) await store.write(key, Buffer.from('hello'))
      const report = await validate(store.backend)
      assert.equal(report.verdict, 'complete')
      assert.deepEqual(report.orphans, { objects: 3, bytes: 15, mayBeOfLostCommits: false })
      assert.deepEqual(
        report.findings.map(({ severity, key, partitions }) => [severity, key, partitions]).sort(),
        [
          ['note', artifact, []],
          ['note', compressed, []],
          ['note', batch, [{ topic: 'orders', partition: 0 }]],
        ],
      )
    }))

  test(`an object that is not ours is named (${kind})`, () =>
    withStore(kind, async (store) => {
      await writeSampleArchive(store.backend)
      const strangers = [
        'README.txt',
        'topics/orders/partition=00/segment-0000000001-9f2c11ab.zst',
        'topics/orders/partition=0/segment-0000000001-9f2c11ab.zst.bak',
        'commits/5.json',
        'commits/00000000000000000099.json',
        'artifacts/report/00000000000000000001.json',
      ].map((name) => `${BACKUP}/${name}`)
      for (const key of strangers) await store.write(key, Buffer.from('hello'))
      const report = await validate(store.backend)
      assert.equal(report.verdict, 'damaged')
      assert.deepEqual(report.findings.map(({ severity, key }) => `${severity} ${key}`).sort(), [
        ...strangers.map((key) => `foreign ${key}`).sort(),
      ])
    }))
}

test('a declared gap makes a backup incomplete, not damaged', () =>
  withStore('memory', async ({ backend }) => {
    const { state } = await writeSampleArchive(backend)
    const gap = { topic: 'orders', partition: 0, lineage: 1, firstOffset: 37n, endOffset: 50n }
    const gaps = [{ ...gap, reason: 'deleted_before_read' as const }]
    await appendCommit(backend, state, draft('run-3', 'incomplete', { gaps }))
    await appendCommit(backend, state, draft('run-4', 'complete'))
    await backend.replace(manifestKey(BACKUP), renderManifest(state))
    const report = await validate(backend)
    assert.equal(report.verdict, 'incomplete')
    assert.deepEqual(report.gaps, gaps)
    assert.deepEqual(report.findings, [])
  }))

test('a manifest that was spoilt on the way is read again', () =>
  withStore('memory', async ({ backend }) => {
    const { state } = await writeSampleArchive(backend)
    await backend.replace(manifestKey(BACKUP), renderManifest(state))
    let looks = 0
    const read: StorageBackend['read'] = async (key, maxBytes, options) => {
      const bytes = Buffer.from(await backend.read(key, maxBytes, options))
      if (key === manifestKey(BACKUP) && ++looks === 1) bytes[bytes.length >> 1]! ^= 1
      return bytes
    }
    assert.deepEqual((await validate(altered(backend, { read }))).findings, [])
    assert.equal(looks, 3)
  }))

test('a backup whose last run did not get to its end is incomplete', () =>
  withStore('memory', async ({ backend }) => {
    for (const outcome of ['running', 'interrupted', 'failed', 'incomplete'] as const) {
      const { state } = await writeSampleArchive(new MemoryBackend(outcome))
      const copy = new MemoryBackend(outcome)
      const own = await writeSampleArchive(copy)
      assert.equal(own.state.tip?.sha256, state.tip?.sha256)
      await appendCommit(copy, own.state, draft('run-3', outcome))
      const report = await validate(copy)
      assert.equal(report.verdict, 'incomplete', outcome)
      assert.deepEqual(
        report.findings.map(({ severity, key }) => ({ severity, key })),
        [{ severity: 'note', key: manifestKey(BACKUP) }],
      )
    }
    // A run that was killed before its first commit leaves segments and nothing else.
    await writeSegment(backend, {
      streams: [ORDERS_0],
      sequence: 1,
      extents: [{ beginOffset: 0n, holes: [] }],
      frames: [{ batches: [dataBatch(0n, 1)] }],
    })
    const report = await validate(backend)
    assert.equal(report.verdict, 'incomplete')
    assert.deepEqual(report.orphans.objects, 1)
  }))

for (const isCompressed of [false, true]) {
  test(`an artifact is checked against the commit that names it (${isCompressed ? 'compressed' : 'as it is'})`, () =>
    withStore('memory', async (store) => {
      const { state } = await writeSampleArchive(store.backend)
      const document = Buffer.from('{"topics":[]}\n')
      const bytes = isCompressed ? zstdCompressSync(document) : document
      const place = { kind: 'topic-configs', number: 5n, writer: '9f2c11ab', isCompressed }
      const key = artifactKey(BACKUP, place)
      const artifacts = [{ kind: 'topic-configs', key, bytes: bytes.length, sha256: sha256Hex(bytes) }]
      await store.write(key, bytes)
      await appendCommit(store.backend, state, draft('run-3', 'complete', { artifacts }))
      await store.write(manifestKey(BACKUP), renderManifest(state))
      assert.deepEqual((await validate(store.backend)).findings, [])
      const changed = Buffer.from(bytes)
      changed[3]! ^= 1
      for (const damaged of [changed, bytes.subarray(1), null]) {
        if (damaged) await store.write(key, damaged)
        else await store.remove(key)
        const { findings } = await validate(store.backend)
        assert.deepEqual(
          findings.map((finding) => [finding.severity, finding.key, finding.partitions.length]),
          [['damage', key, 3]],
        )
      }
    }))
}

test('an artifact that was written wrong is found, although its bytes are those that its commit names', () =>
  withStore('memory', async ({ backend }) => {
    const { state } = await writeSampleArchive(backend)
    const bytes = zstdCompressSync('{"topics":[]}\n').subarray(0, -1)
    const key = artifactKey(BACKUP, { kind: 'topics', number: 5n, writer: '9f2c11ab', isCompressed: true })
    await backend.put(key, bytes)
    const artifacts = [{ kind: 'topics', key, bytes: bytes.length, sha256: sha256Hex(bytes) }]
    await appendCommit(backend, state, draft('run-3', 'complete', { artifacts }))
    await backend.replace(manifestKey(BACKUP), renderManifest(state))
    const { verdict, findings } = await validate(backend)
    assert.deepEqual([verdict, findings.map((finding) => finding.key)], ['damaged', [key]])
  }))

test('damage is not thrown, and does not hide other damage', () =>
  withStore('memory', async (store) => {
    const { state } = await writeSampleArchive(store.backend)
    const [first, second, third, fourth] = state.segments
    assert.ok(first && second && third && fourth)
    const commit = `${BACKUP}/commits/00000000000000000002.json`
    await store.write(commit, Buffer.from('{}\n'))
    await store.remove(second.key)
    for (const segment of [first, fourth]) {
      const bytes = await store.read(segment.key)
      bytes[segment.index.position - 1]! ^= 1
      await store.write(segment.key, bytes)
    }
    await store.write(manifestKey(BACKUP), Buffer.from('not json'))
    await store.write(`${BACKUP}/note.txt`, Buffer.from('foreign'))
    const report = await validate(store.backend)
    const serious = report.findings.filter((finding) => finding.severity !== 'note')
    const damaged = [commit, manifestKey(BACKUP), `${BACKUP}/note.txt`, first.key, fourth.key, second.key]
    assert.deepEqual(serious.map((finding) => finding.key).sort(), damaged.sort())
    assert.equal(report.commits, 3)
    // What only the damaged commit named cannot be told from what nobody named.
    assert.deepEqual(
      report.findings.filter((finding) => finding.severity === 'note').map((finding) => finding.key),
      [`${BACKUP}/snapshots/00000000000000000003.json.zst`, third.key],
    )
  }))

test('damage within a frame is told with the offsets and records of that frame', () =>
  withStore('memory', async (store) => {
    const { state } = await writeSampleArchive(store.backend)
    const segment = state.segments[0]
    assert.ok(segment)
    const bytes = await store.read(segment.key)
    bytes[segment.index.position - 5]! ^= 0x10
    await store.write(segment.key, bytes)
    const { findings } = await validate(store.backend)
    assert.deepEqual(findings, [
      {
        severity: 'damage',
        code: 'KB_SEGMENT_CORRUPT',
        key: segment.key,
        partitions: [{ topic: 'orders', partition: 0, firstOffset: 12n, lastOffset: 17n, records: 6 }],
        message: 'frame 1 (offsets 12-17): SHA-256 differs from what was recorded when it was written',
      },
    ])
    // A missing segment is told with all of them.
    await store.remove(segment.key)
    const missing = (await validate(store.backend)).findings[0]
    assert.equal(missing?.code, 'KB_OBJECT_NOT_FOUND')
    assert.deepEqual(missing?.partitions, [
      { topic: 'orders', partition: 0, firstOffset: 0n, lastOffset: 17n, records: 15 },
    ])
  }))
