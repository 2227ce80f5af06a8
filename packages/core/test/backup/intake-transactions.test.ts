import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AbortedEntry } from '../../src/format/segment-index.ts'
import { AbortedTransactionFilter } from '../../src/protocol/aborted-transactions.ts'
import { buildBatch } from '../../src/protocol/record-batch-builder.ts'
import { prng } from '../protocol/prng.ts'
import { cursorOn, marker, record } from '../protocol/samples.ts'
import { assertSeed, framesOf, taken } from './log-reading.ts'
import { answerOf, newIntake } from './new-intake.ts'
import { answerAt, entriesIn, type TakenItem, transactionalLog } from './partition-log.ts'

const CASES = Number(process.env.PROPERTY_CASES ?? 300)
const SEED = Number(process.env.PROPERTY_SEED ?? 1)

test('the ranges of aborted transactions do for every segment alone, and without holes for all together', () => {
  for (let index = 0; index < CASES; index++) {
    const seed = SEED * 3_000_000 + index
    assertSeed(seed, () => checkSegments(seed))
  }
})

/** Closes segments at random frames, and at every hole, later than the intake has read on. */
function checkSegments(seed: number): void {
  const random = prng(seed)
  const isCompacted = random.chance(0.5)
  const log = transactionalLog(random, !isCompacted)
  const beginOffset = random.pick(log.entries).baseOffset
  const targetOffset = log.entries.at(-1)!.lastOffset + 1n
  const intake = newIntake({ beginOffset, targetOffset, isCompacted, frameMinBytes: 200 })
  const items: TakenItem[] = []
  const ranges: AbortedEntry[] = []
  let segmentBytes: Buffer[] = []
  let segmentBegin = beginOffset
  const close = () => {
    const bytes = Buffer.concat(segmentBytes)
    segmentBytes = []
    if (bytes.length === 0) return
    const batches = entriesIn(bytes)
    const own = intake.abortedWithin(segmentBegin, batches.at(-1)!.lastOffset + 1n, 4)
    assert.ok(own.every((range) => range.stream === 4))
    ranges.push(...own)
    // Where a marker is lost in a hole, a range stays open: it may be asked about its own segment only, as restore does.
    for (const some of isCompacted ? [own, random.shuffled(ranges)] : [own]) {
      const filter = new AbortedTransactionFilter(some)
      for (const batch of batches) {
        const truth = log.entries.find((entry) => entry.baseOffset === batch.baseOffset)
        assert.equal(filter.drops(batch), truth?.isAborted || truth?.isControl, `offset ${batch.baseOffset}`)
      }
    }
  }
  const write = (count: number) => {
    for (const item of items.splice(0, count)) {
      if (item.kind === 'missing' || random.chance(0.3)) close()
      if (item.kind === 'missing') continue
      if (segmentBytes.length === 0) segmentBegin = item.beginOffset
      segmentBytes.push(item.bytes)
    }
  }
  while (!intake.isAtTarget) {
    const { bytes, aborted } = answerAt(log, intake.nextOffset, random.below(2_000), random)
    items.push(...intake.accept(answerOf(bytes, 0, bytes.length, aborted)).map(taken))
    write(random.below(items.length + 1))
  }
  const rest = intake.flush()
  if (rest) items.push(taken(rest))
  write(items.length)
  close()
}

/*
 * The list of aborted transactions comes with an answer and overlaps all of it. Behind a hole the intake begins with a new
 * tracker, since a marker may lie in the hole; what the answer listed was lost with the old one, and aborted records behind
 * the hole were stored as committed.
 */
test('a transaction that is aborted behind a hole of the same answer is known to be aborted', () => {
  const producerId = 7n
  const data = (baseOffset: bigint) =>
    buildBatch({ baseOffset, records: [record()], producerId, isTransactional: true })
  const batches = [
    data(0n),
    marker('commit', 1n, producerId),
    data(10n),
    data(11n),
    marker('abort', 12n, producerId),
    data(13n),
    marker('commit', 14n, producerId),
  ]
  const listed = [{ producerId, firstOffset: 10n }]
  const intake = newIntake({ beginOffset: 0n, targetOffset: 15n, isCompacted: false, frameMinBytes: 1 })
  const items: TakenItem[] = []
  while (!intake.isAtTarget) {
    const rest = Buffer.concat(batches.filter((batch) => cursorOn(batch).lastOffset >= intake.nextOffset))
    items.push(...intake.accept(answerOf(rest, 0, rest.length, listed)).map(taken))
  }
  const sums = framesOf(items).map(({ statistics }) => [statistics.records, statistics.abortedRecords])
  assert.deepEqual(sums, [
    [1, 0],
    [1, 2],
  ])
  assert.deepEqual(intake.abortedWithin(0n, 2n, 0), [])
  assert.deepEqual(intake.abortedWithin(10n, 15n, 0), [
    { stream: 0, producerId, firstOffset: 10n, endOffset: 12n },
  ])
})

