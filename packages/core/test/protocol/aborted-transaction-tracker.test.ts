import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AbortedTransactionTracker } from '../../src/protocol/aborted-transaction-tracker.ts'
import { type AbortedRange, AbortedTransactionFilter } from '../../src/protocol/aborted-transactions.ts'
import { BatchCursor } from '../../src/protocol/record-batch.ts'
import { buildBatch } from '../../src/protocol/record-batch-builder.ts'
import { LIMITS } from '../../src/runtime/limits.ts'
import { prng } from './prng.ts'
import { cursorOn, expectCode, marker, record } from './samples.ts'
import { abortedListOf, droppedByReference, type LogQuirks, randomLog } from './transaction-log.ts'

const CASES = Number(process.env.PROPERTY_CASES ?? 2000)
const SEED = Number(process.env.PROPERTY_SEED ?? 1)

/** Reads a random log from a random place in random responses; everything kept must be committed, and only that. */
function checkCase(seed: number, quirks: LogQuirks): void {
  const random = prng(seed)
  const log = randomLog(random, quirks)
  const cursor = new BatchCursor()
  const staleLists: { producerId: bigint; firstOffset: bigint }[][] = []
  let position = random.below(log.entries.length)
  const tracker = new AbortedTransactionTracker(log.entries[position]!.baseOffset)
  let segmentBegin = position
  let ranges: AbortedRange[] = []
  while (position < log.entries.length) {
    const end = Math.min(log.entries.length, position + 1 + random.below(8))
    const list = abortedListOf(log, position, end, random)
    // A broker that repeats old entries must not do harm.
    const stale = staleLists.length > 0 && random.chance(0.2) ? random.pick(staleLists) : []
    tracker.addAborted([...list, ...stale], log.entries[position]!.baseOffset)
    staleLists.push(list)
    const response = log.entries.slice(position, end)
    for (const entry of response) tracker.addBatch(cursorOn(entry.bytes))
    if (!quirks.emptiesMarkers) {
      const truth = response.map((entry) => entry.isControl || entry.isAborted)
      assert.deepEqual(droppedByReference(response, list), truth, `reference, seed ${seed}`)
    }
    position = end
    if (position < log.entries.length && random.chance(0.5)) continue
    // A segment ends here: its ranges must do for its batches, alone and together with all others.
    const segment = log.entries.slice(segmentBegin, position)
    const own = tracker.ranges(segment[0]!.baseOffset, segment.at(-1)!.lastOffset + 1n)
    ranges = [...ranges, ...own]
    for (const some of [own, random.shuffled(ranges)]) {
      const filter = new AbortedTransactionFilter(some)
      for (const entry of segment) {
        cursor.reset(entry.bytes).next()
        assert.equal(
          filter.drops(cursor),
          entry.isControl || entry.isAborted,
          `offset ${entry.baseOffset}, seed ${seed}`,
        )
      }
    }
    tracker.forgetBefore(segment.at(-1)!.lastOffset + 1n)
    segmentBegin = position
  }
}

for (const [what, quirks] of [
  ['plain logs', { emptiesMarkers: false, listsEmptyTransactions: false }],
  ['empty transactions that are listed', { emptiesMarkers: false, listsEmptyTransactions: true }],
  ['markers emptied by the cleaner', { emptiesMarkers: true, listsEmptyTransactions: true }],
] as const) {
  test(`keeps committed batches and no others, ${CASES} random interleavings, ${what}`, () => {
    for (let index = 0; index < CASES; index++) checkCase(SEED * 1_000_000 + index, quirks)
  })
}

const data = (offset: bigint, producerId: bigint): BatchCursor =>
  cursorOn(buildBatch({ baseOffset: offset, records: [record()], producerId, isTransactional: true }))
const end = (
  type: 'abort' | 'commit' | 'other',
  offset: bigint,
  producerId: bigint,
  isEmptied = false,
): BatchCursor => cursorOn(marker(type, offset, producerId, isEmptied))

test('two aborted transactions of one producer in one response are two ranges', () => {
  const tracker = new AbortedTransactionTracker(0n)
  tracker.addAborted(
    [
      { producerId: 1n, firstOffset: 20n },
      { producerId: 1n, firstOffset: 10n },
    ],
    0n,
  )
  for (const batch of [data(10n, 1n), end('abort', 11n, 1n), data(15n, 1n), end('commit', 16n, 1n)])
    tracker.addBatch(batch)
  for (const batch of [data(20n, 1n), end('abort', 21n, 1n)]) tracker.addBatch(batch)
  assert.deepEqual(tracker.ranges(0n, 100n), [
    { producerId: 1n, firstOffset: 10n, endOffset: 11n },
    { producerId: 1n, firstOffset: 20n, endOffset: 21n },
  ])
})

