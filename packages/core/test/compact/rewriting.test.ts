import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackupState } from '../../src/format/backup-state.ts'
import type { Commit } from '../../src/format/commit.ts'
import type { FrameTransform } from '../../src/format/frame-transform.ts'
import type { AbortedEntry } from '../../src/format/segment-index.ts'
import { sealBatch } from '../../src/protocol/batch-patch.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import { openBackup } from '../../src/repository/open-backup.ts'
import { SegmentReader } from '../../src/repository/segment-reader.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { cursorOn, marker } from '../protocol/samples.ts'
import { altered } from '../verify/altered-backend.ts'
import {
  AUDIT_0,
  BACKUP,
  dataBatch,
  draft,
  ORDERS_0,
  ORDERS_1,
  ORDERS_TOPIC,
  type SegmentInput,
  TRANSFORMS,
  validate,
  writeSegment,
} from '../verify/archive-writer.ts'
import { withStore } from '../verify/tamperable-store.ts'
import { compact, contentOf, EVERYTHING, writeRounds } from './compacted-archive.ts'

const NOTHING: Partial<Commit> = {}

/** A backup of orders/0 that goes on with each call. */
class OrdersLog {
  readonly state = new BackupState(BACKUP)
  readonly #storage: StorageBackend
  #sequence = 0

  constructor(storage: StorageBackend) {
    this.#storage = storage
  }

  async add(
    batches: readonly Buffer[],
    extent: Partial<SegmentInput['extents'][number]> = {},
    aborted: readonly AbortedEntry[] = [],
  ): Promise<void> {
    const beginOffset = this.state.partition('orders', 0)?.nextOffset ?? 0n
    const segment = await writeSegment(this.#storage, {
      streams: [ORDERS_0],
      sequence: ++this.#sequence,
      extents: [{ beginOffset, holes: [], ...extent }],
      frames: [{ batches, mode: 'compressed' }],
      aborted,
    })
    await this.commit({ segments: [segment] })
  }

  async commit(parts: Partial<Commit>): Promise<void> {
    const begins = [{ topic: 'orders', partition: 0, offset: 0n }]
    const first = this.state.tip ? NOTHING : { topics: [ORDERS_TOPIC], begins }
    await appendCommit(this.#storage, this.state, draft('run', 'complete', { ...first, ...parts }))
  }
}

/** Offsets, counts and epochs of the parts of orders/0. */
async function partsOf(storage: StorageBackend): Promise<string[]> {
  const state = await openBackup(storage, BACKUP)
  return state
    .histories('orders', 0)
    .flatMap(({ parts }) =>
      parts.map(
        ({ part }) =>
          `${part.lineage}: ${part.beginOffset}-${part.nextOffset} ${part.records}+${part.abortedRecords} holes ${part.holes.join(' ')}`,
      ),
    )
}

test('bundles that are too much for the memory are read by parts, and give the same', () =>
  withStore('memory', async ({ backend }) => {
    const state = await writeRounds(backend, 6)
    const before = await contentOf(backend)
    const largest = Math.max(...state.segments.map(({ bytes }) => bytes))
    let mostBytes = 0
    const watched = altered(backend, {
      readRange: (key, range, options) => {
        if (key.includes('/bundles/')) mostBytes = Math.max(mostBytes, range.end - range.begin)
        return backend.readRange(key, range, options)
      },
    })
    const report = await compact(watched, {}, { heldBytesMax: 2_000 })
    assert.deepEqual([report.objectsOut, report.damaged], [3, []])
    assert.ok(mostBytes < largest, 'no bundle was read whole')
    assert.deepEqual(await contentOf(backend), before)
    assert.equal((await validate(backend)).verdict, 'complete')
  }))

test('segments close at the size that was asked for, and are left alone from then on', () =>
  withStore('memory', async ({ backend }) => {
    const log = new OrdersLog(backend)
    for (let at = 0; at < 40; at++) await log.add([dataBatch(BigInt(at * 2_500), 2_500)])
    const before = await contentOf(backend)
    const bytes = log.state.segments.reduce((sum, segment) => sum + segment.bytes, 0)
    const asked = { segmentMaxBytes: Math.ceil(bytes / 10) }
    const report = await compact(backend, asked)
    assert.ok(report.objectsOut > 1 && report.objectsOut < 40, `${report.objectsOut} segments`)
    assert.deepEqual(await contentOf(backend), before)
    const { segments } = await openBackup(backend, BACKUP)
    for (const segment of segments) {
      const reader = await SegmentReader.open(backend, BACKUP, segment, TRANSFORMS)
      assert.ok(reader.index.frames.slice(0, -1).every(({ rawBytes }) => rawBytes >= 1024 * 1024))
    }
    assert.equal((await validate(backend)).verdict, 'complete')
    const again = await compact(backend, asked)
    assert.ok(again.objectsIn <= 2, 'at most what was left over')
  }))

