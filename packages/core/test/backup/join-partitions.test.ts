import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { AwaitedPartitions } from '../../src/backup/awaited-partitions.ts'
import type { BackupPlan, PartitionPlan } from '../../src/backup/backup-plan.ts'
import { BackupTally } from '../../src/backup/backup-report.ts'
import { joinPartitions } from '../../src/backup/join-partitions.ts'
import { PartitionWriter } from '../../src/backup/partition-writer.ts'
import { RunCommits } from '../../src/backup/run-commits.ts'
import { BackupState } from '../../src/format/backup-state.ts'
import { type Cluster, partitionName, type TopicPartition } from '../../src/kafka/cluster.ts'
import { openBackup } from '../../src/repository/open-backup.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { altered } from '../verify/altered-backend.ts'
import { contextOf, planOf, take } from './new-writer.ts'

/**
 * What is asked for of a cluster with topic `t`, whose logs end at offset 9. `onAsked`: before each answer; leader -1: there is none.
 */
function clusterOf(onAsked: () => Promise<void>, count: number, leader = 1): Cluster {
  const place = { leader, leaderEpoch: 0, replicas: 1, inSyncReplicas: 1 }
  const partitions = Array.from({ length: count }, (_, partition) => ({ partition, ...place }))
  const topic = { name: 't', topicId: null, isInternal: false, partitions, replicationFactor: 1 }
  const answered = <T>(answer: T) => onAsked().then(() => answer)
  return {
    topicNames: () => answered(['t']),
    survey: () => answered({ clusterId: 'c', brokers: new Map(), topics: [topic], absent: new Map() }),
    topicSettings: () => answered(new Map([['t', { settings: [], unread: null }]])),
    epochEnds: () => answered(new Map()),
    listOffsets: (kind: string, partitions: readonly TopicPartition[]) =>
      answered(new Map(partitions.map((each) => [partitionName(each), kind === 'log_start' ? 0n : 9n]))),
  } as unknown as Cluster
}

/** A continuous run that has read nothing yet, and what joins it: what is found has been looked for before at `lookedAtMs`. */
function openRun(storage: StorageBackend, state: BackupState, partitions: readonly PartitionPlan[]) {
  const writerContext = contextOf(storage)
  const plan = {
    ...{ backupId: 'b', clusterId: 'c', isolation: 'read_committed', targetAtMs: 0, partitions },
    changedTopics: partitions.map(() => ({ name: 't', topicId: null, partitions: partitions.length })),
  } as unknown as BackupPlan
  const writers: PartitionWriter[] = partitions.map((own) => new PartitionWriter(writerContext, own, 100))
  const awaited = new AwaitedPartitions()
  const handingOver = new Set<PartitionWriter>()
  const commits = new RunCommits({
    ...{ plan, state, storage, writers, awaited, bootstrapServers: ['broker:9092'], program: 'test' },
    ...{ runId: '0123456789abcdef0123456789abcdef', writerId: '0badcafe', isContinuous: true },
    ...{ packedPartsMin: undefined, clock: systemClock, observe: () => undefined },
    tally: new BackupTally(plan, systemClock),
  })
  const join = (
    onAsked: () => Promise<void> = async () => undefined,
    { leader = 1, lookedAtMs = 200 }: { readonly leader?: number; readonly lookedAtMs?: number } = {},
  ) =>
    joinPartitions({
      ...{ cluster: clusterOf(onAsked, Math.max(partitions.length, 1), leader), state, clock: systemClock },
      ...{ writers, handingOver, awaited, writerContext, commits },
      ...{ observe: () => undefined, onSurveyed: () => undefined, lookedAtMs },
      ...{ selection: { chooseTopics: (names) => names, isChosen: () => true }, isolation: 'read_committed' },
    })
  return { writers, handingOver, awaited, commits, join }
}

/** A store that takes its time for every object. */
function slowed(memory: MemoryBackend): StorageBackend {
  return altered(memory, {
    put: async (key, bytes) => {
      await setTimeout(10)
      await memory.put(key, bytes)
    },
  })
}