test('a transaction that spans responses is open, then ended', () => {
  const tracker = new AbortedTransactionTracker(0n)
  const listed = [{ producerId: 1n, firstOffset: 10n }]
  tracker.addAborted(listed, 0n)
  tracker.addBatch(data(10n, 1n))
  assert.deepEqual(tracker.ranges(10n, 11n), [{ producerId: 1n, firstOffset: 10n, endOffset: null }])
  tracker.addAborted(listed, 0n)
  tracker.addBatch(data(11n, 1n))
  tracker.addBatch(end('abort', 12n, 1n))
  assert.deepEqual(tracker.ranges(11n, 13n), [{ producerId: 1n, firstOffset: 10n, endOffset: 12n }])
})

test('reading that begins inside a transaction knows it from the first list', () => {
  const tracker = new AbortedTransactionTracker(0n)
  tracker.addAborted([{ producerId: 1n, firstOffset: 10n }], 0n)
  tracker.addBatch(end('abort', 500n, 1n))
  assert.deepEqual(tracker.ranges(400n, 501n), [{ producerId: 1n, firstOffset: 10n, endOffset: 500n }])
})

test('a marker that the cleaner emptied ends the transaction', () => {
  const tracker = new AbortedTransactionTracker(0n)
  tracker.addAborted([{ producerId: 1n, firstOffset: 10n }], 0n)
  tracker.addBatch(end('abort', 12n, 1n, true))
  assert.deepEqual(tracker.ranges(0n, 100n), [{ producerId: 1n, firstOffset: 10n, endOffset: 12n }])
})

test('an old entry that comes again does not touch the next transaction', () => {
  const tracker = new AbortedTransactionTracker(0n)
  const listed = [{ producerId: 1n, firstOffset: 10n }]
  tracker.addAborted(listed, 0n)
  tracker.addBatch(end('abort', 12n, 1n))
  tracker.forgetBefore(100n)
  tracker.addAborted(listed, 0n)
  assert.deepEqual(tracker.ranges(0n, 100n), [])
})

test('a list that was sent again, unsorted and doubled, is one set', () => {
  const tracker = new AbortedTransactionTracker(0n)
  for (const firstOffset of [30n, 10n, 20n, 10n, 30n, 20n])
    tracker.addAborted([{ producerId: 1n, firstOffset }], 0n)
  assert.deepEqual(tracker.ranges(0n, 100n), [
    { producerId: 1n, firstOffset: 10n, endOffset: 20n },
    { producerId: 1n, firstOffset: 20n, endOffset: 30n },
    { producerId: 1n, firstOffset: 30n, endOffset: null },
  ])
  assert.equal(tracker.ranges(21n, 30n).length, 1)
  assert.equal(tracker.ranges(20n, 30n).length, 2)
})

test('markers of others, and control records that are not about transactions, change nothing', () => {
  const tracker = new AbortedTransactionTracker(0n)
  tracker.addAborted([{ producerId: 1n, firstOffset: 10n }], 0n)
  tracker.addBatch(end('abort', 12n, 2n))
  tracker.addBatch(end('other', 13n, 1n))
  assert.deepEqual(tracker.ranges(0n, 20n), [{ producerId: 1n, firstOffset: 10n, endOffset: null }])
  assert.deepEqual(tracker.ranges(0n, 10n), [])
})

test('ranges are sorted by offset, then by producer', () => {
  const tracker = new AbortedTransactionTracker(0n)
  for (const producerId of [3n, 1n, 2n]) tracker.addAborted([{ producerId, firstOffset: 5n }], 0n)
  assert.deepEqual(
    tracker.ranges(0n, 20n).map((range) => range.producerId),
    [1n, 2n, 3n],
  )
})

test('producers that were seen long ago are forgotten, so memory is bounded', () => {
  const tracker = new AbortedTransactionTracker(0n)
  for (let index = 0; index <= LIMITS.trackedProducersMax; index++) {
    tracker.addBatch(end('commit', BigInt(index + 1), BigInt(index)))
  }
  tracker.addAborted(
    [
      { producerId: 0n, firstOffset: 0n },
      { producerId: 1n, firstOffset: 0n },
    ],
    0n,
  )
  assert.deepEqual(
    tracker.ranges(0n, 10n).map((range) => range.producerId),
    [0n],
  )
})

test('an unreadable marker is an error, not a guess', () => {
  const batch = buildBatch({
    records: [record({ key: null })],
    isControl: true,
    producerId: 1n,
    isTransactional: true,
  })
  expectCode('KB_BATCH_CORRUPT', () => new AbortedTransactionTracker(0n).addBatch(cursorOn(batch)))
})
