import assert from 'node:assert/strict'
import { test } from 'node:test'
import type {
  BackupDigest,
  PartitionDigest,
  PreparedRestore,
  RestorePlan,
  RestoreSettings,
  TargetPlan,
} from '@kafka-backup/core'
import { describeText, digestDocument, statusText } from '../../src/render/digest-text.ts'
import { restorePlanDocument, restorePlanText } from '../../src/render/restore-plan-text.ts'

const FIRST: PartitionDigest = {
  topic: 'orders',
  partition: 3,
  lineage: 1,
  isNewest: true,
  divergence: null,
  sinceCommit: 1n,
  inheritedEndOffset: null,
  beginOffset: 0n,
  nextOffset: 150n,
  records: 150,
  segments: 1,
  storedBytes: 10,
  rawBytes: 20,
  gaps: [],
}

const SECOND: PartitionDigest = {
  ...FIRST,
  lineage: 2,
  divergence: {
    topic: 'orders',
    partition: 3,
    lineage: 2,
    reason: 'log_truncated',
    topicId: null,
    beginOffset: 100n,
    commonEndOffset: 120n,
    previousEndOffset: 150n,
  },
  sinceCommit: 8n,
  inheritedEndOffset: 100n,
  beginOffset: 100n,
  nextOffset: 200n,
}

function digest(partitions: readonly PartitionDigest[]): BackupDigest {
  const unread = {
    topic: 'orders',
    partition: 3,
    firstOffset: 200n,
    endOffset: 210n,
    reason: 'no_leader' as const,
    detail: 'nobody answers',
  }
  const run = {
    id: 'run-1',
    beganAtMs: 0n,
    targetAtMs: 0n,
    outcome: 'incomplete' as const,
    isolation: 'read_committed' as const,
    unread: [unread],
    lastCommit: 8n,
    endedAtMs: 5n,
    records: 1,
    storedBytes: 1,
    gaps: 0,
  }
  return {
    backupId: 'daily',
    commit: 8n,
    clusterId: 'c',
    isolation: 'read_committed',
    createdAtMs: 0n,
    lastCommitAtMs: 5n,
    lastRun: run,
    recoveryPointMs: null,
    records: 1,
    storedBytes: 1,
    rawBytes: 1,
    gaps: [],
    topics: [],
    partitionCount: 1,
    partitions,
    runs: [run],
  }
}

test('histories are shown where a partition has several, with the commit that brings back the one before', () => {
  const text = describeText(digest([{ ...FIRST, isNewest: false }, SECOND]))
  assert.match(text, /\nPARTITION +HISTORY +FIRST OFFSET/)
  assert.match(text, /\norders\/3 +1 +0 +150 /)
  assert.match(text, /\norders\/3 +2 +100 +200 /)
  const line =
    /\nNew history: orders\/3: the log was truncated at offset 120 .* with commit 8; restore --as-of-commit 7 /
  assert.match(text, line)
  assert.match(statusText(digest([{ ...FIRST, isNewest: false }, SECOND]), 0), line)
  assert.doesNotMatch(describeText(digest([FIRST])), /history/i)
})

test('partitions are counted once, and what the last run did not get is told', () => {
  const text = statusText(digest([{ ...FIRST, isNewest: false }, SECOND]), 0)
  assert.match(text, /· 1 partition ·/)
  assert.match(text, /\nNot read: orders\/3 offsets 200-209: nobody answers$/)
  const document = digestDocument(digest([{ ...FIRST, isNewest: false }, SECOND]))
  assert.equal(document.partition_count, 1)
  assert.deepEqual(
    document.partitions.map((entry) => [entry.lineage, entry.newest, entry.since_commit]),
    [
      [1, false, 1n],
      [2, true, 8n],
    ],
  )
  assert.equal(document.runs[0]?.unread[0]?.reason, 'no_leader')
})

test('a restore says which history it writes, and when its count is a bound', () => {
  const prepared = preparedRestore()
  const text = restorePlanText(prepared, PACE)
  assert.match(
    text,
    /\n {2}orders\/3: history 2, the newest, with what both histories have in common below offset 100; restore --as-of-commit 7 /,
  )
  assert.doesNotMatch(text, /orders\/4/)
  assert.match(text, /\n {2}at most 500 records/)
  assert.match(
    text,
    /mode: idempotent, because it was asked for \(.*not against a process that was suspended/,
  )
  assert.match(text, /\n {2}Warning: something/)
  const document = restorePlanDocument(prepared, PACE)
  assert.equal(document.records_exact, false)
  assert.deepEqual(
    document.partitions.map((entry) => [entry.lineage, entry.inherited_end_offset, entry.records_exact]),
    [
      [2, 100n, false],
      [1, 100n, true],
    ],
  )
})

const PACES: readonly (readonly [limits: Partial<RestoreSettings['pace']>, says: string])[] = [
  [{}, 'about 20.0 s if the cluster takes 100 MB/s, which is assumed and was not measured'],
  [{ bytesPerSec: 50_000_000 }, 'about 40.0 s at the limit of 50.0 MB/s (restore.rate_limit_bytes_per_sec)'],
  [
    { recordsPerSec: 10 },
    'about 50.0 s at the limit of 10 records a second (restore.rate_limit_records_per_sec)',
  ],
  [
    { recordsPerSec: 10, bytesPerSec: 20_000_000 },
    'about 1 m 40 s at the limit of 20.0 MB/s (restore.rate_limit_bytes_per_sec)',
  ],
]

for (const [limits, says] of PACES) {
  test(`the plan says what its estimate rests on: ${says}`, () => {
    const { plan, ...prepared } = preparedRestore()
    const text = restorePlanText(
      { ...prepared, plan: { ...plan, rawBytes: 2_000_000_000 } },
      { ...PACE, ...limits },
    )
    assert.ok(text.includes(`\n  ${says}\n`), text)
  })
}

const PACE: RestoreSettings['pace'] = {
  isResuming: false,
  concurrentPartitions: 4,
  concurrentPartitionsPerTopic: undefined,
  recordsPerSec: undefined,
  bytesPerSec: undefined,
  transactionMaxBytes: 1,
  progressIntervalMs: 1,
}

/** Two partitions, one of them with a second history. */
function preparedRestore(): PreparedRestore {
  const partition = {
    sourceTopic: 'orders',
    targetTopic: 'copy',
    partition: 3,
    targetPartition: 3,
    lineage: 2,
    sinceCommit: 8n,
    inheritedEndOffset: 100n,
    parts: [],
    records: 250,
    isExact: false,
    rawBytes: 1,
    offsets: { beginOffset: 0n, endOffset: 250n },
    leastRecords: 250,
  }
  const plan: RestorePlan = {
    backupId: 'daily',
    commit: 9n,
    commitSha256: '',
    planSha256: '',
    topics: [],
    partitions: [partition, { ...partition, partition: 4, lineage: 1, isExact: true }],
    works: [],
    window: null,
    headers: { isAdding: false, isStripping: false, sourceCluster: null },
    isKeepingOffsets: false,
    records: 500,
    isExact: false,
    rawBytes: 1,
    storedBytes: 1,
    gaps: [],
  }
  const target: TargetPlan = {
    clusterId: 't',
    brokers: 1,
    newTopics: [],
    mode: 'idempotent',
    modeReason: 'it was asked for',
    heldSettings: [],
    purges: new Map(),
    batchMaxBytes: new Map(),
    topicCodecs: new Map(),
    offsets: null,
    warnings: ['something'],
  }
  return {
    plan,
    target,
    known: undefined,
    openLedger: () => Promise.reject(new Error('a plan opens nothing')),
  }
}
