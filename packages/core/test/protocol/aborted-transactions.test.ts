import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AbortedTransactionFilter, type FilteredBatch } from '../../src/protocol/aborted-transactions.ts'

const batch = (parts: Partial<FilteredBatch>): FilteredBatch => ({
  producerId: 1n,
  baseOffset: 10n,
  lastOffset: 12n,
  isTransactional: true,
  isControl: false,
  ...parts,
})

const filterOf = (...ranges: [bigint, bigint, bigint | null][]): AbortedTransactionFilter =>
  new AbortedTransactionFilter(
    ranges.map(([producerId, firstOffset, endOffset]) => ({ producerId, firstOffset, endOffset })),
  )

test('control batches are dropped, with or without ranges', () => {
  assert.equal(filterOf().drops(batch({ isControl: true })), true)
  assert.equal(filterOf().drops(batch({ isControl: true, isTransactional: false })), true)
})

test('without ranges, and outside of transactions, batches are kept', () => {
  assert.equal(filterOf().drops(batch({})), false)
  assert.equal(filterOf([1n, 0n, null]).drops(batch({ isTransactional: false })), false)
})

test('a range covers the batches of its producer between its bounds', () => {
  const filter = filterOf([1n, 10n, 20n])
  const drops = (baseOffset: bigint, lastOffset: bigint, producerId = 1n): boolean =>
    filter.drops(batch({ baseOffset, lastOffset, producerId }))
  assert.equal(drops(10n, 10n), true)
  assert.equal(drops(10n, 19n), true)
  assert.equal(drops(9n, 9n), false)
  assert.equal(drops(19n, 20n), false)
  assert.equal(drops(20n, 21n), false)
  assert.equal(drops(12n, 13n, 2n), false)
})

test('an open range covers everything behind its beginning', () => {
  assert.equal(
    filterOf([1n, 10n, null]).drops(batch({ baseOffset: 10n ** 15n, lastOffset: 10n ** 15n })),
    true,
  )
})

test('several ranges of one producer are told apart, in any order', () => {
  const filter = filterOf([1n, 50n, 60n], [2n, 0n, null], [1n, 10n, 20n], [1n, 30n, 40n])
  const dropped = [5n, 15n, 25n, 35n, 45n, 55n, 65n].filter((offset) =>
    filter.drops(batch({ baseOffset: offset, lastOffset: offset })),
  )
  assert.deepEqual(dropped, [15n, 35n, 55n])
})

test('what was read at different times is put together', () => {
  // Once read to the middle of the transaction, once to its end: the end counts.
  const twice = filterOf([1n, 10n, null], [1n, 10n, 20n])
  assert.equal(twice.drops(batch({ baseOffset: 15n, lastOffset: 16n })), true)
  assert.equal(twice.drops(batch({ baseOffset: 30n, lastOffset: 30n })), false)
  // A later transaction of the producer proves that the earlier one had ended by then.
  const later = filterOf([1n, 10n, null], [1n, 40n, 50n])
  assert.equal(later.drops(batch({ baseOffset: 45n, lastOffset: 45n })), true)
  assert.equal(later.drops(batch({ baseOffset: 60n, lastOffset: 60n })), false)
})