test('a partition that was given up goes on where the commit of what was read of it ends', async () => {
  const memory = new MemoryBackend('test')
  const { writers, commits, join } = openRun(slowed(memory), new BackupState('b'), [planOf(0)])
  const given = writers[0] as PartitionWriter
  for (const offset of [0n, 1n, 2n]) await take(given, offset)
  given.giveUp('no_leader', 'nobody leads it')
  const committed: (bigint | undefined)[] = []
  const hasJoined = await join(async () => {
    committed.push((await openBackup(memory, 'b')).partition('t', 0)?.nextOffset)
  })
  assert.deepEqual(new Set(committed), new Set([3n]), 'the cluster is asked when the commit is there')
  const [joined] = writers
  assert.ok(hasJoined && joined && joined !== given && writers.length === 1)
  assert.deepEqual([joined.plan.beginOffset, joined.plan.nextSequence, joined.plan.gap], [3n, 2, null])
  assert.equal(joined.standing.recoveryPointMs, 100, 'what is unread since then stays unread')
  await take(joined, 3n)
  await joined.checkpoint(true)
  await commits.commit('complete')
  const { segments } = await openBackup(memory, 'b')
  assert.deepEqual(
    segments.map(({ parts }) => parts.map((part) => [part.beginOffset, part.nextOffset])),
    [[[0n, 3n]], [[3n, 4n]]],
  )
})

test('of a partition that is new everything is known until it was not there yet; of one that another run has read, nothing', async () => {
  const storage = new MemoryBackend('test')
  const first = openRun(storage, new BackupState('b'), [])
  await first.join()
  assert.deepEqual(
    first.writers.map(({ plan, standing }) => [plan.isNew, standing.recoveryPointMs]),
    [[true, 200]],
  )
  await take(first.writers[0] as PartitionWriter, 0n)
  await first.writers[0]?.checkpoint(true)
  await first.commits.commit('complete')
  const later = openRun(storage, await openBackup(storage, 'b'), [])
  await later.join()
  assert.deepEqual(
    later.writers.map(({ plan, standing }) => [plan.isNew, plan.beginOffset, standing.recoveryPointMs]),
    [[false, 1n, null]],
  )
})

test('a partition that was seen before it could be read holds the recovery point where it was not there yet', async () => {
  const storage = new MemoryBackend('test')
  const state = new BackupState('b')
  const { writers, awaited, commits, join } = openRun(storage, state, [])
  const read = new PartitionWriter(contextOf(storage), planOf(1), 900)
  writers.push(read)
  const committedPoint = async () => {
    await commits.commit('running', { isNeeded: true })
    return (await openBackup(storage, 'b')).runs.at(-1)?.targetAtMs
  }
  assert.equal(await join(undefined, { leader: -1 }), false)
  assert.equal(await committedPoint(), 200n)
  const failing = async () => assert.fail('the cluster does not answer')
  await assert.rejects(join(failing, { lookedAtMs: 300 }))
  assert.equal(await join(undefined, { leader: -1, lookedAtMs: 400 }), false)
  assert.equal(await join(undefined, { lookedAtMs: 500 }), true)
  assert.deepEqual(awaited.recoveryPointsMs, [])
  assert.deepEqual(
    writers.map(({ plan, standing }) => [plan.partition, standing.recoveryPointMs]),
    [
      [1, 900],
      [0, 200],
    ],
  )
  assert.equal(await committedPoint(), 200n)
})

test('nobody joins in the place of a partition that is about to get another writer', async () => {
  const { writers, handingOver, join } = openRun(new MemoryBackend('test'), new BackupState('b'), [planOf(0)])
  const [retiring] = writers as [PartitionWriter]
  await take(retiring, 0n)
  handingOver.add(retiring)
  await retiring.retire()
  assert.equal(await join(), false)
  assert.deepEqual(writers, [retiring], 'what it has to say is not committed yet')
  handingOver.delete(retiring)
  assert.equal(await join(), true)
  assert.deepEqual(
    writers.map(({ plan }) => [plan.partition, plan.beginOffset]),
    [[0, 1n]],
  )
})

test('who is given up while others make durable what they have is looked at the next time', async () => {
  const memory = new MemoryBackend('test')
  const { writers, commits, join } = openRun(slowed(memory), new BackupState('b'), [planOf(0), planOf(1)])
  const [first, second] = writers as [PartitionWriter, PartitionWriter]
  await take(first, 0n)
  first.giveUp('no_leader', 'nobody leads it')
  await take(second, 0n)
  const joining = join()
  second.giveUp('no_leader', 'nobody leads it')
  assert.equal(await joining, true)
  assert.ok(!writers.includes(first) && writers.includes(second))
  assert.equal(await join(), true)
  assert.deepEqual(
    writers.map(({ plan }) => [plan.partition, plan.beginOffset]),
    [
      [0, 1n],
      [1, 1n],
    ],
  )
  await commits.commit('complete')
  assert.deepEqual(
    (await openBackup(memory, 'b')).partitions().map(({ nextOffset }) => nextOffset),
    [1n, 1n],
  )
})
