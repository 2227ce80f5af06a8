import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openCluster } from '@kafka-backup/core'
import { type KafkaCluster, type KafkaProxy, openKafkaProxy, startKafkaCluster } from '@kafka-backup/testkit'
import type { Cluster, DeletionBound } from '../../packages/core/src/kafka/cluster.ts'
import { TransactionCoordinator } from '../../packages/core/src/kafka/transaction-coordinator.ts'
import { fillerBatch } from '../../packages/core/src/restore/filler-batch.ts'
import { EmptyTransactions } from '../../packages/core/src/restore/gap-writer.ts'
import { LeaderQueues } from '../../packages/core/src/restore/leader-queues.ts'
import { OffsetKeeper } from '../../packages/core/src/restore/offset-keeper.ts'
import { sealStarts } from '../../packages/core/src/restore/offset-start.ts'
import { systemClock } from '../../packages/core/src/runtime/clock.ts'
import { REQUEST } from '../crash/restore-rounds.ts'
import { RawProducer } from '../fidelity/raw-producer.ts'
import { createTopics } from '../harness/new-topics.ts'

const CLIENT = { clientId: 'test-keeper' }
const NARROW_BYTES = 16_000
const NARROW_BEGIN = 500_011n
/** What fits is the fifth half of all; filler is deleted after every 16 of them. */
const DELETED_FIRST = 16n * 15_626n

let kafka: KafkaCluster
let proxy: KafkaProxy
let cluster: Cluster
const running = new AbortController()
const common = { ...CLIENT, clock: systemClock, signal: running.signal }

before(async () => {
  kafka = await startKafkaCluster({ version: '4.2.1' })
  proxy = await openKafkaProxy(kafka)
  cluster = openCluster({ bootstrapServers: kafka.bootstrapServers, ...CLIENT })
  const compacted = { 'cleanup.policy': 'compact' }
  await createTopics(kafka, {
    sealed: { partitions: 1 },
    ...{ locked: { partitions: 1, config: compacted }, marked: { partitions: 1, config: compacted } },
    narrow: { partitions: 1, config: { 'max.message.bytes': String(NARROW_BYTES) } },
    ...{ open: { partitions: 1 }, lost: { partitions: 1 } },
  })
})

after(async () => {
  running.abort()
  await cluster?.close()
  await proxy?.[Symbol.asyncDispose]()
  await kafka?.close()
})

test('the last look deletes filler that is there again, and leaves alone what nobody may delete', async () => {
  using producer = await RawProducer.open(kafka)
  await producer.send('sealed', fillerBatch(10, Date.now()))
  await producer.send('locked', fillerBatch(10, Date.now()))
  const starts = ['sealed', 'locked'].map((topic) => ({ topic, partition: 0, beginOffset: 7n }))
  await sealStarts(cluster, starts, common)
  const found = await cluster.listOffsets('log_start', starts)
  assert.deepEqual([found.get('sealed/0'), found.get('locked/0')], [7n, 0n])
})

test('records below the start of a topic whose records nobody may delete stop the restore', async () => {
  using keeper = openKeeper('locked')
  await assert.rejects(keeper.start(10n, 10n), /locked\/0 holds records below offset 10/)
  await assert.rejects(keeper.start(10n, 20n), /locked\/0 holds records below offset 10/)
  assert.equal(await endOf('locked'), 10n, 'nothing was added')
})

test('markers for a start are bounded when it is moved, too', async () => {
  using keeper = openKeeper('marked', { gapMax: 5 })
  const refusal = /cannot be moved up by 6 offsets.* restore\.keep_offsets_max_gap=5/
  await assert.rejects(keeper.start(0n, 6n), refusal)
  assert.equal(await endOf('marked'), 0n)
  await keeper.start(0n, 5n)
  assert.equal(await endOf('marked'), 5n)
  // What stands below is markers alone: an attempt that goes on takes only the rest.
  await keeper.start(5n, 10n)
  assert.deepEqual([await endOf('marked'), keeper.filled], [10n, { filler: 0, transactions: 10 }])
})

