import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AwaitedPartitions } from '../../src/backup/awaited-partitions.ts'
import type { BackupPlan } from '../../src/backup/backup-plan.ts'
import { BackupTally } from '../../src/backup/backup-report.ts'
import { PartitionWriter } from '../../src/backup/partition-writer.ts'
import { RunCommits } from '../../src/backup/run-commits.ts'
import { KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { BackupState } from '../../src/format/backup-state.ts'
import { openBackup } from '../../src/repository/open-backup.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { altered } from '../verify/altered-backend.ts'
import { contextOf, planOf as ofTopic } from './new-writer.ts'

const BACKUP = 'growing'
const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAACg'

/** What a run learns when it sees that the topic has so many partitions; the last one is new to it. */
function planOf(partitions: number): BackupPlan {
  const joining = {
    topic: 'orders',
    topicId: TOPIC_ID,
    partition: partitions - 1,
    isNew: true,
    beginOffset: 0n,
  }
  return {
    backupId: BACKUP,
    clusterId: 'source',
    isolation: 'read_committed',
    targetAtMs: 0,
    changedTopics: [{ name: 'orders', topicId: TOPIC_ID, partitions }],
    partitions: [joining],
  } as unknown as BackupPlan
}

function openRun(storage: StorageBackend, state: BackupState, writers: readonly PartitionWriter[] = []) {
  const plan = planOf(1)
  return new RunCommits({
    plan,
    state,
    storage,
    bootstrapServers: ['broker:9092'],
    program: 'test',
    runId: '0123456789abcdef0123456789abcdef',
    writerId: '0badcafe',
    isContinuous: true,
    packedPartsMin: undefined,
    clock: systemClock,
    observe: () => undefined,
    tally: new BackupTally(plan, systemClock),
    writers,
    awaited: new AwaitedPartitions(),
  })
}

test('a topic that grows more than once between two commits is said as it is in the end', async () => {
  const storage = new MemoryBackend('test')
  const state = new BackupState(BACKUP)
  const commits = openRun(storage, state)
  for (const partitions of [2, 3]) commits.join(planOf(partitions))
  await commits.commit('running')
  for (const opened of [state, await openBackup(storage, BACKUP)]) {
    assert.equal(opened.topics.get('orders')?.partitions, 3)
    assert.deepEqual(
      opened.partitions().map(({ partition }) => partition),
      [0, 1, 2],
    )
  }
  await storage.close()
})

test('the recovery point moves on where there is nothing to commit', async () => {
  const storage = new MemoryBackend('test')
  const state = new BackupState(BACKUP)
  const writer = new PartitionWriter(contextOf(storage), ofTopic(0), 100)
  const commits = openRun(storage, state, [writer])
  await commits.commit('running')
  const { number } = state.tip ?? {}
  for (const askedAtMs of [200, 300]) {
    writer.standing.note({ highWatermark: 0n, readableEnd: 0n, askedAtMs }, 0n)
    await writer.checkpoint(true)
    await commits.commit('running')
    assert.deepEqual([writer.standing.recoveryPointMs, state.tip?.number], [askedAtMs, number])
  }
  await storage.close()
})

test('no commit follows a failed one but the last word of the run, which says what nobody else would', async () => {
  const memory = new MemoryBackend('test')
  let isBroken = false
  const storage = altered(memory, {
    put: (key, bytes, options) => {
      if (isBroken) throw new KafkaBackupError('KB_STORAGE_FULL', 'broken')
      return memory.put(key, bytes, options)
    },
  })
  const state = new BackupState(BACKUP)
  const commits = openRun(storage, state)
  await commits.commit('running')
  isBroken = true
  commits.join(planOf(2))
  await assert.rejects(commits.commit('running'), { code: 'KB_STORAGE_FULL' })
  isBroken = false
  await assert.rejects(commits.commit('running', { isNeeded: true }), { code: 'KB_STORAGE_FULL' })
  await assert.rejects(commits.commit('complete'), { code: 'KB_STORAGE_FULL' })
  await commits.commit('failed')
  assert.deepEqual(
    (await openBackup(memory, BACKUP)).runs.map(({ outcome }) => outcome),
    ['failed'],
  )
  assert.equal(state.topics.get('orders')?.partitions, 1, 'what a failed commit said is said by no later one')
  await memory.close()
})

test('who joins while a commit is on its way is in conflict with another run that wins its number', async () => {
  const memory = new MemoryBackend('test')
  const writers: PartitionWriter[] = []
  const storage = altered(memory, {
    put: async (key, bytes, options) => {
      await openRun(memory, await openBackup(memory, BACKUP)).commit('complete')
      writers.push(new PartitionWriter(contextOf(storage), { ...ofTopic(0), topic: 'orders' }))
      await memory.put(key, bytes, options)
    },
  })
  const losing = openRun(storage, new BackupState(BACKUP), writers)
  await assert.rejects(losing.commit('running'), { code: 'KB_COMMIT_CONFLICT' })
  assert.equal((await openBackup(memory, BACKUP)).tip?.number, 1n)
  await memory.close()
})
