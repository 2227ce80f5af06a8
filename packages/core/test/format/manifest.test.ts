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
  const gap = { topic: 'orders', partition: 0, firstOffset: HUGE + 3n, endOffset: HUGE + 10n }
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
