import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { seededRandom } from '@kafka-backup/testkit'
import { runBackup } from '../../packages/core/src/backup/backup-run.ts'
import { noMinima } from '../../packages/core/src/backup/minimum-finder.ts'
import { prepareBackup } from '../../packages/core/src/backup/prepare-backup.ts'
import { isKafkaBackupError, KafkaBackupError } from '../../packages/core/src/errors/kafka-backup-error.ts'
import { zstdTransform } from '../../packages/core/src/format/zstd-transform.ts'
import type { OpenBrokerLink } from '../../packages/core/src/kafka/broker-connections.ts'
import type { Cluster } from '../../packages/core/src/kafka/cluster.ts'
import { openBackup } from '../../packages/core/src/repository/open-backup.ts'
import { MemoryBackend } from '../../packages/core/src/storage/memory/backend.ts'
import { FaultPlan } from '../../packages/testkit/src/simulation/faults.ts'
import type { PartitionLog } from '../../packages/testkit/src/simulation/partition-log.ts'
import { simulatedCluster } from '../../packages/testkit/src/simulation/simulated-cluster.ts'
import { openSimulatedLinks } from '../../packages/testkit/src/simulation/simulated-connection.ts'
import { SimulatedProcess } from '../../packages/testkit/src/simulation/simulated-process.ts'
import { SimulatedTopics } from '../../packages/testkit/src/simulation/simulated-topics.ts'
import { SimulatedWorld, WORLD_BEGIN_MS } from '../../packages/testkit/src/simulation/world.ts'

const BROKERS = 3
/** The first broker leads two of them. */
const PARTITIONS = BROKERS + 1
const MOVES = 100
const MOVE_EVERY_MS = 5_000
const REFRESH_MS = 60_000
const TUNING = {
  segmentMaxBytes: 1024 * 1024,
  segmentMaxIntervalMs: 60_000,
  checkpointIntervalMs: 60_000,
  fetchMaxBytes: 1024 * 1024,
  fetchMaxWaitMs: 500,
  connectionsPerBroker: 1,
  rackId: '',
  transactionWaitMs: 0,
  deletionWarningMs: 0,
  isCompressing: false,
  isCheckpointingOnStop: true,
}

type Silence = (...questions: ('survey' | 'listOffsets' | 'openTransactions' | 'topicSettings')[]) => void

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/**
 * A run without an end; its world, every connection that it ever opened, and what its cluster may be made to refuse, or to be silent about.
 * With `onPlanned` one to the end of three records in each partition, which does something before it reads.
 */
async function startRun(onPlanned?: (first: PartitionLog | undefined, silence: Silence) => void) {
  const world = new SimulatedWorld()
  const process = new SimulatedProcess(world, { name: 'run', random: seededRandom(1) })
  const topics = new SimulatedTopics(BROKERS, () => world.elapsedMs)
  const topic = topics.create('moving', PARTITIONS)
  const faults = FaultPlan.none(seededRandom(2))
  // A backup asks for nothing but what a reading cluster has.
  const cluster = simulatedCluster(topics, process, faults) as Cluster
  const refuse = (error: Error) => {
    cluster.listOffsets = () => Promise.reject(error)
  }
  const silence: Silence = (...questions) => {
    for (const question of questions)
      Object.assign(cluster, { [question]: () => new Promise(() => undefined) })
  }
  const open = openSimulatedLinks({ topics, process, faults, random: seededRandom(3), fetchVersion: 13 })
  const opened: WeakRef<object>[] = []
  const openLink: OpenBrokerLink = async (address, options) => {
    const link = await open(address, options)
    opened.push(new WeakRef(link.connection))
    return link
  }
  const storage = new MemoryBackend('test')
  const stop = new AbortController()
  const { clock, random } = process
  const backUp = async () => {
    for (const log of onPlanned ? topic.logs : []) log.append(Array(3).fill(record(world.nowMs)))
    const state = await openBackup(storage, 'moving')
    const isChosen = () => true
    const choice = { topics: ['moving'], isChosen, isolation: 'read_committed' } as const
    const lookedAtMs = clock.nowMs()
    const plan = await prepareBackup(cluster, state, choice, clock, stop.signal, random)
    const continuous = { chooseTopics: () => ['moving'], isChosen, refreshIntervalMs: REFRESH_MS, lookedAtMs }
    onPlanned?.(topic.logs[0], silence)
    return runBackup({
      ...{ plan, state, storage, cluster, openLink, clock, random, tuning: TUNING },
      ...(onPlanned ? {} : { continuous, topicSettings: 'captured' as const }),
      ...{ minima: noMinima, clientId: 'test', bootstrapServers: ['simulated:9001'], program: 'test' },
      ...{ transform: zstdTransform(1), observe: () => undefined, signal: stop.signal },
    })
  }
  const grow = () => topics.grow(topic, topic.logs.length + 1)
  const remove = () => topics.delete(topic.name)
  return { world, topic, storage, grow, remove, opened, refuse, silence, stop, run: backUp() }
}

