import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  type Broker,
  fillTopics,
  type KafkaCluster,
  type KafkaVersion,
  startKafkaCluster,
} from '@kafka-backup/testkit'
import { type Archive, assertExit, backupArgs, expectExit, renamed, restoreArgs } from '../harness/archive.ts'
import { SHORT_QUOTA_WINDOWS, throttleProgram } from '../harness/client-quota.ts'
import { createTopics, leaderOf } from '../harness/new-topics.ts'
import { type ProgramEnd, type RunningProgram, startProgram } from '../harness/run-program.ts'
import { expectCopiesEqual } from '../harness/same-content.ts'
import { appendStrayMarkers } from '../harness/stray-markers.ts'

const COORDINATORS = '__transaction_state'
const PARTITIONS = 2
const RECORDS = 9_000
const FEW = 10
const MIDDLE_RECORDS = 300
const WRITE_BYTES_PER_SEC = 700_000
const MIDDLE_MS = 1_500
const MOVED_WITHIN_MS = 60_000
const PATIENCE_MS = 240_000
/** Many transactions, so that every moment of one is hit sooner or later. */
const SMALL_TRANSACTIONS = ['--transaction-max-bytes', '131072', '--checkpoint-interval-secs', '0'] as const

let cluster: KafkaCluster
let archive: Archive

/** What happens to the coordinator; nothing else of the restore is on its broker. */
const BLOWS = [
  {
    how: 'dies and comes back',
    name: 'killed',
    async strike(broker: Broker) {
      await broker.kill()
      await untilMoved(broker)
      await broker.start()
    },
  },
  {
    how: 'is paused, replaced and wakes',
    name: 'paused',
    async strike(broker: Broker) {
      broker.pause()
      await untilMoved(broker)
      broker.resume()
    },
  },
] as const

/** What happens to a restore when the coordinator of its transactions goes to another broker. */
export function defineCoordinatorMoves(version: KafkaVersion): void {
  describe(`a restore whose transaction coordinator moves to another broker, on Kafka ${version}`, () => {
    before(async () => {
      cluster = await startKafkaCluster({
        version,
        brokers: 3,
        properties: { ...SHORT_QUOTA_WINDOWS, 'transaction.state.log.num.partitions': '1' },
      })
      archive = { folder: join(cluster.folder, 'repository'), backupId: 'daily' }
      await createTopics(cluster, {
        orders: { partitions: PARTITIONS, replicationFactor: 3 },
        few: { partitions: 1, replicationFactor: 3 },
      })
      const beginTimestampMs = Date.UTC(2021, 2, 4)
      await fillTopics(cluster, [
        { topic: 'orders', records: RECORDS, batchBytes: 16_384, beginTimestampMs },
        { topic: 'few', records: FEW, beginTimestampMs },
      ])
      await expectExit(0, backupArgs(cluster, archive, ['orders', 'few']))
      // The brokers create their topic of transactions when somebody begins the first one.
      await expectExit(0, restoreArgs(cluster, archive, new Map([['orders', 'orders-first']])))
      await throttleProgram(cluster, { writeBytesPerSec: WRITE_BYTES_PER_SEC })
    })

    after(() => cluster?.close())

    for (const { how, name, strike } of BLOWS) {
      test(`it finishes by itself when the coordinator ${how}`, async (t) => {
        const names = new Map([['orders', `orders-${name}`]])
        const coordinator = cluster.broker(await leaderOf(cluster, COORDINATORS, 0))
        await createAwayFrom(coordinator, `orders-${name}`)
        const args = [...restoreArgs(cluster, archive, names), ...SMALL_TRANSACTIONS]
        const program = await startToTheMiddle(args)
        await strike(coordinator)
        const end = await program.ended
        assertExit(end, 0)
        assert.equal(end.json<{ mode: string }>().mode, 'transactions')
        t.diagnostic(end.stderr.split('\n').find((line) => /^Retrying /.test(line)) ?? 'no retry was needed')
        await expectCopiesEqual(cluster, [names])
      })
    }

    // A coordinator that takes over from one that died in the middle of writing markers writes them all again (seen on 4.2.1).
    test('a marker that comes twice in the middle of a partition is no other writer', async () => {
      const names = renamed(['orders'], 'marked')
      const end = await strayIn(names, 'orders-marked', [0, 1], MIDDLE_RECORDS)
      assert.match(end.stderr, /^Retrying restore .*a batch was written at offset \d+, expected \d+/m)
    })

    test('a marker that comes twice behind the last record of a partition is no other writer', async () => {
      const names = renamed(['orders', 'few'], 'tailed')
      const end = await strayIn(names, 'few-tailed', [0], FEW)
      assert.equal(end.json<{ recoveries: number }>().recoveries, 0, 'only the look at the ends saw it')
      const { partitions } = end.json<{ partitions: { topic: string; next_target_offset: string }[] }>()
      const few = partitions.find(({ topic }) => topic === 'few-tailed')
      assert.equal(few?.next_target_offset, String(FEW), 'its records were there before the marker')
    })
  })
}

async function strayIn(
  names: ReadonlyMap<string, string>,
  topic: string,
  partitions: readonly number[],
  recordsBefore: number,
): Promise<ProgramEnd> {
  const program = await startToTheMiddle([...restoreArgs(cluster, archive, names), ...SMALL_TRANSACTIONS])
  await appendStrayMarkers(cluster, topic, partitions, recordsBefore)
  const end = await program.ended
  assertExit(end, 0)
  await expectCopiesEqual(cluster, [names])
  return end
}

async function startToTheMiddle(args: readonly string[]): Promise<RunningProgram> {
  const program = startProgram(args, { timeoutMs: PATIENCE_MS })
  while (program.child.exitCode === null && program.output().stderr === '') await delay(10)
  await delay(MIDDLE_MS)
  assert.equal(program.child.exitCode, null, 'the restore is in the middle')
  return program
}

/** An empty topic with replicas on the other two brokers only. */
async function createAwayFrom(broker: Broker, topic: string): Promise<void> {
  const others = cluster.brokers.filter((other) => other !== broker).map(({ id }) => id)
  const assignment = Array.from({ length: PARTITIONS }, (_, at) =>
    (at % 2 === 0 ? others : others.toReversed()).join(':'),
  )
  const what = ['--create', '--topic', topic, '--replica-assignment', assignment.join(',')]
  const args = ['--bootstrap-server', cluster.bootstrap, ...what]
  const run = await cluster.tools.run('org.apache.kafka.tools.TopicCommand', args)
  if (run.exitCode !== 0) throw new Error(`${topic} was not created:\n${run.stdout}${run.stderr}`)
}

async function untilMoved(victim: Broker): Promise<void> {
  const others = cluster.brokers.filter((broker) => broker !== victim)
  const bootstrapServers = others.map((broker) => `127.0.0.1:${broker.port}`)
  const deadlineMs = performance.now() + MOVED_WITHIN_MS
  while ((await leaderOf({ bootstrapServers }, COORDINATORS, 0)) === victim.id) {
    assert.ok(performance.now() < deadlineMs, `broker ${victim.id} is the coordinator no more`)
    await delay(100)
  }
}
