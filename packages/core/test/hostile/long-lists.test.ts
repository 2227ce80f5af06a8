import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AbortedTransactionTracker } from '../../src/protocol/aborted-transaction-tracker.ts'
import { AscendingOffsets } from '../../src/protocol/ascending-offsets.ts'
import { BatchCursor } from '../../src/protocol/record-batch.ts'
import { prng } from '../protocol/prng.ts'
import { marker } from '../protocol/samples.ts'

const CPU_MAX_MS = 1000
const PRODUCER = 4711n

function cpuMsOf(action: () => void): number {
  const before = process.threadCpuUsage()
  action()
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1000
}

// Symptom: a backup that stands still. Cause: each of a producer's aborted transactions was looked for in a list of all. Issue 4.
test('a hundred thousand aborted transactions of one producer cost less than a second', () => {
  const count = 100_000
  const listed = Array.from({ length: count }, (_, at) => ({
    producerId: PRODUCER,
    firstOffset: BigInt(at * 2),
  }))
  const batch = marker('abort', 1n, PRODUCER)
  for (const transactions of [listed, listed.toReversed(), prng(3).shuffled(listed)]) {
    const tracker = new AbortedTransactionTracker(0n)
    const listMs = cpuMsOf(() => {
      tracker.addAborted(transactions, 0n)
      tracker.addAborted(transactions, 1n)
    })
    assert.ok(listMs < CPU_MAX_MS, `${listMs} ms for the lists`)
    const markersMs = cpuMsOf(() => {
      for (let at = 0; at < count; at++) {
        batch.writeBigInt64BE(BigInt(at * 2 + 1), 0)
        const cursor = new BatchCursor(batch)
        cursor.next()
        tracker.addBatch(cursor)
      }
    })
    assert.ok(markersMs < CPU_MAX_MS, `${markersMs} ms for the markers`)
    assert.equal(tracker.ranges(0n, 1n << 62n).length, count)
  }
})

test('offsets are given back ascending and once, in whatever order they came', () => {
  const random = prng(5)
  for (let round = 0; round < 300; round++) {
    const offsets = new AscendingOffsets()
    let expected = new Set<bigint>()
    for (let step = 0; step < 20; step++) {
      if (random.chance(0.6)) {
        const added = Array.from({ length: random.below(6) }, () => BigInt(random.below(50)))
        offsets.add(added)
        for (const offset of added) expected.add(offset)
      } else {
        const limit = BigInt(random.below(50))
        const below = [...expected].filter((offset) => offset <= limit).sort((a, b) => Number(a - b))
        assert.deepEqual(offsets.takeUpTo(limit), below)
        expected = new Set([...expected].filter((offset) => offset > limit))
      }
      const sorted = [...expected].sort((a, b) => Number(a - b))
      assert.deepEqual(offsets.values(), sorted)
      assert.equal(offsets.first, sorted[0])
      assert.equal(offsets.isEmpty, sorted.length === 0)
    }
  }
})
