import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BackupReport } from '@kafka-backup/core'
import { backupDocument, backupReportText } from '../../src/render/backup-text.ts'
import {
  divergenceText,
  earlierHistoryHint,
  historyLabel,
  offsetRange,
  unreadText,
} from '../../src/render/history-text.ts'

const TRUNCATED = {
  topic: 'orders',
  partition: 3,
  lineage: 2,
  reason: 'log_truncated',
  topicId: null,
  beginOffset: 100n,
  commonEndOffset: 120n,
  previousEndOffset: 150n,
} as const

const UNREAD = {
  topic: 'orders',
  partition: 1,
  firstOffset: 10n,
  endOffset: 13n,
  reason: 'open_transaction',
  detail: 'producer 7 holds it back',
} as const

const ONE_MS = { count: 1, sumMs: 1, p50Ms: 1, p99Ms: 1, maxMs: 1, buckets: [{ boundMs: 5, count: 1 }] }

const REPORT: BackupReport = {
  backupId: 'daily',
  runId: 'run-1',
  clusterId: 'c',
  outcome: 'incomplete',
  commit: 8n,
  records: 5,
  rawBytes: 100,
  storedBytes: 50,
  segments: 1,
  durationMs: 1_000,
  recoveryPointMs: null,
  lag: null,
  checkpoints: { whole: ONE_MS, upload: ONE_MS, commit: ONE_MS },
  isolation: 'read_committed',
  isSingleWriterVouched: false,
  gaps: [
    { topic: 'orders', partition: 3, lineage: 2, firstOffset: 5n, endOffset: 7n, reason: 'missing_in_log' },
  ],
  divergences: [TRUNCATED],
  unread: [UNREAD],
  topicSettings: null,
  consumerGroups: null,
  clusterDescription: null,
  partitions: [],
}

test('a divergence says what happened, what the backup held and what begins', () => {
  assert.equal(
    divergenceText(TRUNCATED),
    'orders/3: the log was truncated at offset 120 (the backup held what is below 150): history 2 begins at offset 100',
  )
  assert.match(divergenceText({ ...TRUNCATED, commonEndOffset: null }), /truncated at an unknown offset/)
  assert.match(divergenceText({ ...TRUNCATED, reason: 'topic_recreated' }), /deleted and created again/)
  assert.match(divergenceText({ ...TRUNCATED, reason: 'log_replaced' }), /other batches at offsets/)
  assert.match(divergenceText({ ...TRUNCATED, reason: 'something later' }), /: something later \(the backup/)
})

test('a history is named when it is not the first', () => {
  assert.equal(historyLabel({ topic: 'a', partition: 0 }), 'a/0')
  assert.equal(historyLabel({ topic: 'a', partition: 0, lineage: 1 }), 'a/0')
  assert.equal(historyLabel({ topic: 'a', partition: 0, lineage: 3 }), 'a/0 (history 3)')
})

test('ranges are inclusive, also those of one offset and of none', () => {
  assert.equal(offsetRange(5n, 9n), 'offsets 5-8')
  assert.equal(offsetRange(5n, 6n), 'offset 5')
  assert.equal(offsetRange(5n, 5n), 'from offset 5')
  assert.equal(unreadText(UNREAD), 'Not read: orders/1 offsets 10-12: producer 7 holds it back')
})

test('the history before is one commit back', () => {
  assert.equal(earlierHistoryHint(8n), 'restore --as-of-commit 7 brings back the history before')
  assert.doesNotMatch(earlierHistoryHint(1n), /as-of-commit/)
})

test('the report of a backup tells of gaps, histories and what was not read, each with what it means', () => {
  const text = backupReportText(REPORT)
  assert.match(text, /^Incomplete /)
  assert.match(text, /\n {12}orders\/3 \(history 2\) offsets 5-6: missing in the source log\n/)
  assert.match(text, /\n {12}orders\/3: the log was truncated at offset 120 .*history 2 begins/)
  assert.match(text, /\n {12}Every history of this partition is kept\..*--as-of-commit/)
  assert.match(text, /\n {12}Not read: orders\/1 offsets 10-12/)
  const divergences = [TRUNCATED, { ...TRUNCATED, partition: 4 }, { ...TRUNCATED, lineage: 3 }]
  assert.match(backupReportText({ ...REPORT, divergences }), /Every history of these 2 partitions is kept/)
  const plain = backupReportText({ ...REPORT, gaps: [], divergences: [], unread: [], outcome: 'interrupted' })
  assert.doesNotMatch(plain, /history|Not read/)
  assert.match(plain, /\n {12}Run the same command again/)
})

test('programs get the same with bare offsets', () => {
  const document = backupDocument(REPORT)
  assert.equal(document.isolation_level, 'read_committed')
  assert.deepEqual(document.divergences, [
    {
      topic: 'orders',
      partition: 3,
      lineage: 2,
      reason: 'log_truncated',
      topic_id: null,
      begin_offset: 100n,
      common_end_offset: 120n,
      previous_end_offset: 150n,
    },
  ])
  assert.deepEqual(document.unread, [
    {
      topic: 'orders',
      partition: 1,
      first_offset: 10n,
      end_offset: 13n,
      reason: 'open_transaction',
      detail: 'producer 7 holds it back',
    },
  ])
  assert.equal(document.gaps[0]?.lineage, 2)
})
