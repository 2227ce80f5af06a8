import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ArchivedTransactions } from '../../src/compact/archived-transactions.ts'
import { type AbortedRange, AbortedTransactionFilter } from '../../src/protocol/aborted-transactions.ts'
import { type Prng, prng } from '../protocol/prng.ts'

const CASES = Number(process.env.PROPERTY_CASES ?? 2_000)
const SEED = Number(process.env.PROPERTY_SEED ?? 1)
const PRODUCERS = [1n, 2n]
const PARTS = 5
const PART_OFFSETS = 6n

/** Whatever it says, ranges of this part, earlier ones and later ones. */
function randomRanges(random: Prng, nextOffset: bigint): AbortedRange[] {
  return Array.from({ length: random.below(4) }, () => {
    const firstOffset = BigInt(random.below(Number(nextOffset)))
    const endOffset = firstOffset + 1n + BigInt(random.below(10))
    return {
      producerId: random.pick(PRODUCERS),
      firstOffset,
      endOffset: random.chance(0.4) ? null : endOffset,
    }
  })
}

test(`each batch is what its own part says, whatever other parts say, ${CASES} random lists`, () => {
  for (let index = 0; index < CASES; index++) {
    const random = prng(SEED * 1_000_000 + index)
    const transactions = new ArchivedTransactions()
    let segmentBegin = 0n
    let truth: {
      readonly batch: Parameters<AbortedTransactionFilter['drops']>[0]
      readonly isDropped: boolean
    }[] = []
    for (let part = 0n; part < PARTS; part++) {
      const [beginOffset, nextOffset] = [part * PART_OFFSETS, (part + 1n) * PART_OFFSETS]
      const own = randomRanges(random, nextOffset)
      transactions.beginPart(own, { beginOffset, isReachingBack: false })
      const filter = new AbortedTransactionFilter(own)
      for (let offset = beginOffset; offset < nextOffset; offset++) {
        for (const producerId of PRODUCERS) {
          const place = { producerId, baseOffset: offset, lastOffset: offset }
          const batch = { ...place, isTransactional: true, isControl: false }
          truth.push({ batch, isDropped: filter.drops(batch) })
          assert.equal(transactions.isAborted(batch), filter.drops(batch))
        }
      }
      if (part + 1n < PARTS && random.chance(0.6)) continue
      // A segment ends here; its list has to do for it alone.
      const written = new AbortedTransactionFilter(transactions.ranges(segmentBegin, nextOffset))
      for (const { batch, isDropped } of truth)
        assert.equal(
          written.drops(batch),
          isDropped,
          `producer ${batch.producerId} at ${batch.baseOffset}, case ${index}`,
        )
      transactions.forgetBefore(nextOffset)
      segmentBegin = nextOffset
      truth = []
    }
  }
})
