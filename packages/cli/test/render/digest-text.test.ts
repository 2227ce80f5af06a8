import assert from 'node:assert/strict'
import { test } from 'node:test'
import type {
  BackupDigest,
  LedgerState,
  PartitionDigest,
  PreparedRestore,
  RestorePlan,
  RestoreSettings,
  TargetPlan,
} from '@kafka-backup/core'
import { describeText, digestDocument } from '../../src/render/digest-text.ts'
import { estimateRestore } from '../../src/render/restore-estimate.ts'
import { restorePlanDocument, restorePlanText } from '../../src/render/restore-plan-text.ts'
import { type BackupStatus, statusText } from '../../src/render/status-text.ts'

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
  pruned: null,
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
    lastCommitSha256: 'a'.repeat(64),
    lastRun: run,
    recoveryPointMs: null,
    prunedUntilMs: null,
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

function statusOf(shown: BackupDigest): BackupStatus {
  const nothing = { job: null, places: [], lag: null, isByPartition: false, nowMs: 0 }
  return { backupId: 'daily', location: 'file:///x', digest: shown, ...nothing }
}

test('histories are shown where a partition has several, with the commit that brings back the one before', () => {
  const text = describeText(digest([{ ...FIRST, isNewest: false }, SECOND]))
  assert.match(text, /\nPARTITION +HISTORY +FIRST OFFSET/)
  assert.match(text, /\norders\/3 +1 +0 +150 /)
  assert.match(text, /\norders\/3 +2 +100 +200 /)
  const line =
    /\nNew history: orders\/3: the log was truncated at offset 120 .* with commit 8; restore --as-of-commit 7 /
  assert.match(text, line)
  assert.match(statusText(statusOf(digest([{ ...FIRST, isNewest: false }, SECOND]))), line)
  assert.doesNotMatch(describeText(digest([FIRST])), /history/i)
})

test('partitions are counted once, and what the last run did not get is told', () => {
  const text = statusText(statusOf(digest([{ ...FIRST, isNewest: false }, SECOND])))
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
  const text = restorePlanText(prepared, PACE, [])
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
  const document = restorePlanDocument(prepared, PACE, [])
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
      [],
    )
    assert.ok(text.includes(`\n  ${says}\n`), text)
  })
}

test('an estimate rests on the newest restore into the cluster that wrote enough, unless a limit is lower', () => {
  const { plan, ...others } = preparedRestore()
  const prepared = { ...others, plan: { ...plan, rawBytes: 2_000_000_000 } }
  const earlier = [
    finishedRestore('a-0001', 't', { writtenBytes: 8_000_000, durationMs: 1_000 }),
    finishedRestore('b-0001', 't', { writtenBytes: 20_000_000, durationMs: 1_000 }),
    finishedRestore('c-0001', 'elsewhere', { writtenBytes: 9_000_000, durationMs: 1_000 }),
    finishedRestore('d-0001', 't', { writtenBytes: 999_999, durationMs: 1_000 }),
    finishedRestore('e-0001', 't', null),
  ]
  const estimate = (bytesPerSec: number | undefined) =>
    estimateRestore(prepared, { ...PACE, bytesPerSec }, earlier, 500)
  assert.deepEqual(estimate(undefined), {
    durationMs: 100_000,
    basis: 'at 20.0 MB/s, as restore b-0001 of 2026-01-01T00:00:00.000Z did',
    restsOn: 'b-0001',
  })
  assert.equal(estimate(30_000_000).restsOn, 'b-0001')
  assert.deepEqual([estimate(10_000_000).restsOn, estimate(10_000_000).durationMs], ['limit', 200_000])
  assert.equal(restorePlanDocument(prepared, PACE, earlier).estimate_rests_on, 'b-0001')
})

function finishedRestore(
  restoreId: string,
  clusterId: string,
  pace: { writtenBytes: number; durationMs: number } | null,
): LedgerState {
  const atMs = Date.UTC(2026, 0, 1)
  return {
    restoreId,
    generation: 1,
    openedAtMs: atMs,
    finishedAtMs: atMs,
    opened: {
      type: 'opened',
      backupId: 'daily',
      restoreId,
      request: null,
      requestSha256: '',
      commit: 7n,
      commitSha256: '',
      fromMs: null,
      toMs: null,
      planSha256: '',
      clusterId,
      mode: 'transactions',
      isShared: false,
      sources: [],
      createdTopics: [],
      heldSettings: [],
    },
    begun: null,
    claims: [],
    progress: new Map(),
    finished: { type: 'finished', outcome: 'complete', records: 1, pace, partitions: [] },
    isAbandoned: false,
  }
}

test('a restore that was begun before says what it does not contain, and which times it keeps', () => {
  const { plan, ...others } = preparedRestore()
  const toMs = BigInt(Date.UTC(2026, 0, 1))
  const keptTimes = { from: null, to: '-2h' }
  const known = (isMore: boolean) => ({
    ...others,
    plan: { ...plan, window: { fromMs: null, toMs } },
    since: { newer: { commit: 12n, isMore }, keptTimes },
  })
  const text = restorePlanText(known(true), PACE, [])
  assert.match(text, /the backup has commit 12 now, this restore is of commit 9 and does not contain/)
  assert.match(
    text,
    /to restore commit 12: into other topics with --topic-mapping, or into these without --resume/,
  )
  assert.match(
    text,
    /--to -2h is 2026-01-01T00:00:00\.000Z, as when this restore was begun; it does not move on/,
  )
  assert.match(
    restorePlanText(known(false), PACE, []),
    /commit 9: nothing was added to what this restore takes/,
  )
  const { newer_commit: newer, kept_times: kept } = restorePlanDocument(known(true), PACE, [])
  assert.deepEqual([newer, kept], [{ commit: 12n, adds: true }, keptTimes])
})

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
    partitions: [partition, { ...partition, partition: 4, targetPartition: 4, lineage: 1, isExact: true }],
    works: [],
    window: null,
    times: { firstMs: null, lastMs: -1n },
    headers: { isAdding: false, isStripping: false, sourceCluster: null },
    isKeepingOffsets: false,
    records: 500,
    isExact: false,
    rawBytes: 1,
    storedBytes: 1,
    gaps: [],
    pruned: [],
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
    settingNotes: [],
    warnings: ['something'],
  }
  return {
    request: { partitions: [], offsetRanges: [] } as unknown as PreparedRestore['request'],
    plan,
    target,
    known: undefined,
    since: null,
    openLedger: () => Promise.reject(new Error('a plan opens nothing')),
  }
}
