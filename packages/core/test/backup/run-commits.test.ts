import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BackupPlan } from '../../src/backup/backup-plan.ts'
import { BackupTally } from '../../src/backup/backup-report.ts'
import { RunCommits } from '../../src/backup/run-commits.ts'
import { BackupState } from '../../src/format/backup-state.ts'
import { openBackup } from '../../src/repository/open-backup.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'

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

test('a topic that grows more than once between two commits is said as it is in the end', async () => {
  const storage = new MemoryBackend('test')
  const state = new BackupState(BACKUP)
  const plan = planOf(1)
  const commits = new RunCommits({
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
    writers: [],
  })
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
