import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { isProducible } from '../../src/protocol/batch-patch.ts'
import { CODECS, type Codec } from '../../src/protocol/codec.ts'
import { type KafkaRecord, readRecords } from '../../src/protocol/record.ts'
import { BatchCursor, hasValidCrc } from '../../src/protocol/record-batch.ts'
import { fitsAsItIs } from '../../src/restore/batch-limit.ts'
import type { WorkBatch } from '../../src/restore/lane-batch.ts'
import { partitionOfKey } from '../../src/restore/murmur2.ts'
import { withPlannedHeaders } from '../../src/restore/offset-headers.ts'
import { planRestore, type RestorePlan, type RestoreSelection } from '../../src/restore/restore-plan.ts'
import { isInWindow } from '../../src/restore/time-window.ts'
import { readWork, readWorkRecords, type WorkStreamOptions } from '../../src/restore/work-stream.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import { type Prng, prng } from '../protocol/prng.ts'
import { BACKUP, TRANSFORMS } from '../verify/archive-writer.ts'
import { type RandomArchive, randomTime, writeRandomArchive } from './random-archive.ts'

const ROUNDS = Number(process.env.ROUNDS ?? 8)

/** A record as it was written, and where it came from according to the runs of its batch. */
type Written = readonly [source: number, offset: bigint, content: string]

function contentOf({ timestamp, key, value, headers }: KafkaRecord): string {
  const text = (bytes: Buffer | null) => bytes?.toString('hex') ?? null
  return JSON.stringify([
    timestamp.toString(),
    text(key),
    text(value),
    headers.map((header) => [text(header.nameBytes), text(header.value)]),
  ])
}

function optionsFor(
  storage: MemoryBackend,
  batchMaxBytes: ReadonlyMap<string, number> = new Map(),
  topicCodecs: ReadonlyMap<string, Codec> = new Map(),
): WorkStreamOptions {
  const { signal } = new AbortController()
  return { storage, backupId: BACKUP, transforms: TRANSFORMS, signal, batchMaxBytes, topicCodecs }
}

/** What the batches of each lane hold; their form is checked on the way. */
async function writtenLanes(
  options: WorkStreamOptions,
  plan: RestorePlan,
  at: number,
  begin?: readonly bigint[],
): Promise<Written[][]> {
  const work = plan.works[at]!
  const lanes: Written[][] = work.targets.map(() => [])
  for await (const { lane, batch } of readWork(options, plan, work, begin ?? work.targets.map(() => 0n))) {
    const { topic } = work.targets[lane]!
    const maxBytes = options.batchMaxBytes.get(topic) ?? Number.POSITIVE_INFINITY
    const codec = options.topicCodecs.get(topic) ?? null
    assert.ok(fitsAsItIs(batch.bytes, { maxBytes, codec }), `a batch of ${batch.bytes.length} bytes`)
    lanes[lane]!.push(...writtenBatch(batch))
  }
  return lanes
}

function writtenBatch(batch: WorkBatch['batch']): Written[] {
  const cursor = new BatchCursor(batch.bytes)
  assert.ok(cursor.next() && hasValidCrc(cursor) && isProducible(cursor))
  assert.equal(cursor.byteLength, batch.bytes.length)
  assert.equal(cursor.recordCount, batch.records)
  const places = batch.runs.flatMap(({ source, firstOffset, records }) =>
    Array.from({ length: records }, (_, index) => [source, firstOffset + BigInt(index)] as const),
  )
  const records = [...readRecords(cursor)]
  assert.equal(places.length, records.length)
  return records.map((record, index): Written => [...places[index]!, contentOf(record)])
}

/** A plain filter over the full log, by the words of docs/restore.md. */
function expectedLanes(
  { committed }: RandomArchive,
  plan: RestorePlan,
  at: number,
  selection: RestoreSelection,
): Written[][] {
  const work = plan.works[at]!
  const lanes: Written[][] = work.targets.map(() => [])
  for (const source of work.sources) {
    const { sourceTopic, partition } = plan.partitions[source]!
    const ranges = (selection.offsetRanges ?? []).filter(
      (range) => range.topic === sourceTopic && range.partition === partition,
    )
    for (const record of committed.get(`${sourceTopic}/${partition}`)!) {
      if (plan.window && !isInWindow(plan.window, record.timestamp)) continue
      const isInRange = ranges.some(
        ({ firstOffset, lastOffset }) =>
          record.offset >= (firstOffset ?? 0n) && record.offset <= (lastOffset ?? record.offset),
      )
      if (ranges.length > 0 && !isInRange) continue
      const count = work.targets.length
      const spread = record.key === null ? partition % count : partitionOfKey(record.key, count)
      const lane = work.routing === 'direct' ? 0 : spread
      lanes[lane]!.push([
        source,
        record.offset,
        contentOf(withPlannedHeaders(plan.headers, record, partition)),
      ])
    }
  }
  return lanes
}