function record(nowMs: number) {
  return { timestamp: BigInt(nowMs), key: null, value: Buffer.alloc(100), headers: [] }
}

test('a run that goes on holds nothing of the connections to leaders that it has left', async () => {
  const { world, topic, opened, stop, run } = await startRun()
  let moves = 0
  const move = (): void => {
    for (const [partition, log] of topic.logs.entries()) {
      topic.leaders[partition] = ((topic.leaders[partition] ?? 0) % BROKERS) + 1
      log.elect()
      log.append([record(world.nowMs)])
    }
    moves++
    world.after(MOVE_EVERY_MS, move)
  }
  world.after(MOVE_EVERY_MS, move)
  await world.run(() => moves === MOVES, Number.POSITIVE_INFINITY)
  for (let at = 0; at < 3; at++) {
    await turn()
    collectGarbage()
  }
  const kept = opened.filter((connection) => connection.deref() !== undefined).length
  stop.abort(new Error('enough'))
  let isOver = false
  void run.finally(() => {
    isOver = true
  })
  await world.run(() => isOver, Number.POSITIVE_INFINITY)
  const { outcome, records } = await run
  assert.deepEqual([outcome, records >= (MOVES - 1) * PARTITIONS], ['interrupted', true])
  assert.ok(opened.length > MOVES, `${opened.length} connections were opened`)
  // Those of the last two leaders of each partition.
  assert.ok(kept <= 2 * PARTITIONS, `${kept} of ${opened.length} connections are held`)
})

test('a failure to go on with one partition ends the run while another of the same leader is read on', async () => {
  const { world, topic, storage, refuse, run } = await startRun()
  let settingsSignal: AbortSignal | undefined
  const put = storage.put.bind(storage)
  storage.put = async (key, bytes, options = {}) => {
    if (!key.includes('/artifacts/')) return put(key, bytes, options)
    settingsSignal = options.signal
    return new Promise(() => undefined)
  }
  const [log, ...others] = topic.logs
  const refusal = new KafkaBackupError('KB_CLUSTER_PERMISSION', 'refused by the test')
  let isOver = false
  const ended = run
    .catch((error: unknown) => error)
    .finally(() => {
      isOver = true
    })
  // Deleted before it was read; whoever asks since when is refused.
  world.after(10_000, () => {
    refuse(refusal)
    log?.append([record(world.nowMs), record(world.nowMs)])
    log?.deleteBefore(2n)
  })
  const write = (): void => {
    for (const other of others) other.append([record(world.nowMs)])
    world.after(1_000, write)
  }
  world.after(1_000, write)
  await world.run(() => isOver || world.elapsedMs > 60_000, Number.POSITIVE_INFINITY)
  assert.equal(isOver, true, 'the run has ended')
  assert.ok(isKafkaBackupError(await ended, 'KB_CLUSTER_PERMISSION'))
  assert.equal(settingsSignal?.aborted, true, 'what it was writing is broken off')
})

