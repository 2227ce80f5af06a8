import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BackupState, type PartitionState } from '../../src/format/backup-state.ts'
import { heldExtent } from '../../src/format/held-parts.ts'
import type { TimeQuestion, TopicPartition } from '../../src/kafka/cluster.ts'
import { copyByNames } from '../../src/offsets/found-copy.ts'
import { reportByTimes } from '../../src/offsets/report-by-times.ts'
import { findUnreadMinima } from '../../src/offsets/unread-minima.ts'
import type { KafkaRecord } from '../../src/protocol/record.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import { MeteredBackend } from '../../src/storage/metered-backend.ts'
import { type Prng, prng } from '../protocol/prng.ts'
import { type RandomArchive, randomTime, writeRandomArchive } from '../restore/random-archive.ts'
import {
  BACKUP,
  dataBatch,
  draft,
  ORDERS_0,
  ORDERS_TOPIC,
  TRANSFORMS,
  writeSegment,
} from '../verify/archive-writer.ts'
import { groupOf } from './sample-groups.ts'

const SEEDS = [1, 2, 3, 4, 5, 6]
const { signal } = new AbortController()

function minimumOf(records: readonly KafkaRecord[]): bigint | null {
  return records.reduce<bigint | null>(
    (least, { timestamp }) => (least === null || timestamp < least ? timestamp : least),
    null,
  )
}

interface CopiedRecord {
  readonly source: string | null
  readonly sourceOffset: bigint
  readonly timestamp: bigint
}

/** Logs of a cluster by `topic/partition`, one record at each offset; they begin at `start`, and the last `open` ones are not committed yet. */
function clusterOf(
  logs: ReadonlyMap<string, readonly CopiedRecord[]>,
  { type = 'CreateTime', start = 0, open = 0 } = {},
) {
  const partitions = Map.groupBy(logs.keys(), (name) => name.split('/')[0] ?? '')
  const logOf = ({ topic, partition }: TopicPartition) => logs.get(`${topic}/${partition}`) ?? []
  return {
    survey: async () => ({
      ...{ clusterId: 'c', brokers: new Map(), absent: new Map() },
      topics: [...partitions].map(([name, own]) => ({
        ...{ name, topicId: null, isInternal: false, replicationFactor: 1 },
        partitions: own.map((_, partition) => ({
          ...{ partition, leader: 1, leaderEpoch: 0, replicas: 1, inSyncReplicas: 1 },
        })),
      })),
    }),
    listOffsets: async (kind: string, places: readonly TopicPartition[]) =>
      new Map(
        places.map((own) => [
          `${own.topic}/${own.partition}`,
          BigInt(kind === 'log_start' ? start : logOf(own).length - (kind === 'last_stable' ? open : 0)),
        ]),
      ),
    offsetsAtTimes: async (questions: readonly TimeQuestion[]) =>
      new Map(
        questions.map((own) => {
          const at = logOf(own).findIndex(({ timestamp }) => timestamp >= own.timestampMs)
          return [`${own.topic}/${own.partition}`, at < 0 ? null : BigInt(at)]
        }),
      ),
    topicConfigs: async (topics: readonly string[]) =>
      new Map(topics.map((topic) => [topic, new Map([['message.timestamp.type', type]])])),
  }
}

/** Some of the records, in their order, with records of others among them; by key over `partitions`, or under the same number. */
function copied(random: Prng, { committed }: RandomArchive, partitions: number, isSpread: boolean) {
  const logs = new Map(Array.from({ length: partitions }, (_, at) => [`copy/${at}`, [] as CopiedRecord[]]))
  for (const [source, records] of committed) {
    for (const { offset: sourceOffset, timestamp } of records) {
      const lane = isSpread ? random.below(partitions) : Number(source.split('/')[1])
      const log = logs.get(`copy/${lane}`)
      if (random.chance(0.05)) log?.push({ source: null, sourceOffset: 0n, timestamp: randomTime(random) })
      if (random.chance(0.9)) log?.push({ source, sourceOffset, timestamp })
    }
  }
  return logs
}