test('a transaction whose marker was skipped does not make the next one of its producer aborted', () => {
  const producerId = 7n
  const data = (baseOffset: bigint) =>
    buildBatch({ baseOffset, records: [record()], producerId, isTransactional: true })
  const intake = newIntake({
    beginOffset: 0n,
    targetOffset: 22n,
    isCompacted: false,
    frameMinBytes: 9_999,
  })
  const first = data(0n)
  intake.accept(answerOf(first, 0, first.length, [{ producerId, firstOffset: 0n }]))
  const before = intake.flush()
  assert.equal(before?.statistics.abortedRecords, 1)
  intake.skipTo(20n)
  const later = Buffer.concat([data(20n), marker('commit', 21n, producerId)])
  intake.accept(answerOf(later, 0, later.length, []))
  assert.deepEqual(intake.abortedWithin(0n, 1n, 0), [
    { stream: 0, producerId, firstOffset: 0n, endOffset: null },
  ])
  const after = intake.flush()
  assert.deepEqual([after?.beginOffset, after?.statistics.records], [20n, 1])
  assert.deepEqual(intake.abortedWithin(20n, 22n, 0), [])
})

/*
 * An unclean election takes a marker away behind what was read, and the transaction that it had ended is open again: the next answer
 * says otherwise of it than the one before. A reader of committed records goes by the list of each answer, and so does the backup;
 * what it said of earlier batches is in frames that are written.
 */
test('a transaction that ended twice is at each batch what the answer with that batch said', () => {
  const producerId = 7n
  const data = (baseOffset: bigint) =>
    buildBatch({ baseOffset, records: [record()], producerId, isTransactional: true })
  const intake = newIntake({ beginOffset: 0n, targetOffset: 8n, isCompacted: false, frameMinBytes: 9_999 })
  const answer = (batches: readonly Buffer[], firstOffset?: bigint) => {
    const bytes = Buffer.concat(batches)
    const listed = firstOffset === undefined ? [] : [{ producerId, firstOffset }]
    intake.accept(answerOf(bytes, 0, bytes.length, listed))
  }
  // Was committed; later it is aborted.
  answer([data(0n)])
  answer([data(1n), marker('abort', 2n, producerId)], 0n)
  // Was aborted; later it is committed.
  answer([data(3n)], 3n)
  answer([data(4n), marker('commit', 5n, producerId), data(6n), marker('commit', 7n, producerId)])
  const frame = intake.flush()
  assert.deepEqual([frame?.statistics.records, frame?.statistics.abortedRecords], [3, 2])
  const filter = new AbortedTransactionFilter(intake.abortedWithin(0n, 8n, 0))
  const dropped = [0n, 1n, 3n, 4n, 6n].filter((offset) => filter.drops(cursorOn(data(offset))))
  assert.deepEqual(dropped, [1n, 3n])
})

test('a segment that ends before the marker leaves the end of a transaction open', () => {
  const producerId = 7n
  const bytes = Buffer.concat([
    buildBatch({ baseOffset: 0n, records: [record()], producerId, isTransactional: true }),
    buildBatch({ baseOffset: 1n, records: [record()], producerId, isTransactional: true }),
    marker('abort', 2n, producerId),
  ])
  const intake = newIntake({ beginOffset: 0n, targetOffset: 3n, isCompacted: false, frameMinBytes: 1 })
  intake.accept(answerOf(bytes, 0, bytes.length, [{ producerId, firstOffset: 0n }]))
  const range = { stream: 2, producerId, firstOffset: 0n }
  assert.deepEqual(intake.abortedWithin(0n, 1n, 2), [{ ...range, endOffset: null }])
  assert.deepEqual(intake.abortedWithin(1n, 3n, 2), [{ ...range, endOffset: 2n }])
})
