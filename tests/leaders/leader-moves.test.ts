import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type Broker, fillTopics, type KafkaCluster, startKafkaCluster } from '@kafka-backup/testkit'
import {
  type Archive,
  assertExit,
  backupArgs,
  expectComplete,
  renamed,
  restoreArgs,
} from '../harness/archive.ts'
import { SHORT_QUOTA_WINDOWS, throttleProgram } from '../harness/client-quota.ts'
import { expectEveryOffsetOnce } from '../harness/committed-batches.ts'
import { endOffsets } from '../harness/end-offsets.ts'
import { createTopics, leaderOf } from '../harness/new-topics.ts'
import { startProgram } from '../harness/run-program.ts'
import { countRecords, expectCopiesEqual } from '../harness/same-content.ts'

const TOPICS = ['orders', 'ledger']
const RECORDS = { orders: 9_000, ledger: 3_000 } as const
const REPLICATED = { 'default.replication.factor': '3', 'min.insync.replicas': '2' } as const
const QUICK_FAILOVER = { 'broker.session.timeout.ms': '3000', 'broker.heartbeat.interval.ms': '300' } as const
// Each broker leads a third, so a run takes some seconds, and what happens to a leader meets it in the middle.
const BYTES_PER_SEC = 900_000
const MIDDLE_MS = 1_200
const MOVED_WITHIN_MS = 60_000
const PATIENCE_MS = 240_000

/** What happens to a leader in the middle of a run; in between, the controller gives its partitions to others. */
interface Blow {
  readonly what: string
  readonly name: string
  strike(broker: Broker, untilMoved: () => Promise<void>): Promise<void>
}

const BLOWS: readonly Blow[] = [
  {
    what: 'is killed and comes back',
    name: 'killed',
    async strike(broker, untilMoved) {
      await broker.kill()
      await untilMoved()
      await broker.start()
    },
  },
  {
    what: 'is paused and resumed',
    name: 'paused',
    async strike(broker, untilMoved) {
      broker.pause()
      await untilMoved()
      broker.resume()
    },
  },
]

let cluster: KafkaCluster
let ends: ReadonlyMap<string, bigint>

describe('while leaders move between three brokers', () => {
  before(async () => {
    cluster = await startKafkaCluster({
      brokers: 3,
      properties: { ...SHORT_QUOTA_WINDOWS, ...REPLICATED, ...QUICK_FAILOVER },
    })
    await createTopics(cluster, { orders: { partitions: 3 }, ledger: { partitions: 3 } })
    const transactions = { recordsPerTransaction: 100, abortEvery: 4 }
    await fillTopics(cluster, [
      { topic: 'orders', records: RECORDS.orders, seed: 1, maxHeaders: 2, batchBytes: 16_384 },
      { topic: 'ledger', records: RECORDS.ledger, seed: 2, batchBytes: 16_384, transactions },
    ])
    ends = await endOffsets(cluster, TOPICS)
    await throttleProgram(cluster, { readBytesPerSec: BYTES_PER_SEC, writeBytesPerSec: BYTES_PER_SEC })
  })

  after(() => cluster?.close())

  for (const blow of BLOWS) {
    test(`a backup finishes by itself when a leader ${blow.what}`, async (t) => {
      const archive = place(blow)
      await expectFinished(t, backupArgs(cluster, archive, TOPICS), { blow, topic: 'orders' })
      await expectEveryOffsetOnce(archive, ends)
      await expectComplete(archive)
    })
  }

  for (const blow of BLOWS) {
    test(`a restore finishes by itself when a leader ${blow.what}`, async (t) => {
      const args = restoreArgs(cluster, place(blow), renamed(TOPICS, blow.name))
      await expectFinished(t, args, { blow, topic: `orders-${blow.name}` })
    })
  }

  test('the restored topics hold every record of the source once', async () => {
    const copies = BLOWS.map(({ name }) => renamed(TOPICS, name))
    const contents = await expectCopiesEqual(cluster, copies)
    assert.equal(countRecords(contents, ['orders']), RECORDS.orders)
  })
})

/** Runs the program while the leader of a partition of `topic` is struck: it ends with 0, by itself. */
async function expectFinished(
  t: TestContext,
  args: readonly string[],
  { blow, topic }: { blow: Blow; topic: string },
): Promise<void> {
  const program = startProgram(args, { timeoutMs: PATIENCE_MS })
  while (program.child.exitCode === null && program.output().stderr === '') await delay(10)
  await delay(MIDDLE_MS)
  const victim = cluster.broker(await leaderOf(cluster, topic, 0))
  assert.equal(program.child.exitCode, null, 'the run is in the middle')
  await blow.strike(victim, () => untilMoved(topic, victim))
  const end = await program.ended
  assertExit(end, 0)
  const retries = end.stderr.split('\n').filter((line) => /^Retrying /.test(line))
  t.diagnostic(`${retries.length} retries were reported${retries[0] ? `, first: ${retries[0]}` : ''}`)
}

/** Asks the brokers that are left. */
async function untilMoved(topic: string, victim: Broker): Promise<void> {
  const others = cluster.brokers.filter((broker) => broker !== victim)
  const bootstrapServers = others.map((broker) => `127.0.0.1:${broker.port}`)
  const deadlineMs = performance.now() + MOVED_WITHIN_MS
  while ((await leaderOf({ bootstrapServers }, topic, 0)) === victim.id) {
    assert.ok(performance.now() < deadlineMs, `broker ${victim.id} leads ${topic} no more`)
    await delay(100)
  }
}

function place(blow: Blow): Archive {
  return { folder: join(cluster.folder, 'repository'), backupId: blow.name }
}