function randomSelection(random: Prng, committed: RandomArchive['committed']): RestoreSelection {
  const [a, b] = [randomTime(random), randomTime(random)].sort((x, y) => Number(x - y)) as [bigint, bigint]
  const offsets = committed.get('audit/0')!.map(({ offset }) => offset)
  const [first, last] = [random.pick(offsets), random.pick(offsets)].sort((x, y) => Number(x - y))
  const kind = random.pick(['plain', 'mapped', 'joined', 'spread'] as const)
  return {
    topics: undefined,
    topicMapping: new Map(
      kind === 'mapped' ? [['audit', 'audit-copy']] : kind === 'joined' ? [['audit', 'orders']] : [],
    ),
    allowManyToOne: kind === 'joined',
    repartitioning: new Map(kind === 'spread' ? [['orders', { targetPartitions: 1 + random.below(5) }]] : []),
    window: random.chance(0.6)
      ? { fromMs: random.chance(0.8) ? a : null, toMs: random.chance(0.8) ? b : null }
      : null,
    offsetRanges: random.chance(0.4)
      ? [{ topic: 'audit', partition: 0, firstOffset: first!, lastOffset: random.chance(0.7) ? last! : null }]
      : [],
    headers: {
      isStripping: random.chance(0.2),
      isAdding: random.chance(0.3),
      sourceCluster: random.chance(0.5) ? 'cluster-1' : null,
    },
  }
}

test('every choice gives what a plain filter of the full log gives, whole and from any record on', async () => {
  let [restored, left] = [0, 0]
  for (let round = 0; round < ROUNDS; round++) {
    const random = prng(7_000 + round)
    const storage = new MemoryBackend('stream')
    const archive = await writeRandomArchive(storage, random, { orders: 3, audit: 1 })
    for (let choice = 0; choice < 6; choice++) {
      const selection = randomSelection(random, archive.committed)
      const plan = planRestore(archive.state, selection)
      const limit = random.chance(0.3) ? 2_000 + random.below(3_000) : 1_000_000
      const codec = random.chance(0.4) ? random.pick(CODECS) : null
      const names = plan.topics.map(({ targetTopic }) => targetTopic)
      const options = optionsFor(
        storage,
        new Map(names.map((name) => [name, limit])),
        new Map(codec === null ? [] : names.map((name) => [name, codec])),
      )
      let records = 0
      for (const [at, work] of plan.works.entries()) {
        const expected = expectedLanes(archive, plan, at, selection)
        const what = `round ${round}, choice ${choice}, work ${at}`
        assert.deepEqual(await writtenLanes(options, plan, at), expected, what)
        const begin = expected.map((lane) => BigInt(random.below(lane.length + 1)))
        const suffix = expected.map((lane, index) => lane.slice(Number(begin[index])))
        assert.deepEqual(await writtenLanes(options, plan, at, begin), suffix, `${what} from ${begin}`)
        const single: Written[][] = work.targets.map(() => [])
        for await (const { lane, source, record } of readWorkRecords(options, plan, work, begin)) {
          single[lane]!.push([source, record.offset, contentOf(record)])
        }
        assert.deepEqual(single, suffix, `${what}, single records`)
        records += expected.reduce((sum, lane) => sum + lane.length, 0)
      }
      if (plan.isExact) assert.equal(records, plan.records)
      else assert.ok(records <= plan.records)
      restored += records
      left += plan.records - records
    }
  }
  assert.ok(restored > 10_000 && left > 1_000, 'windows took something and left something')
})

test('a batch that the target does not take is split, and a record that does not fit alone is named', async () => {
  const storage = new MemoryBackend('stream')
  const archive = await writeRandomArchive(storage, prng(1), { orders: 1 })
  const plan = planRestore(archive.state, { topics: undefined, topicMapping: new Map() })
  await assert.rejects(writtenLanes(optionsFor(storage, new Map([['orders', 70]])), plan, 0), (error) => {
    assert.ok(isKafkaBackupError(error, 'KB_RECORD_TOO_LARGE'))
    assert.match(
      error.message,
      /^the record at offset \d+ of orders\/0 needs a batch of \d+ bytes; the target topic takes 70$/,
    )
    return true
  })
})

test('with kept offsets, the records of a batch follow each other without a hole', async () => {
  const storage = new MemoryBackend('stream')
  const archive = await writeRandomArchive(storage, prng(2), { orders: 1 })
  const selection = { topics: undefined, topicMapping: new Map<string, string>(), isKeepingOffsets: true }
  const plan = planRestore(archive.state, selection)
  let batches = 0
  for await (const { batch } of readWork(optionsFor(storage), plan, plan.works[0]!, [0n])) {
    assert.equal(batch.runs.length, 1)
    batches++
  }
  assert.ok(batches > 20)
  assert.deepEqual(
    await writtenLanes(optionsFor(storage), plan, 0),
    expectedLanes(archive, plan, 0, selection),
  )
})
