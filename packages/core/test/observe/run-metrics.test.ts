import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RunMetrics } from '../../src/observe/run-metrics.ts'

test('declared losses are counted by place and reason', () => {
  const metrics = new RunMetrics({ backup_id: 'daily' })
  const place = { topic: 'orders', partition: 3 }
  const reason = 'deleted_before_read'
  metrics.observe({ type: 'gap_declared', ...place, firstOffset: 10n, endOffset: 15n, reason })
  metrics.observe({ type: 'gap_declared', ...place, firstOffset: 20n, endOffset: 21n, reason })
  metrics.observe({
    type: 'partition_unread',
    ...place,
    firstOffset: 30n,
    endOffset: 40n,
    reason: 'open_transaction',
    detail: '',
  })
  metrics.observe({ type: 'deletion_near', ...place, secondsLeft: 12.6, marginOffsets: 5n })
  assert.equal(
    metrics.render(),
    `# HELP kafka_backup_offset_gaps_total Gaps declared, by reason.
# TYPE kafka_backup_offset_gaps_total counter
kafka_backup_offset_gaps_total{backup_id="daily",topic="orders",partition="3",reason="deleted_before_read"} 2
# HELP kafka_backup_offsets_skipped_total Offsets in gaps, by reason.
# TYPE kafka_backup_offsets_skipped_total counter
kafka_backup_offsets_skipped_total{backup_id="daily",topic="orders",partition="3",reason="deleted_before_read"} 6
# HELP kafka_backup_unread_offsets Offsets that the run wanted and did not get, by reason.
# TYPE kafka_backup_unread_offsets gauge
kafka_backup_unread_offsets{backup_id="daily",topic="orders",partition="3",reason="open_transaction"} 10
# HELP kafka_backup_deletion_seconds_left Estimated time until unread offsets are deleted, when last warned.
# TYPE kafka_backup_deletion_seconds_left gauge
kafka_backup_deletion_seconds_left{backup_id="daily",topic="orders",partition="3"} 13
`,
  )
})

test('labels are escaped as the format wants it', () => {
  const metrics = new RunMetrics({ backup_id: 'a"b\\c\nd' })
  metrics.observe({ type: 'commit_created', number: 1n, durationMs: 1 })
  assert.match(metrics.render(), /backup_id="a\\"b\\\\c\\nd"\} 1\n$/)
})

test('how the run ended is told, and when', () => {
  const metrics = new RunMetrics({ backup_id: 'daily' })
  metrics.end(false, 1_700_000_000_500)
  assert.match(metrics.render(), /kafka_backup_last_run_complete\{backup_id="daily"\} 0\n/)
  assert.match(metrics.render(), /_end_timestamp_seconds\{backup_id="daily"\} 1700000000\.5\n/)
})