test('a large first segment waits until as much has come behind it', () =>
  withStore('memory', async ({ backend }) => {
    const log = new OrdersLog(backend)
    await log.add([dataBatch(0n, 3_000)])
    for (const at of [3_000n, 3_010n]) await log.add([dataBatch(at, 10)])
    assert.equal((await compact(backend)).objectsIn, 2)
    const next = await openBackup(backend, BACKUP)
    assert.equal(next.segments.length, 2)
    assert.deepEqual((await compact(backend)).commits, [])
    const topics = { choose: () => [] }
    assert.deepEqual((await compact(backend, topics)).plan.units, [])
    assert.deepEqual((await compact(backend, { beforeMs: 0n })).plan.units, [])
  }))

test('holes, aborted transactions, gaps and histories stay what they were', () =>
  withStore('memory', async ({ backend }) => {
    const log = new OrdersLog(backend)
    const dirty = (at: bigint) => dataBatch(at, 5, { producerId: 7n })
    const entry = (endOffset: bigint | null) => [{ stream: 0, producerId: 7n, firstOffset: 10n, endOffset }]
    await log.add([dataBatch(0n, 10)])
    // A transaction that spans three segments, and one of the same producer behind it that is committed.
    await log.add([dirty(10n)], {}, entry(null))
    await log.add([dirty(15n), dirty(20n)], {}, entry(null))
    await log.add([marker('abort', 25n, 7n), dirty(26n), marker('commit', 31n, 7n)], {}, entry(25n))
    await log.add([dirty(35n), marker('commit', 40n, 7n)], { holes: [[32n, 35n]] })
    const gap = { topic: 'orders', partition: 0, lineage: 1, firstOffset: 41n, endOffset: 53n }
    await log.commit({ gaps: [{ ...gap, reason: 'deleted_before_read' }] })
    // The first batch behind the gap begins before it ends.
    await log.add([dataBatch(50n, 10)])
    await log.add([dataBatch(60n, 10)])
    const divergence = {
      ...{ topic: 'orders', partition: 0, lineage: 2, reason: 'log_truncated' as const },
      ...{ topicId: ORDERS_0.topicId, beginOffset: 65n, commonEndOffset: 65n, previousEndOffset: 70n },
    }
    await log.commit({ divergences: [divergence] })
    await log.add([dataBatch(65n, 10, { epoch: 1 })], { lineage: 2 })
    await log.add([dataBatch(75n, 10, { epoch: 2 })], { lineage: 2 })
    const before = await contentOf(backend)
    const report = await compact(backend)
    assert.deepEqual([report.objectsIn, report.objectsOut, report.damaged], [9, 3, []])
    assert.deepEqual(await partsOf(backend), [
      '1: 0-41 20+15 holes 32,35',
      '1: 53-70 17+0 holes ',
      '2: 65-85 20+0 holes ',
    ])
    assert.deepEqual(await contentOf(backend), before)
    const { findings, gaps } = await validate(backend)
    assert.deepEqual([findings, gaps.length], [[], 1])
    assert.deepEqual((await compact(backend, EVERYTHING)).plan.units, [])
  }))

/*
 * An unclean election took a marker away after a run had read as far as that. What the marker had ended is open again at the source, and
 * ends in another way, or goes on. Each part says what its own run was told; the lists of all parts together say something else.
 */
test('of a transaction that ended twice each part keeps what it was told', () =>
  withStore('memory', async ({ backend }) => {
    const log = new OrdersLog(backend)
    const dirty = (at: bigint) => dataBatch(at, 5, { producerId: 7n })
    const entry = (firstOffset: bigint, endOffset: bigint | null) => [
      { stream: 0, producerId: 7n, firstOffset, endOffset },
    ]
    // Was committed; later it is aborted.
    await log.add([dirty(0n)])
    await log.add([dirty(5n), marker('abort', 10n, 7n)], {}, entry(0n, 10n))
    // Was aborted; later it is committed.
    await log.add([dirty(11n)], {}, entry(11n, null))
    await log.add([dirty(16n), marker('commit', 21n, 7n)])
    const before = await contentOf(backend)
    assert.deepEqual((await compact(backend)).damaged, [])
    assert.deepEqual(await partsOf(backend), ['1: 0-22 10+10 holes '])
    assert.deepEqual(await contentOf(backend), before)
    // An end without a marker stays where it is when everything is written once more.
    await log.add([dirty(22n), marker('abort', 27n, 7n), dataBatch(28n, 40)], {}, entry(22n, 27n))
    await log.add([dataBatch(68n, 40)])
    assert.deepEqual((await compact(backend)).damaged, [])
    assert.deepEqual(await partsOf(backend), ['1: 0-108 90+15 holes '])
    assert.deepEqual((await validate(backend)).findings, [])
  }))