for (const [what, silentAtMs, change, ...questions] of [
  [
    'a partition is looked for',
    10_000,
    (log: PartitionLog, leaders: number[]) => {
      leaders[0] = ((leaders[0] ?? 0) % BROKERS) + 1
      log.elect()
    },
  ],
  ['they are asked what was deleted', 10_000, (log: PartitionLog) => log.deleteBefore(2n)],
  ['new partitions are looked for', REFRESH_MS - 5_000, () => undefined],
  ['settings of topics are read', REFRESH_MS - 5_000, () => undefined, 'topicSettings'],
] as const) {
  test(`a stop does not wait for brokers that say nothing while ${what}`, async () => {
    const { world, topic, silence, stop, run } = await startRun()
    const [log, ...others] = topic.logs
    let isOver = false
    void run.finally(() => {
      isOver = true
    })
    world.after(silentAtMs, () => {
      silence(...(questions.length > 0 ? questions : (['survey', 'listOffsets'] as const)))
      for (const each of [log, ...others]) each?.append([record(world.nowMs), record(world.nowMs)])
      if (log) change(log, topic.leaders)
    })
    const stopAtMs = silentAtMs + 10_000
    world.after(stopAtMs, () => stop.abort(new KafkaBackupError('KB_INTERRUPTED', 'enough')))
    await world.run(() => isOver || world.elapsedMs > 2 * stopAtMs, Number.POSITIVE_INFINITY)
    assert.equal(isOver, true, 'the run has ended')
    assert.ok(world.elapsedMs < stopAtMs + 5_000, `${world.elapsedMs} ms`)
    const { outcome, records, unread } = await run
    assert.deepEqual([outcome, unread], ['interrupted', []])
    assert.ok(records >= 2 * others.length, 'what was read until then is in the last commit')
  })
}

test('a run goes on when a partition joins while brokers do not say which transaction is open', async () => {
  const { world, topic, grow, silence, stop, run } = await startRun()
  let isOver = false
  void run
    .catch(() => undefined)
    .finally(() => {
      isOver = true
    })
  world.after(REFRESH_MS - 10_000, () => {
    silence('openTransactions')
    topic.logs[0]?.appendInTransaction(1n, [record(world.nowMs)])
    grow()
  })
  world.after(REFRESH_MS + 10_000, () => topic.logs.at(-1)?.append([record(world.nowMs)]))
  const stopAtMs = REFRESH_MS + 20_000
  world.after(stopAtMs, () => stop.abort(new KafkaBackupError('KB_INTERRUPTED', 'enough')))
  await world.run(() => isOver || world.elapsedMs > 2 * stopAtMs, Number.POSITIVE_INFINITY)
  const { outcome, records } = await run
  assert.deepEqual([outcome, records], ['interrupted', 1])
})

test('what was not there when a run began to plan may have had records before the plan had its targets', async () => {
  const { world, topic, grow, stop, run } = await startRun()
  let isOver = false
  void run.finally(() => {
    isOver = true
  })
  world.after(5_000, () => {
    grow()
    topic.leaders[PARTITIONS] = -1
  })
  world.after(REFRESH_MS + 10_000, () => stop.abort(new KafkaBackupError('KB_INTERRUPTED', 'enough')))
  await world.run(() => isOver, Number.POSITIVE_INFINITY)
  assert.equal((await run).lag?.recoveryPointMs, WORLD_BEGIN_MS)
})

test('a topic that is deleted before all of it was read leaves a run that goes on as unread', async () => {
  const { world, topic, remove, stop, run } = await startRun()
  let isOver = false
  void run.finally(() => {
    isOver = true
  })
  // Seen, and never readable: its transaction stays open.
  world.after(5_000, () => topic.logs[0]?.appendInTransaction(1n, [record(world.nowMs)]))
  world.after(15_000, remove)
  world.after(45_000, () => stop.abort(new KafkaBackupError('KB_INTERRUPTED', 'enough')))
  await world.run(() => isOver || world.elapsedMs > 90_000, Number.POSITIVE_INFINITY)
  const { unread } = await run
  assert.deepEqual(
    unread.map(({ partition, reason, firstOffset, endOffset }) => [
      partition,
      reason,
      firstOffset,
      endOffset,
    ]),
    [[0, 'topic_deleted', 0n, 1n]],
  )
})

test('a run to an end that is stopped among silent brokers commits what it has read', async () => {
  const { world, stop, run } = await startRun((first, silence) => {
    first?.deleteBefore(2n)
    silence('listOffsets')
  })
  let isOver = false
  void run
    .catch(() => undefined)
    .finally(() => {
      isOver = true
    })
  world.after(15_000, () => stop.abort(new KafkaBackupError('KB_INTERRUPTED', 'enough')))
  await world.run(() => isOver || world.elapsedMs > 60_000, Number.POSITIVE_INFINITY)
  assert.equal(isOver, true, 'the run has ended')
  const { outcome, records, gaps } = await run
  assert.deepEqual([outcome, records, gaps], ['interrupted', 3 * (PARTITIONS - 1), []])
})
