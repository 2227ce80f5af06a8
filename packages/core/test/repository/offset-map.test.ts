import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seededRandom } from '../../../testkit/src/seeded-random.ts'
import { findSource, findTarget, type MappedRun } from '../../src/repository/offset-map.ts'

interface Pair {
  readonly source: number
  readonly sourceOffset: bigint
  readonly target: number
  readonly targetOffset: bigint
}

/** A restore of two sources into three targets, with holes on both sides, as pairs of offsets and as runs. */
function randomMap(seed: number): { readonly pairs: Pair[]; readonly runs: MappedRun[] } {
  const random = seededRandom(seed)
  const pairs: Pair[] = []
  const runs: MappedRun[] = []
  const next = [0n, 0n, 0n]
  for (const source of [0, 1]) {
    let sourceOffset = BigInt(random.below(5))
    for (let at = 0; at < 40; at++) {
      const target = random.below(3)
      const records = 1 + random.below(4)
      const targetOffset = (next[target] ?? 0n) + BigInt(random.below(2))
      for (let own = 0n; own < BigInt(records); own++)
        pairs.push({ source, sourceOffset: sourceOffset + own, target, targetOffset: targetOffset + own })
      runs.push({
        source: { topic: 'orders', partition: source, lineage: 1 },
        target: { topic: 'copy', partition: target },
        sourceOffset,
        targetOffset,
        records,
      })
      next[target] = targetOffset + BigInt(records)
      sourceOffset += BigInt(records + random.below(3))
    }
  }
  return { pairs, runs }
}

async function* stream(runs: readonly MappedRun[]): AsyncGenerator<MappedRun> {
  yield* runs
}

describe('the offset map', () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    it(`answers as a list of all pairs does, both ways (seed ${seed})`, async () => {
      const { pairs, runs } = randomMap(seed)
      for (const source of [0, 1]) {
        for (let offset = 0n; offset < 180n; offset += 3n) {
          const answer = await findTarget(stream(runs), { topic: 'orders', partition: source }, offset)
          const own = pairs.filter((pair) => pair.source === source)
          const exact = own.find((pair) => pair.sourceOffset === offset)
          assert.deepEqual(
            answer.exact,
            exact ? { topic: 'copy', partition: exact.target, offset: exact.targetOffset } : null,
          )
          for (const { partition, offset: lowest } of answer.lowestSafe) {
            const later = own.filter((pair) => pair.target === partition && pair.sourceOffset >= offset)
            const expected = later.reduce<bigint | null>(
              (least, pair) => (least === null || pair.targetOffset < least ? pair.targetOffset : least),
              null,
            )
            assert.equal(lowest, expected, `partition ${partition} from offset ${offset}`)
          }
        }
      }
      for (const target of [0, 1, 2]) {
        for (let offset = 0n; offset < 120n; offset += 2n) {
          const found = await findSource(stream(runs), { topic: 'copy', partition: target }, offset)
          const expected = pairs.find((pair) => pair.target === target && pair.targetOffset === offset)
          assert.equal(found?.offset, expected?.sourceOffset)
          assert.equal(found?.partition, expected?.source)
        }
      }
    })
  }
})
