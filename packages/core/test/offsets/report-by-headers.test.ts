import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type SeededRandom, seededRandom } from '../../../testkit/src/seeded-random.ts'
import type { GroupRecord } from '../../src/format/groups-document.ts'
import type { TargetPlace } from '../../src/format/restore-ledger.ts'
import type { FoundCopy } from '../../src/offsets/found-copy.ts'
import type { ReportRow } from '../../src/offsets/offset-report.ts'
import { reportByHeaders } from '../../src/offsets/report-by-headers.ts'
import type { KafkaRecord, RecordHeader } from '../../src/protocol/record.ts'
import { type RandomRestore, type RestoredRecord, randomRestore, type Shape } from './restored-map.ts'
import { groupOf } from './sample-groups.ts'

const ROUNDS = 40

function header(name: string, value: Buffer | null): RecordHeader {
  return { name, nameBytes: Buffer.from(name), value }
}

function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

/** As this program writes them, or as text; behind those of an earlier copy, now and then. */
function headersOf(random: SeededRandom, partition: number, offset: bigint): RecordHeader[] {
  const isText = random.chance(0.3)
  const earlier = random.chance(0.3)
    ? [header('x-original-offset', int64(7n)), header('x-source-partition', int32(1 - partition))]
    : []
  return [
    ...earlier,
    header('app', Buffer.from('own')),
    header('x-original-offset', isText ? Buffer.from(`${offset}`) : int64(offset)),
    header('x-source-partition', isText ? Buffer.from(`${partition}`) : int32(partition)),
  ]
}

function recordOf(offset: bigint, headers: readonly RecordHeader[]): KafkaRecord {
  return { offset, timestamp: 0n, key: null, value: null, headers }
}

interface Target {
  readonly logs: ReadonlyMap<string, readonly KafkaRecord[]>
  /** With the offsets that they have there. */
  readonly records: readonly RestoredRecord[]
}

/** The restored records, `copies` times one behind the other, with records of others between them. */
function targetOf(random: SeededRandom, { records, restore }: RandomRestore, copies = 1): Target {
  const logs = new Map([...restore.ends.keys()].map((name) => [name, [] as KafkaRecord[]]))
  const placed: RestoredRecord[] = []
  const next = new Map([...logs.keys()].map((name) => [name, BigInt(random.below(5))]))
  const append = (name: string, headers: readonly RecordHeader[]) => {
    const offset = next.get(name) ?? 0n
    logs.get(name)?.push(recordOf(offset, headers))
    next.set(name, offset + 1n + BigInt(random.chance(0.1) ? 1 : 0))
    return offset
  }
  for (let copy = 0; copy < copies; copy++) {
    for (const own of records) {
      if (random.chance(0.1)) append(own.target, [header('x-original-offset', Buffer.from('some'))])
      const partition = Number(own.source.split('/')[1])
      const targetOffset = append(own.target, headersOf(random, partition, own.sourceOffset))
      placed.push({ ...own, targetOffset })
    }
  }
  for (const name of logs.keys()) if (random.chance(0.5)) append(name, [])
  return { logs, records: placed }
}

function report(groups: readonly GroupRecord[], copy: FoundCopy, { logs }: Target) {
  const ends = [...logs].map(([name, log]) => [name, (log.at(-1)?.offset ?? -1n) + 1n] as const)
  const read = async function* ({ topic, partition }: TargetPlace, begin: bigint, end: bigint) {
    const log = logs.get(`${topic}/${partition}`) ?? []
    const records = log.filter(({ offset }) => offset >= begin && offset < end)
    for (let at = 0; at < records.length; at += 7) yield { records: records.slice(at, at + 7) }
  }
  const listOffsets = async (kind: string) => new Map(kind === 'log_start' ? [] : ends)
  return reportByHeaders(groups, copy, { cluster: { listOffsets }, read }, () => true)
}

