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
# HELP kafka_backup_circuit_state Whether the store and the brokers are asked: 1 for the state that the circuit is in, 0 for the others.
# TYPE kafka_backup_circuit_state gauge
kafka_backup_circuit_state{backup_id="daily",target="store",state="closed"} 1
kafka_backup_circuit_state{backup_id="daily",target="store",state="open"} 0
kafka_backup_circuit_state{backup_id="daily",target="store",state="half_open"} 0
kafka_backup_circuit_state{backup_id="daily",target="cluster",state="closed"} 1
kafka_backup_circuit_state{backup_id="daily",target="cluster",state="open"} 0
kafka_backup_circuit_state{backup_id="daily",target="cluster",state="half_open"} 0
# HELP kafka_backup_circuit_failures Failures in a row while the circuit is not closed.
# TYPE kafka_backup_circuit_failures gauge
kafka_backup_circuit_failures{backup_id="daily",target="store"} 0
kafka_backup_circuit_failures{backup_id="daily",target="cluster"} 0
# HELP kafka_backup_deletion_seconds_left Estimated time until unread offsets are deleted, when last warned.
# TYPE kafka_backup_deletion_seconds_left gauge
kafka_backup_deletion_seconds_left{backup_id="daily",topic="orders",partition="3"} 13
`,
  )
})

test('labels are escaped as the format wants it', () => {
  const metrics = new RunMetrics({ backup_id: 'a"b\\c\nd' })
  metrics.observe({ type: 'commit_created', number: 1n, durationMs: 1, uploadMs: 0 })
  assert.match(metrics.render(), /_commits_total\{backup_id="a\\"b\\\\c\\nd"\} 1\n/)
})

test('how the run ended is told, and when', () => {
  const metrics = new RunMetrics({ backup_id: 'daily' })
  metrics.end(false, 1_700_000_000_500)
  assert.match(metrics.render(), /kafka_backup_last_run_complete\{backup_id="daily"\} 0\n/)
  assert.match(metrics.render(), /_end_timestamp_seconds\{backup_id="daily"\} 1700000000\.5\n/)
})

test('what commits took is a histogram, of the whole and of the commit alone', () => {
  const metrics = new RunMetrics({ backup_id: 'daily' })
  metrics.observe({ type: 'commit_created', number: 1n, durationMs: 60, uploadMs: 58 })
  metrics.observe({ type: 'commit_created', number: 2n, durationMs: 20_000, uploadMs: 15_000 })
  const lines = metrics.render().split('\n')
  const family = (name: string) => lines.filter((line) => line.includes(name)).slice(1)
  assert.deepEqual(family('kafka_backup_checkpoint_duration_seconds'), [
    '# TYPE kafka_backup_checkpoint_duration_seconds histogram',
    ...[0.005, 0.01, 0.025, 0.05].map((le) => bucketLine(String(le), 0)),
    ...[0.1, 0.25, 0.5, 1, 2.5, 5, 10].map((le) => bucketLine(String(le), 1)),
    bucketLine('+Inf', 2),
    'kafka_backup_checkpoint_duration_seconds_sum{backup_id="daily"} 20.06',
    'kafka_backup_checkpoint_duration_seconds_count{backup_id="daily"} 2',
  ])
  const commit = family('kafka_backup_commit_duration_seconds')
  assert.ok(commit.includes('kafka_backup_commit_duration_seconds_bucket{backup_id="daily",le="0.005"} 1'))
  assert.ok(commit.includes('kafka_backup_commit_duration_seconds_bucket{backup_id="daily",le="5"} 2'))
})

function bucketLine(le: string, count: number): string {
  return `kafka_backup_checkpoint_duration_seconds_bucket{backup_id="daily",le="${le}"} ${count}`
}
