import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StatisticsCollector } from '../../src/format/batch-statistics.ts'
import type { BatchStatistics } from '../../src/format/segment-index.ts'
import { sealBatch } from '../../src/protocol/batch-patch.ts'
import { type BatchInput, buildBatch } from '../../src/protocol/record-batch-builder.ts'
import { prng } from '../protocol/prng.ts'
import { cursorOn, expectCode, marker, record } from '../protocol/samples.ts'
import { entriesIn, plainLog, statisticsOf } from './partition-log.ts'

const CASES = Number(process.env.PROPERTY_CASES ?? 300)

const at = (...timestamps: bigint[]) => timestamps.map((timestamp) => record({ timestamp }))

function collect(...batches: (BatchInput | Buffer)[]): BatchStatistics {
  const collector = new StatisticsCollector()
  for (const batch of batches) {
    collector.add(cursorOn(Buffer.isBuffer(batch) ? batch : buildBatch(batch)), false, 0n)
  }
  return collector.take()
}

test(`the statistics of ${CASES} random runs of batches are those of their records`, () => {
  for (let seed = 0; seed < CASES; seed++) {
    const random = prng(seed)
    const { entries } = plainLog(random, true)
    const collector = new StatisticsCollector()
    // What was taken before must leave nothing behind.
    const runs = [entries.slice(0, random.below(entries.length)), entries].filter((run) => run.length > 0)
    for (const run of runs) {
      const batches = entriesIn(Buffer.concat(run.map((entry) => entry.bytes)))
      const isAborted = (baseOffset: bigint) => baseOffset % 3n === 0n
      for (const batch of batches) collector.add(batch, isAborted(batch.baseOffset), 0n)
      assert.equal(
        collector.rawBytes,
        batches.reduce((sum, batch) => sum + batch.byteLength, 0),
      )
      assert.equal(collector.batches, batches.length)
      assert.deepEqual(collector.take(), statisticsOf(batches, isAborted, 0n), `seed ${seed}`)
      assert.deepEqual([collector.batches, collector.rawBytes, collector.uncompressedBytes], [0, 0, 0])
    }
  }
})

test('the smallest timestamp is that of a record, not that of the header', () => {
  const { minTimestampMs, maxTimestampMs } = collect({ records: at(500n, 100n, 900n) })
  assert.deepEqual([minTimestampMs, maxTimestampMs], [100n, 900n])
})

test('with log append time all records have the time of the broker, also in a compressed batch', () => {
  const records = at(100n, 200n)
  const input: BatchInput = { records, timestampType: 'log_append_time', maxTimestamp: 5_000n, codec: 'zstd' }
  const { minTimestampMs, maxTimestampMs } = collect(input)
  assert.deepEqual([minTimestampMs, maxTimestampMs], [5_000n, 5_000n])
})

test('one compressed batch makes the smallest timestamp unknown, until the next frame', () => {
  const collector = new StatisticsCollector()
  const [plain, compressed] = (['none', 'lz4'] as const).map((codec) =>
    buildBatch({ records: at(7n), codec }),
  )
  collector.add(cursorOn(plain!), false, 0n)
  collector.add(cursorOn(compressed!), false, 0n)
  assert.deepEqual([collector.take().minTimestampMs, collector.uncompressedBytes], [null, 0])
  collector.add(cursorOn(plain!), false, 0n)
  assert.equal(collector.take().minTimestampMs, 7n)
})

test('markers and emptied batches count as batches and say nothing of time', () => {
  const emptied = buildBatch({ baseOffset: 4n, records: [], lastOffsetDelta: 5 })
  const statistics = collect(marker('commit', 3n, 9n), emptied)
  assert.deepEqual(
    [statistics.batches, statistics.controlBatches, statistics.records, statistics.lastOffset],
    [2, 1, 0, 9n],
  )
  assert.deepEqual([statistics.minTimestampMs, statistics.maxTimestampMs], [null, -1n])
})

test('each change of the leader epoch is noted with its first offset, and no repetition', () => {
  const epochs = [3, 3, 5, 5, 6]
  const { leaderEpochs } = collect(
    ...epochs.map((partitionLeaderEpoch, index) => ({
      baseOffset: BigInt(index * 10),
      records: at(1n),
      partitionLeaderEpoch,
    })),
  )
  assert.deepEqual(leaderEpochs, [
    [3, 0n],
    [5, 20n],
    [6, 40n],
  ])
})

test('a batch whose records cannot be read is refused before anything of it is counted', () => {
  const batch = buildBatch({ records: at(1n, 2n), baseOffset: 50n })
  batch[61] = 0x7f
  sealBatch(batch, 0)
  const collector = new StatisticsCollector()
  const good = buildBatch({ records: at(1n), baseOffset: 49n })
  collector.add(cursorOn(good), false, 0n)
  expectCode('KB_BATCH_CORRUPT', () => collector.add(cursorOn(batch), false, 0n))
  assert.equal(collector.rawBytes, good.length)
  assert.deepEqual(collector.take(), collect(good))
})

test('statistics of nothing are a defect of the program', () => {
  expectCode('KB_INTERNAL', () => new StatisticsCollector().take())
})