describe('the report by timestamps', () => {
  it('finds the smallest timestamp behind each offset', async () => {
    let [exact, asked] = [0, 0]
    for (const seed of SEEDS) {
      const random = prng(seed)
      const storage = new MemoryBackend('times')
      const { state, committed } = await writeRandomArchive(storage, random, { orders: 2 })
      const archive = { storage, backupId: BACKUP, transforms: TRANSFORMS, signal }
      const wanted = [0, 1].flatMap((partition) => {
        const records = committed.get(`orders/${partition}`) ?? []
        const [begin, end] = [records[0]?.offset ?? 0n, records.at(-1)?.offset ?? 0n]
        return Array.from({ length: 40 }, () => {
          const offset = begin + BigInt(random.below(Number(end - begin) + 20))
          return { topic: 'orders', partition, offset }
        })
      })
      const unread = await findUnreadMinima(archive, state, wanted)
      for (const position of wanted) {
        const records = committed.get(`orders/${position.partition}`) ?? []
        const expected = minimumOf(records.filter(({ offset }) => offset >= position.offset))
        const answer = unread(position)
        assert.equal(answer === null, expected === null, `seed ${seed}, offset ${position.offset}`)
        if (answer === null || expected === null) continue
        // Aborted records count in the minima of frames.
        assert.ok(answer <= expected, `seed ${seed}, offset ${position.offset}: ${answer}, ${expected}`)
        asked++
        if (answer === expected) exact++
      }
    }
    assert.ok(exact >= asked * 0.7, `${exact} of ${asked} as large as they may be`)
  })

  it('finds the same for the second offset of each part alone', async () => {
    for (const seed of SEEDS) {
      const storage = new MemoryBackend('times')
      const { state, committed } = await writeRandomArchive(storage, prng(seed), { orders: 1 })
      const archive = { storage, backupId: BACKUP, transforms: TRANSFORMS, signal }
      const histories = state.histories('orders', 0)
      const { parts } = heldExtent(histories, histories.at(-1) as PartitionState)
      for (const { part } of parts) {
        const position = { topic: 'orders', partition: 0, offset: part.firstOffset + 1n }
        const answer = (await findUnreadMinima(archive, state, [position]))(position)
        const records = committed.get('orders/0') ?? []
        const expected = minimumOf(records.filter(({ offset }) => offset >= position.offset))
        const isSafe = expected === null ? answer === null : answer !== null && answer <= expected
        assert.ok(isSafe, `seed ${seed}, offset ${position.offset}: ${answer}, ${expected}`)
      }
    }
  })

  for (const isSpread of [false, true]) {
    it(`skips nothing of a copy that is ${isSpread ? 'spread anew' : 'in the same partitions'}`, async () => {
      for (const seed of SEEDS) {
        const random = prng(seed)
        const storage = new MemoryBackend('times')
        const restored = await writeRandomArchive(storage, random, { orders: 2 })
        const { state, committed } = restored
        const logs = copied(random, restored, isSpread ? 3 : 2, isSpread)
        const cluster = clusterOf(logs)
        const copy = await copyByNames(cluster, state, new Map([['orders', 'copy']]))
        const archive = { storage, backupId: BACKUP, transforms: TRANSFORMS, signal }
        const groups = Array.from({ length: 20 }, (_, at) => {
          const offsets = [0, 1].map((partition): [number, bigint] => {
            const records = committed.get(`orders/${partition}`) ?? []
            const end = Number(records.at(-1)?.offset ?? 0n)
            return [partition, random.chance(0.2) ? BigInt(end + 1) : BigInt(random.below(end + 2))]
          })
          return groupOf(`group-${at}`, new Map(offsets))
        })
        const { rows } = await reportByTimes(groups, copy, { cluster, archive, state }, () => true)
        for (const { group, offsets } of groups) {
          const unread = (own: CopiedRecord) =>
            offsets.some(({ partition, offset }) => {
              return own.source === `orders/${partition}` && own.sourceOffset >= offset
            })
          for (const [name, log] of logs) {
            const said = `seed ${seed}, ${group}, ${name}`
            const own = rows.filter(
              (row) => row.group === group && `${row.target?.topic}/${row.target?.partition}` === name,
            )
            assert.ok(own.length > 0, said)
            const from = Number(own[0]?.targetOffset)
            assert.equal(log.slice(0, from).some(unread), false, `${said}: skipped`)
            const again = log.slice(from).filter((record) => record.source !== null && !unread(record)).length
            for (const row of own) {
              assert.equal(row.targetOffset, own[0]?.targetOffset)
              assert.ok(row.repeats >= BigInt(again) && row.isRepeatsAtMost === row.repeats > 0n, said)
            }
          }
        }
        assert.ok(rows.some(({ how }) => how === 'by_timestamp'))
        assert.ok(isSpread || rows.some(({ how }) => how === 'end'))
        assert.ok(rows.some(({ targetOffset }) => (targetOffset ?? 0n) > 0n))
      }
    })
  }

  it('reads all of a copy where what stood at the offset is not in the archive, and nothing behind its end', async () => {
    const storage = new MeteredBackend(new MemoryBackend('gap'))
    const state = new BackupState(BACKUP)
    const streams = [ORDERS_0]
    const gap = { topic: 'orders', partition: 0, lineage: 1, firstOffset: 10n, endOffset: 20n } as const
    const begins = [{ topic: 'orders', partition: 0, offset: 5n }]
    const write = (sequence: number, beginOffset: bigint) =>
      writeSegment(storage, {
        ...{ streams, sequence, extents: [{ beginOffset, holes: [] }] },
        frames: [{ batches: [dataBatch(beginOffset, sequence === 1 ? 5 : 10)] }],
      })
    await appendCommit(
      storage,
      state,
      draft('a', 'running', { topics: [ORDERS_TOPIC], begins, segments: [await write(1, 5n)] }),
    )
    await appendCommit(
      storage,
      state,
      draft('a', 'running', { gaps: [{ ...gap, reason: 'missing_in_log' }] }),
    )
    await appendCommit(storage, state, draft('a', 'complete', { segments: [await write(2, 20n)] }))
    const archive = { storage, backupId: BACKUP, transforms: TRANSFORMS, signal }
    const at = (offset: bigint) => ({ topic: 'orders', partition: 0, offset })
    const wanted = [0n, 5n, 9n, 10n, 19n, 20n, 25n, 30n, 99n].map(at)
    const unread = await findUnreadMinima(archive, state, wanted)
    const timeOf = (offset: bigint) => 1_700_000_000_000n + offset * 1000n
    assert.deepEqual(wanted.map(unread), [
      ...[-1n, timeOf(5n), timeOf(9n), -1n, -1n, timeOf(20n), timeOf(25n), null, null],
    ])
    const readBefore = storage.usage.calls.readRange
    // The commits tell it.
    const told = await findUnreadMinima(archive, state, [at(5n), at(20n)])
    assert.deepEqual([told(at(5n)), told(at(20n))], [timeOf(5n), timeOf(20n)])
    assert.equal(storage.usage.calls.readRange, readBefore)
    const log = Array.from({ length: 32 }, (_, offset) => ({
      ...{ source: 'orders/0', sourceOffset: BigInt(offset), timestamp: timeOf(BigInt(offset)) },
    }))
    const ask = async (type?: string) => {
      const asked = clusterOf(new Map([['orders/0', log]]), { ...(type && { type }), start: 3, open: 2 })
      const copy = await copyByNames(asked, state, new Map())
      const groups = [12n, 25n, 30n].map((offset) => groupOf(`g${offset}`, new Map([[0, offset]])))
      return reportByTimes(groups, copy, { cluster: asked, archive, state }, () => true)
    }
    assert.deepEqual(
      (await ask()).rows.map(({ targetOffset, how }) => [targetOffset, how]),
      [
        [3n, 'by_timestamp'],
        [25n, 'by_timestamp'],
        [30n, 'end'],
      ],
    )
    assert.deepEqual(
      new Set((await ask('LogAppendTime')).rows.map(({ reason }) => reason)),
      new Set(['append_times']),
    )
  })

  it('tells topics that are not there', async () => {
    const storage = new MemoryBackend('names')
    const { state } = await writeRandomArchive(storage, prng(1), { orders: 1 })
    const cluster = clusterOf(new Map([['other/0', []]]))
    const copy = await copyByNames(cluster, state, new Map())
    const archive = { storage, backupId: BACKUP, transforms: TRANSFORMS, signal }
    const groups = [groupOf('g', new Map([[0, 3n]]))]
    const { rows } = await reportByTimes(groups, copy, { cluster, archive, state }, () => true)
    assert.deepEqual(
      rows.map(({ reason }) => reason),
      ['no_topic'],
    )
    for (const [names, message] of [
      [{ orders: 'orders-dr' }, /^topic "orders-dr" is not in the cluster$/],
      [{ audit: 'other' }, /^topic "audit" is not in backup daily$/],
    ] as const) {
      const renamed = new Map(Object.entries(names))
      await assert.rejects(copyByNames(cluster, state, renamed), { code: 'KB_TOPIC_NOT_FOUND', message })
    }
  })
})