test('filler that a topic does not take is halved, and deleted before the log has grown by much', async () => {
  using keeper = openKeeper('narrow')
  await keeper.start(0n, NARROW_BEGIN)
  assert.equal(await endOf('narrow'), NARROW_BEGIN)
  // The 32nd batch is the last one.
  assert.deepEqual(keeper.deletions, [DELETED_FIRST, NARROW_BEGIN, NARROW_BEGIN])
  assert.equal((await cluster.listOffsets('log_start', [placeOf('narrow')])).get('narrow/0'), NARROW_BEGIN)
})

test('what a dead process left open is ended before the end of the log is believed', async () => {
  const dead = openCoordinator(cluster)
  const identity = await dead.init(null, running.signal)
  await dead.addPartitions(identity, [placeOf('open')], running.signal)
  dead.close()
  assert.equal(await endOf('open'), 0n)
  const gaps = new EmptyTransactions(openCoordinator(cluster))
  await gaps.settle(running.signal)
  assert.equal(await endOf('open'), 1n, 'the marker of the abort is there')
  // The dead one may not come back and add to it.
  const late = openCoordinator(cluster)
  await assert.rejects(late.addPartitions(identity, [placeOf('open')], running.signal), {
    code: 'KB_PRODUCER_FENCED',
  })
  late.close()
  gaps.close()
})

for (const [name, apiKey] of [
  ['AddPartitionsToTxn', REQUEST.addPartitions],
  ['EndTxn', REQUEST.endTransaction],
] as const)
  test(`an empty transaction whose ${name} was not answered leaves one marker`, async () => {
    const through = openCluster({ bootstrapServers: [proxy.bootstrap], ...CLIENT })
    const gaps = new EmptyTransactions(openCoordinator(through))
    const before = await endOf('lost')
    let broken = 0
    proxy.setFate((request) => (request.apiKey === apiKey && broken++ === 0 ? 'break after' : 'pass'))
    try {
      await gaps.settle(running.signal)
      using keeper = openKeeper('lost', { gaps })
      await keeper.fill(before, before + 3n)
      assert.ok(broken > 1, 'it was asked again')
      assert.equal(await endOf('lost'), before + 3n)
    } finally {
      proxy.setFate(() => 'pass')
      gaps.close()
      await through.close()
    }
  })

function placeOf(topic: string) {
  return { topic, partition: 0 }
}

async function endOf(topic: string): Promise<bigint> {
  return (await cluster.listOffsets('high_watermark', [placeOf(topic)])).get(`${topic}/0`) ?? -1n
}

function openCoordinator(through: Cluster): TransactionCoordinator {
  return new TransactionCoordinator({
    ...{ ...common, cluster: through },
    ...{ transactionalId: 'kafka-backup-restore-daily-0001', transactionTimeoutMs: 60_000 },
  })
}

/** A keeper of partition 0 of one topic, and what it did. */
function openKeeper(topic: string, choice: { gapMax?: number; gaps?: EmptyTransactions } = {}) {
  const deletions: bigint[] = []
  const filled = { filler: 0, transactions: 0 }
  const watched: Cluster = new Proxy(cluster, {
    get(target, key) {
      const value = Reflect.get(target, key)
      if (typeof value !== 'function') return value
      if (key !== 'deleteRecords') return value.bind(target)
      return (wanted: readonly DeletionBound[]) => {
        deletions.push(...wanted.map(({ offset }) => offset))
        return target.deleteRecords(wanted)
      }
    },
  })
  const queues = new LeaderQueues(
    { ...CLIENT, cluster, connectionsPerBroker: 1, produceTimeoutMs: 30_000, transactionalId: null },
    [topic],
  )
  const gaps = choice.gaps ?? new EmptyTransactions(openCoordinator(cluster))
  const keeper = new OffsetKeeper({
    ...{ ...common, cluster: watched, queues, gaps, gapMax: choice.gapMax ?? 1_000 },
    interruption: running.signal,
    throttle: async () => {},
    onFilled: (kind, offsets) => {
      if (kind !== 'markers') filled[kind] += offsets
    },
  })
  return {
    ...{ deletions, filled },
    start: (end: bigint, begin: bigint) => keeper.start(placeOf(topic), end, begin),
    fill: (from: bigint, to: bigint) => keeper.fill(placeOf(topic), from, to),
    [Symbol.dispose]() {
      if (!choice.gaps) gaps.close()
      void queues.close()
    },
  }
}