/** By the plan of the restore, or by nothing but the names. */
function copyOf({ restore }: RandomRestore, isByNames: boolean): FoundCopy {
  const { sources, routes } = restore
  const known = { sources, begins: new Map(), ends: new Map(), refusals: new Map() } as const
  const state = { isKeepingOffsets: false, isFinished: true }
  const targetPartitions = restore.ends.size
  return isByNames
    ? { ...known, ...state, routes: null, topics: [{ sources, targetTopic: 'copy', targetPartitions }] }
    : { ...known, ...state, routes, topics: [] }
}

function lowestUnread(
  records: readonly RestoredRecord[],
  target: string,
  isUnread: (record: RestoredRecord) => boolean,
): bigint | undefined {
  const offsets = records.filter((own) => own.target === target && isUnread(own))
  return offsets.map((own) => own.targetOffset).sort((a, b) => (a < b ? -1 : 1))[0]
}

function behindLast(records: readonly RestoredRecord[], target: string): bigint {
  const own = records.filter((record) => record.target === target)
  return own.reduce((end, { targetOffset }) => (targetOffset >= end ? targetOffset + 1n : end), 0n)
}

const targetName = ({ target }: ReportRow) => `${target?.topic}/${target?.partition}`

describe('the report by headers', () => {
  for (const isByNames of [false, true]) {
    it(`finds the first record at or behind each offset, ${isByNames ? 'by names alone' : 'by the plan'}`, async () => {
      for (let seed = 1; seed <= ROUNDS; seed++) {
        const random = seededRandom(seed)
        const restored = randomRestore(random, 'direct')
        const target = targetOf(random, restored)
        const groups = Array.from({ length: 20 }, (_, at) =>
          groupOf(`group-${at}`, new Map([0, 1].map((partition) => [partition, BigInt(random.below(150))]))),
        )
        const found = await report(groups, copyOf(restored, isByNames), target)
        assert.equal(found.report.rows.length, 40)
        for (const row of found.report.rows) {
          const { topic, partition, sourceOffset, targetOffset, how, repeats } = row
          const own = target.records.filter((record) => record.source === `${topic}/${partition}`)
          const first = own.find((record) => record.sourceOffset >= (sourceOffset ?? 0n))
          const said = `seed ${seed}, ${topic}/${partition}, offset ${sourceOffset}`
          const expected = first?.targetOffset ?? behindLast(target.records, `copy/${partition}`)
          assert.deepEqual([targetName(row), targetOffset], [`copy/${partition}`, expected], said)
          const isExact = first?.sourceOffset === sourceOffset
          assert.deepEqual([how, repeats], [first ? (isExact ? 'exact' : 'next') : 'end', 0n], said)
        }
        const all = [...target.logs.values()].flat().length
        const counts = found.counts.get('copy')
        const withHeaders = target.records.length
        assert.deepEqual(counts, { withHeaders, withoutHeaders: all - withHeaders }, `seed ${seed}`)
      }
    })
  }

  for (const [shape, copies, isByNames] of [
    ['joined', 1, false],
    ['spread', 1, false],
    ['spread', 1, true],
    ['joined', 2, false],
    ['direct', 2, true],
    ['direct', 3, false],
  ] satisfies [Shape, number, boolean][]) {
    const names = isByNames ? 'names alone' : 'the plan'
    it(`skips nothing of ${copies} copies that are ${shape}, by ${names}, and counts what is read again`, async () => {
      for (let seed = 1; seed <= ROUNDS; seed++) {
        const random = seededRandom(seed)
        const restored = randomRestore(random, shape)
        const target = targetOf(random, restored, copies)
        const committed = new Map([[0, BigInt(random.below(130))]])
        // Now and then a group has read nothing of the other partition.
        if (shape === 'direct' || random.chance(0.7)) committed.set(1, BigInt(random.below(130)))
        const { rows } = (await report([groupOf('readers', committed)], copyOf(restored, isByNames), target))
          .report
        const isRead = ({ source, sourceOffset }: RestoredRecord) =>
          sourceOffset < (committed.get(Number(source.split('/')[1])) ?? 0n)
        const places = rows.map((row) => `${row.topic}/${row.partition} ${targetName(row)}`)
        assert.equal(new Set(places).size, places.length, `seed ${seed}: told twice`)
        for (const name of target.logs.keys()) {
          const own = rows.filter((row) => targetName(row) === name)
          assert.ok(own.length > 0, `seed ${seed}: ${name} is left to chance`)
          const lowest = lowestUnread(target.records, name, (record) => !isRead(record))
          const expected = lowest ?? behindLast(target.records, name)
          const again = target.records.filter(
            (record) => record.target === name && isRead(record) && record.targetOffset >= expected,
          )
          for (const { targetOffset, repeats } of own) {
            assert.equal(targetOffset, expected, `seed ${seed}: ${name}`)
            assert.equal(repeats, BigInt(again.length), `seed ${seed}: ${name}`)
          }
        }
      }
    })
  }

  it('looks at what the restore has written, from its begin to its end in the ledger', async () => {
    const source = { topic: 'orders', partition: 0, lineage: 1 }
    const targets = [0, 1].map((partition) => ({ topic: 'copy', partition }))
    // An earlier restore wrote the same five records; nothing of the source went to the other partition.
    const log = Array.from({ length: 10 }, (_, at) => {
      const own = [header('x-original-offset', int64(BigInt(at % 5))), header('x-source-partition', int32(0))]
      return recordOf(BigInt(at), own)
    })
    const copy: FoundCopy = {
      ...{ sources: [source], routes: [{ sources: [source], targets }], topics: [], refusals: new Map() },
      begins: new Map([['copy/0', 5n]]),
      ends: new Map([
        ['copy/0', 10n],
        ['copy/1', 3n],
      ]),
      ...{ isKeepingOffsets: false, isFinished: true },
    }
    const logs = new Map([
      ['copy/0', log],
      ['copy/1', [0n, 1n, 2n].map((offset) => recordOf(offset, []))],
    ])
    const groups = [2n, 5n].map((offset) => groupOf(`at ${offset}`, new Map([[0, offset]])))
    const found = await report(groups, copy, { logs, records: [] })
    assert.deepEqual(
      found.report.rows.map(({ targetOffset, how, repeats }) => [targetOffset, how, repeats]),
      [
        [7n, 'exact', 0n],
        [3n, 'end', 0n],
        [10n, 'end', 0n],
        [3n, 'end', 0n],
      ],
    )
    assert.deepEqual(found.counts.get('copy'), { withHeaders: 5, withoutHeaders: 3 })
  })

  it('says of which topics no record has headers, and maps nothing there', async () => {
    const restored = randomRestore(seededRandom(1), 'direct')
    const target = targetOf(seededRandom(1), restored)
    const bare = new Map(
      [...target.logs].map(([name, log]) => [name, log.map((own) => ({ ...own, headers: [] }))]),
    )
    const group = groupOf('g', new Map([[0, 30n]]))
    const { report: found } = await report([group], copyOf(restored, false), { ...target, logs: bare })
    assert.deepEqual(
      found.rows.map(({ how, reason }) => [how, reason]),
      [['unmapped', 'no_headers']],
    )
    const empty = { records: [], logs: new Map([['copy/0', []]]) }
    const nothing = await report([group], copyOf(restored, false), empty)
    assert.deepEqual(
      nothing.report.rows.map(({ how, targetOffset }) => [how, targetOffset]),
      [['end', 0n]],
    )
  })

  it('refuses two topics in one partition, which headers do not tell apart', async () => {
    const restored = randomRestore(seededRandom(1), 'direct')
    const copy = copyOf(restored, false)
    const other = { topic: 'audit', partition: 0, lineage: 1 }
    const [route] = restored.restore.routes
    const routes = [{ sources: [...(route?.sources ?? []), other], targets: route?.targets ?? [] }]
    const both = { ...copy, sources: [...copy.sources, other], routes }
    const target = targetOf(seededRandom(1), restored)
    await assert.rejects(report([groupOf('g', new Map([[0, 3n]]))], both, target), {
      code: 'KB_USAGE',
      message: /^orders and audit were both copied into copy\/0, and headers do not tell them apart/,
    })
    // Nobody asks for it.
    const elsewhere = await report([groupOf('g', new Map([[7, 3n]]))], both, target)
    assert.deepEqual(
      elsewhere.report.rows.map(({ reason }) => reason),
      ['not_restored'],
    )
  })
})
