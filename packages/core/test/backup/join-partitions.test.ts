import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import type { BackupPlan } from '../../src/backup/backup-plan.ts'
import { BackupTally } from '../../src/backup/backup-report.ts'
import { joinPartitions } from '../../src/backup/join-partitions.ts'
import { PartitionWriter } from '../../src/backup/partition-writer.ts'
import { RunCommits } from '../../src/backup/run-commits.ts'
import { BackupState } from '../../src/format/backup-state.ts'
import { type Cluster, partitionName, type TopicPartition } from '../../src/kafka/cluster.ts'
import { openBackup } from '../../src/repository/open-backup.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import { altered } from '../verify/altered-backend.ts'
import { contextOf, planOf, take } from './new-writer.ts'

/** What is asked for of a cluster with `t/0`, whose log ends at offset 9. `onAsked`: before each answer. */
function clusterOf(onAsked: () => Promise<void>): Cluster {
  const place = { partition: 0, leader: 1, leaderEpoch: 0, replicas: 1, inSyncReplicas: 1 }
  const topic = { name: 't', topicId: null, isInternal: false, partitions: [place], replicationFactor: 1 }
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

test('a partition that was given up goes on where the commit of what was read of it ends', async () => {
  const memory = new MemoryBackend('test')
  const storage = altered(memory, {
    put: async (key, bytes) => {
      await setTimeout(10)
      await memory.put(key, bytes)
    },
  })
  const state = new BackupState('b')
  const writerContext = contextOf(storage)
  const plan = {
    ...{ backupId: 'b', clusterId: 'c', isolation: 'read_committed', targetAtMs: 0 },
    ...{ changedTopics: [{ name: 't', topicId: null, partitions: 1 }], partitions: [planOf(0)] },
  } as unknown as BackupPlan
  const given = new PartitionWriter(writerContext, planOf(0), 100)
  const writers = [given]
  const commits = new RunCommits({
    ...{ plan, state, storage, writers, bootstrapServers: ['broker:9092'], program: 'test' },
    ...{ runId: '0123456789abcdef0123456789abcdef', writerId: '0badcafe', isContinuous: true },
    ...{ packedPartsMin: undefined, clock: systemClock, observe: () => undefined },
    tally: new BackupTally(plan, systemClock),
  })
  for (const offset of [0n, 1n, 2n]) await take(given, offset)
  given.giveUp('no_leader', 'nobody leads it')
  const committed: (bigint | undefined)[] = []
  const cluster = clusterOf(async () => {
    committed.push((await openBackup(memory, 'b')).partition('t', 0)?.nextOffset)
  })
  const hasJoined = await joinPartitions({
    ...{ cluster, state, writers, writerContext, commits, clock: systemClock, observe: () => undefined },
    selection: { chooseTopics: (names) => names, isChosen: () => true },
    ...{ isolation: 'read_committed', onSurveyed: () => undefined, lookedAtMs: 200 },
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
