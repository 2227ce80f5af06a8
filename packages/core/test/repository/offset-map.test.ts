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

/** The target has grown behind what one source put there: others did that. */
const ENDS = new Map([0, 1, 2].map((partition) => [`copy/${partition}`, 1_000n]))

function least(offsets: readonly bigint[]): bigint | null {
  return offsets.reduce<bigint | null>((low, own) => (low === null || own < low ? own : low), null)
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
          const place = { topic: 'orders', partition: source }
          const answer = await findTarget(stream(runs), place, offset, ENDS)
          const own = pairs.filter((pair) => pair.source === source)
          const exact = own.find((pair) => pair.sourceOffset === offset)
          assert.deepEqual(
            answer.exact,
            exact ? { topic: 'copy', partition: exact.target, offset: exact.targetOffset } : null,
          )
          for (const { partition, offset: lowest, isEnd } of answer.lowestSafe) {
            const later = own.filter((pair) => pair.target === partition && pair.sourceOffset >= offset)
            const expected = least(later.map((pair) => pair.targetOffset))
            assert.equal(isEnd, expected === null)
            assert.equal(lowest, expected ?? 1_000n, `partition ${partition} from offset ${offset}`)
          }
        }
      }
      for (const target of [0, 1, 2]) {
        for (let offset = 0n; offset < 120n; offset += 2n) {
          const place = { topic: 'copy', partition: target }
          const { exact, lowestSafe } = await findSource(stream(runs), place, offset)
          const own = pairs.filter((pair) => pair.target === target)
          const expected = own.find((pair) => pair.targetOffset === offset)
          assert.equal(exact?.offset, expected?.sourceOffset)
          assert.equal(exact?.partition, expected?.source)
          for (const { partition, offset: lowest, isEnd } of lowestSafe) {
            const ofSource = own.filter((pair) => pair.source === partition)
            const later = ofSource.filter((pair) => pair.targetOffset >= offset)
            const first = least(later.map((pair) => pair.sourceOffset))
            assert.equal(isEnd, first === null)
            assert.equal(lowest, first ?? (ofSource.at(-1)?.sourceOffset ?? 0n) + 1n)
          }
        }
      }
    })
  }
})
