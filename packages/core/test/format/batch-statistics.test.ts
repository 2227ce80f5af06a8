import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StatisticsCollector } from '../../src/format/batch-statistics.ts'
import { buildBatch } from '../../src/protocol/record-batch-builder.ts'
import { cursorOn, expectCode, marker, record } from '../protocol/samples.ts'

const at = (...timestamps: bigint[]) => timestamps.map((timestamp) => record({ timestamp }))

function collect(batches: readonly { bytes: Buffer; isAborted?: boolean }[], floorOffset = 0n) {
  const collector = new StatisticsCollector()
  for (const { bytes, isAborted = false } of batches) collector.add(cursorOn(bytes), isAborted, floorOffset)
  return collector
}

test('control and aborted batches are counted apart from committed data', () => {
  const data = buildBatch({ baseOffset: 4n, records: at(30n, 10n, 20n), partitionLeaderEpoch: 2 })
  const aborted = buildBatch({ baseOffset: 7n, records: at(5n), producerId: 1n, isTransactional: true })
  const collector = collect([
    { bytes: data },
    { bytes: aborted, isAborted: true },
    { bytes: marker('abort', 8n, 1n) },
  ])
  assert.equal(collector.rawBytes, data.length + aborted.length + marker('abort', 8n, 1n).length)
  assert.deepEqual(collector.take(), {
    firstOffset: 4n,
    lastOffset: 8n,
    batches: 3,
    controlBatches: 1,
    records: 3,
    abortedRecords: 1,
    minTimestampMs: 5n,
    maxTimestampMs: 30n,
    leaderEpochs: [
      [2, 4n],
      [-1, 7n],
    ],
    largestBatchBytes: Math.max(data.length, marker('abort', 8n, 1n).length),
    codecs: ['none'],
  })
  assert.equal(collector.batches, 0)
  expectCode('KB_INTERNAL', () => collector.take())
})

test('the smallest timestamp is unknown as soon as one batch would have to be decompressed', () => {
  const plain = buildBatch({ records: at(10n) })
  const compressed = buildBatch({ baseOffset: 1n, records: at(3n), codec: 'gzip' })
  const unknown = collect([{ bytes: plain }, { bytes: compressed }]).take()
  assert.equal(unknown.minTimestampMs, null)
  assert.deepEqual(unknown.codecs, ['gzip', 'none'])
  // With log append time the header has it, compressed or not.
  const appended = buildBatch({
    records: at(3n),
    codec: 'gzip',
    timestampType: 'log_append_time',
    maxTimestamp: 99n,
  })
  assert.equal(collect([{ bytes: appended }]).take().minTimestampMs, 99n)
})

test('without data there is no timestamp', () => {
  const emptied = buildBatch({ records: [], lastOffsetDelta: 4 })
  for (const bytes of [marker('commit', 0n, 1n), emptied]) {
    const { minTimestampMs, maxTimestampMs, records } = collect([{ bytes }]).take()
    assert.deepEqual([minTimestampMs, maxTimestampMs, records], [null, -1n, 0])
  }
})

test('a collector begins anew after each frame', () => {
  const collector = new StatisticsCollector()
  const compressed = buildBatch({ records: at(3n), codec: 'gzip', partitionLeaderEpoch: 7 })
  collector.add(cursorOn(compressed), false, 0n)
  collector.take()
  const plain = buildBatch({ baseOffset: 1n, records: at(8n), partitionLeaderEpoch: 7 })
  collector.add(cursorOn(plain), false, 1n)
  const second = collector.take()
  assert.deepEqual([second.minTimestampMs, second.maxTimestampMs], [8n, 8n])
  assert.deepEqual([second.codecs, second.leaderEpochs], [['none'], [[7, 1n]]])
})

test('records below the floor do not count', () => {
  const bytes = buildBatch({ baseOffset: 10n, records: at(1n, 2n, 3n, 4n) })
  const collector = new StatisticsCollector()
  collector.add(cursorOn(bytes), false, 12n, 2)
  const { firstOffset, lastOffset, records, leaderEpochs } = collector.take()
  assert.deepEqual([firstOffset, lastOffset, records, leaderEpochs], [12n, 13n, 2, [[-1, 12n]]])
})
