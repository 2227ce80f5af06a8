import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KafkaRecord } from '../../src/protocol/record.ts'
import { BatchCursor } from '../../src/protocol/record-batch.ts'
import { buildBatch } from '../../src/protocol/record-batch-builder.ts'
import { decodeStored } from '../../src/restore/frame-pieces.ts'
import { LaneBatcher } from '../../src/restore/lane-batcher.ts'
import { record } from '../protocol/samples.ts'

test('sources whose offsets follow each other in one batch stay apart in the offset map', () => {
  const limit = { maxBytes: 1_048_588, codec: null }
  const batcher = new LaneBatcher({ limit, isKeepingOffsets: false, nameOf: String })
  const batches = [
    ...batcher.addGroup(0, recordsFrom(0n), 'none'),
    ...batcher.addGroup(1, recordsFrom(2n), 'none'),
    ...batcher.flush(),
  ]
  assert.deepEqual(
    batches.map(({ runs }) => runs),
    [
      [
        { source: 0, firstOffset: 0n, records: 2 },
        { source: 1, firstOffset: 2n, records: 2 },
      ],
    ],
  )
})

test('records that keep their offsets share no batch across a hole, and others do', () => {
  const runsWhere = (isKeepingOffsets: boolean) => {
    const limit = { maxBytes: 1_048_588, codec: null }
    const batcher = new LaneBatcher({ limit, isKeepingOffsets, nameOf: String })
    const [first, second] = [recordsFrom(0n), recordsFrom(3n)]
    const inside = [...batcher.addGroup(0, [...first, ...second], 'none'), ...batcher.flush()]
    const between = [...batcher.addGroup(0, first, 'none'), ...batcher.addGroup(0, second, 'none')]
    return [...inside, ...between, ...batcher.flush()].map(({ runs }) => runs)
  }
  const [before, behind] = [
    { source: 0, firstOffset: 0n, records: 2 },
    { source: 0, firstOffset: 3n, records: 2 },
  ]
  assert.deepEqual(runsWhere(true), [[before], [behind], [before], [behind]])
  assert.deepEqual(runsWhere(false), [
    [before, behind],
    [before, behind],
  ])
})

/** Two. */
function recordsFrom(baseOffset: bigint): readonly KafkaRecord[] {
  const bytes = buildBatch({ baseOffset, records: [record(), record()] })
  assert.ok(new BatchCursor(bytes).next())
  return decodeStored({ kind: 'batch', bytes, firstOffset: baseOffset, records: 2 }).records
}
