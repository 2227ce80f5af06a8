import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackupState } from '../../src/format/backup-state.ts'
import { renderManifest } from '../../src/format/manifest.ts'
import { prng } from '../protocol/prng.ts'
import { randomCommit, randomPart } from './random-commit.ts'

const HUGE = 2n ** 53n + 1n

function state(): BackupState {
  const backup = new BackupState('b')
  const part = {
    ...randomPart(prng(1), 'orders', 0, 0n),
    beginOffset: HUGE,
    firstOffset: HUGE,
    lastOffset: HUGE + 2n,
    nextOffset: HUGE + 3n,
    holes: [],
    records: 3,
    storedBytes: 40,
    rawBytes: 50,
    minTimestampMs: null,
    maxTimestampMs: HUGE,
  }
  const index = { position: 0, bytes: 1, sha256: '' }
  const gap = { topic: 'orders', partition: 0, lineage: 1, firstOffset: HUGE + 3n, endOffset: HUGE + 10n }
  backup.apply(
    {
      ...randomCommit(prng(1)),
      number: 1n,
      previousSha256: null,
      createdAtMs: 5n,
      source: { clusterId: 'c', bootstrapServers: ['x:1'] },
      topics: [
        { name: 'orders', topicId: null, partitions: 2 },
        { name: 'empty', topicId: null, partitions: 1 },
      ],
      begins: [{ topic: 'orders', partition: 0, offset: HUGE }],
      segments: [{ key: 'b/k', bytes: 99, index, parts: [part] }],
      gaps: [{ ...gap, reason: 'missing_in_log' }],
      divergences: [],
      artifacts: [],
    },
    'sha',
  )
  return backup
}

test('the manifest is readable JSON in the documented shape, and no digit is lost', () => {
  const text = renderManifest(state()).toString()
  assert.ok(text.startsWith('{\n  "backup_id": "b",\n  "created_at": 5,\n  "commit": 1,\n'), text)
  assert.ok(text.endsWith('\n}\n'))
  assert.ok(text.includes('"start_offset": 9007199254740993,'), text)
  assert.ok(text.includes('"end_timestamp": 9007199254740993,'))
  // Inclusive, as its readers expect.
  assert.ok(text.includes('"end_offset": 9007199254741002,'))
  // JSON.parse has only doubles; where a number needs more, the source text still has every digit.
  const exact = JSON.parse(text, (_key, value, context?: { source?: string }) =>
    typeof value === 'number' ? BigInt(context?.source ?? '') : value,
  )
  assert.deepEqual(exact, {
    backup_id: 'b',
    created_at: 5n,
    commit: 1n,
    source_cluster_id: 'c',
    source_bootstrap_servers: ['x:1'],
    retention_policy: {},
    topics: [
      { name: 'empty', topic_id: null, partition_count: 1n, partitions: [] },
      {
        name: 'orders',
        topic_id: null,
        partition_count: 2n,
        partitions: [
          {
            partition_id: 0n,
            lineage: 1n,
            record_count: 3n,
            gaps: [{ start_offset: HUGE + 3n, end_offset: HUGE + 9n, reason: 'missing_in_log' }],
            segments: [
              {
                key: 'b/k',
                start_offset: HUGE,
                end_offset: HUGE + 2n,
                start_timestamp: -1n,
                end_timestamp: HUGE,
                record_count: 3n,
                compressed_bytes: 40n,
                uncompressed_bytes: 50n,
              },
            ],
          },
        ],
      },
    ],
  })
})

test('the manifest of a backup without commits says so', () => {
  const manifest = JSON.parse(renderManifest(new BackupState('b')).toString())
  assert.deepEqual([manifest.commit, manifest.created_at, manifest.topics], [0, -1, []])
})

test('the newest history of a partition is shown, with those before it', () => {
  const backup = state()
  const own = {
    topic: 'orders',
    partition: 0,
    reason: 'log_truncated' as const,
    topicId: null,
    beginOffset: 4n,
    commonEndOffset: null,
  }
  const divergences = [
    { ...own, lineage: 2, previousEndOffset: HUGE + 10n },
    { ...own, lineage: 3, previousEndOffset: 4n },
  ]
  const base = { ...randomCommit(prng(1)), topics: [], begins: [], segments: [], artifacts: [] }
  const gap = { topic: 'orders', partition: 0, lineage: 3, firstOffset: 4n, endOffset: 6n }
  const gaps = [{ ...gap, reason: 'deleted_before_read' as const }]
  backup.apply({ ...base, number: 2n, previousSha256: 'sha', gaps, divergences }, 'sha2')
  const document = JSON.parse(renderManifest(backup).toString())
  const [partition, ...none] = document.topics[1].partitions
  assert.deepEqual(none, [])
  const { earlier_lineages: earlier, ...newest } = partition
  const shown = [{ start_offset: 4, end_offset: 5, reason: 'deleted_before_read' }]
  assert.deepEqual(newest, { partition_id: 0, lineage: 3, record_count: 0, gaps: shown, segments: [] })
  const lineages = earlier.map((entry: { lineage: number }) => entry.lineage)
  assert.deepEqual(lineages, [1, 2])
  assert.equal(earlier[0].segments.length, 1)
  assert.equal(earlier[0].record_count, 3)
})