test('a segment ends where a batch reaches back behind what was read', () =>
  withStore('memory', async ({ backend }) => {
    const log = new OrdersLog(backend)
    for (const at of [0n, 10n]) await log.add([dataBatch(at, 10)])
    await log.add([dataBatch(15n, 10)])
    await log.add([dataBatch(25n, 10)])
    const before = await contentOf(backend)
    const report = await compact(backend)
    assert.deepEqual([report.objectsIn, report.objectsOut, report.damaged], [4, 2, []])
    assert.deepEqual(await contentOf(backend), before)
    assert.deepEqual((await validate(backend)).findings, [])
  }))

test('of quiet partitions larger bundles are made, with transactions and holes as they were', () =>
  withStore('memory', async ({ backend }) => {
    const state = new BackupState(BACKUP)
    const streams = [ORDERS_0, ORDERS_1, AUDIT_0]
    const dirty = (at: bigint) => dataBatch(at, 5, { producerId: 7n })
    const entry = (endOffset: bigint | null) => [{ stream: 0, producerId: 7n, firstOffset: 0n, endOffset }]
    const compressed = { mode: 'compressed' as const }
    const first = await writeSegment(backend, {
      ...{ streams, sequence: 1, aborted: entry(null) },
      extents: streams.map(() => ({ beginOffset: 0n, holes: [] })),
      frames: [dirty(0n), dataBatch(0n, 10), dataBatch(0n, 10, { codec: 'gzip' })].map((batch, stream) => {
        return { ...compressed, stream, batches: [batch] }
      }),
    })
    const topics = [ORDERS_TOPIC, { name: 'audit', topicId: null, partitions: 1 }]
    const begins = streams.map(({ topic, partition }) => ({ topic, partition, offset: 0n }))
    await appendCommit(backend, state, draft('run', 'running', { topics, begins, segments: [first] }))
    const second = await writeSegment(backend, {
      ...{ streams: streams.slice(0, 2), sequence: 2, aborted: entry(10n) },
      extents: [
        { beginOffset: 5n, holes: [] },
        { beginOffset: 10n, holes: [[10n, 12n]] },
      ],
      frames: [
        {
          batches: [dirty(5n), marker('abort', 10n, 7n), dirty(11n), marker('commit', 16n, 7n)],
          ...compressed,
        },
        { stream: 1, batches: [dataBatch(12n, 200)], ...compressed },
      ],
    })
    await appendCommit(backend, state, draft('run', 'complete', { segments: [second] }))
    const before = await contentOf(backend)
    const report = await compact(backend)
    assert.deepEqual([report.objectsIn, report.objectsOut, report.damaged], [2, 1, []])
    assert.deepEqual(await contentOf(backend), before)
    assert.deepEqual(await partsOf(backend), ['1: 0-17 5+10 holes '])
    const { findings, records, verdict } = await validate(backend)
    assert.deepEqual([findings, records, verdict], [[], 225, 'complete'])
  }))

/** Writes another value into the first batch of frames that have several: checksums, numbers and lengths are all right. */
function forging(transform: FrameTransform): FrameTransform {
  return {
    ...transform,
    encode: (chunks, mode) => {
      const batches = Buffer.concat(chunks)
      const cursor = cursorOn(batches)
      const at = batches.indexOf('value 0')
      if (at > 0 && at < cursor.endPosition && cursor.next()) {
        batches.write('VALUE 0', at)
        sealBatch(batches, 0)
      }
      return transform.encode([batches], mode)
    },
  }
}

for (const [what, rounds] of [
  ['segments', 6],
  ['larger bundles', 2],
] as const) {
  test(`${what} that are sound and hold something else than what was read are found before a commit names them`, () =>
    withStore('memory', async ({ backend }) => {
      const { segments } = await writeRounds(backend, rounds)
      const before = await contentOf(backend)
      const transforms = new Map([...TRANSFORMS].map(([id, transform]) => [id, forging(transform)]))
      const { commits, damaged, objectsOut } = await compact(backend, { graceMs: 0 }, { transforms })
      assert.deepEqual([commits, objectsOut], [[], 0])
      assert.match(
        damaged[0]?.error.message ?? '',
        /what was written is not what was read: .*\/(topics|bundles)\//,
      )
      assert.deepEqual(
        [damaged.length, damaged[0]?.error.code, damaged[0]?.objects],
        [1, 'KB_SEGMENT_CORRUPT', segments.length],
      )
      assert.deepEqual(await contentOf(backend), before)
      assert.equal((await compact(backend)).commits.length, 1, 'the next one writes what was read')
      assert.deepEqual(await contentOf(backend), before)
    }))
}
