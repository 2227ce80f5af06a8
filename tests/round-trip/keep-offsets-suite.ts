import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fillTopics, type KafkaCluster, type KafkaVersion, startKafkaCluster } from '@kafka-backup/testkit'
import { fillerBatch } from '../../packages/core/src/restore/filler-batch.ts'
import {
  AGGRESSIVE_CLEANER,
  COMPACTED,
  createCompacted,
  freezeCleaned,
  overwrite,
} from '../fidelity/compacted-topics.ts'
import { RawProducer } from '../fidelity/raw-producer.ts'
import {
  type Archive,
  backupArgs,
  expectExit,
  renamed,
  restoreArgs,
  UNCOMPACTED,
} from '../harness/archive.ts'
import { createTopics } from '../harness/new-topics.ts'
import { deleteBelow, expectSameOffsets, readAll } from '../harness/same-offsets.ts'

/** Where the log of a source begins whose first records are long gone: in the middle of a batch. */
const START = 5_000_003n
const TOPICS = [...COMPACTED.map(({ topic }) => topic), 'moved', 'payments'] as const
const NAMES = renamed(TOPICS, 'kept')
const PRINTED = {
  'print.partition': 'true',
  'print.offset': 'true',
  'print.key': 'true',
  'print.value': 'false',
}

interface Report {
  readonly mode: string
  readonly filled_offsets: {
    readonly filler: number
    readonly markers: number
    readonly transactions: number
  }
}

/** Restores that keep offsets, compared by what Kafka's own consumers say of source and target. */
export function describeKeptOffsets(version: KafkaVersion): void {
  describe(`offsets that are kept, on Kafka ${version}`, () => {
    let cluster: KafkaCluster
    let archive: Archive

    before(async () => {
      cluster = await startKafkaCluster({ version, properties: AGGRESSIVE_CLEANER })
      archive = { folder: join(cluster.folder, 'repository'), backupId: 'daily' }
      await prepareSources(cluster)
      await expectExit(0, backupArgs(cluster, archive, TOPICS))
    })

    after(() => cluster?.close())

    test('every record of compacted, transactional and moved topics has its offset again', async (t) => {
      const args = [...restoreArgs(cluster, archive, NAMES), '--keep-offsets', '--verify', ...UNCOMPACTED]
      const plan = (await expectExit(0, [...args, '--dry-run'])).json<{
        kept_offsets: { method: string; filler_offsets: string; max_gap_offsets: string }
      }>()
      const report = (await expectExit(0, args)).json<Report>()
      t.diagnostic(JSON.stringify([plan.kept_offsets, report.filled_offsets]))
      assert.equal(report.mode, 'idempotent')
      assert.equal(plan.kept_offsets.method, 'markers')
      assert.equal(report.filled_offsets.filler, Number(START))
      assert.equal(plan.kept_offsets.filler_offsets, String(START))
      assert.equal(
        report.filled_offsets.markers,
        Number(plan.kept_offsets.max_gap_offsets),
        'the plan is exact',
      )
      assert.equal(report.filled_offsets.transactions, 0)
      await expectSameOffsets(cluster, NAMES)
    })

    test('the console consumer prints the same offsets for both', async () => {
      for (const topic of ['moved', 'mixed']) {
        const job = {
          partition: 0,
          maxRecords: 200,
          properties: PRINTED,
          isolation: 'read_committed',
        } as const
        const source = await cluster.tools.consoleConsumer({ ...job, topic })
        assert.equal(source.length, 200)
        assert.deepEqual(
          await cluster.tools.consoleConsumer({ ...job, topic: NAMES.get(topic) ?? '' }),
          source,
        )
      }
    })

    test('a consumer group goes on with the offsets that it had', async () => {
      const all = await readAll(cluster, ['payments'])
      const half = Math.floor(all.length / 2)
      const job = { properties: PRINTED, isolation: 'read_committed', idleMs: 15_000 } as const
      const before = await cluster.tools.consoleConsumer({
        ...{ ...job, topic: 'payments', group: 'billing', maxRecords: half },
      })
      assert.equal(before.length, half)
      await copyGroup(cluster, 'billing', 'payments')
      const left = all.length - half
      const rest = await cluster.tools.consoleConsumer({
        ...{ ...job, topic: NAMES.get('payments') ?? '', group: 'billing', maxRecords: left + 10 },
      })
      assert.equal(rest.length, left)
      const printed = [...before, ...rest].map((line) => line.split('\t').slice(0, 2).join(' '))
      const expected = all.map(({ partition, offset }) => `Partition:${partition} Offset:${offset}`)
      assert.deepEqual(printed.sort(), expected.sort())
    })
  })
}

/** Compacted topics; one with committed and aborted transactions; and one that begins far above 0. */
async function prepareSources(cluster: KafkaCluster): Promise<void> {
  await createCompacted(cluster)
  const config = { 'retention.ms': '-1' }
  await createTopics(cluster, { moved: { partitions: 1, config }, payments: { partitions: 3, config } })
  using producer = await RawProducer.open(cluster)
  for (let batches = 0; batches < 5; batches++)
    await producer.send('moved', fillerBatch(1_000_000, Date.now()))
  const transactions = { recordsPerTransaction: 40, abortEvery: 3 }
  await fillTopics(cluster, [
    { topic: 'moved', records: 1_500, seed: 4, transactions, beginTimestampMs: Date.UTC(2022, 0, 1) },
    { topic: 'payments', records: 1_800, seed: 5, transactions, maxHeaders: 2 },
  ])
  await deleteBelow(cluster, 'moved', START)
  await overwrite(cluster, 0)
  await overwrite(cluster, 1)
  await freezeCleaned(cluster)
}

/** With Kafka's own tool: exports where the group is, and sets it so for the restored topic. */
async function copyGroup(cluster: KafkaCluster, group: string, topic: string): Promise<void> {
  const reset = ['--reset-offsets', '--group', group]
  const csv = await cluster.tools.consumerGroups([
    ...[...reset, '--topic', topic, '--to-current', '--export', '--dry-run'],
  ])
  const rows = csv.split('\n').filter((line) => line.includes(','))
  const own = rows.map((row) => row.replaceAll('"', '').replace(`${topic},`, `${NAMES.get(topic)},`))
  assert.equal(own.length, 3, csv)
  const file = join(cluster.folder, 'offsets.csv')
  await writeFile(file, `${own.join('\n')}\n`)
  await cluster.tools.consumerGroups([...reset, '--from-file', file, '--execute'])
}
