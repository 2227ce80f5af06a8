import type { SeededRandom } from '../../../testkit/src/seeded-random.ts'
import type { LedgerSource, TargetPlace } from '../../src/format/restore-ledger.ts'
import type { ReportedRestore } from '../../src/offsets/report-offsets.ts'
import type { MappedRun } from '../../src/repository/offset-map.ts'

/** One restored record, by its two offsets. */
export interface RestoredRecord {
  readonly source: string
  readonly sourceOffset: bigint
  readonly target: string
  readonly targetOffset: bigint
}

/** A restore as a list of all its records, and as a report takes it. */
export interface RandomRestore {
  readonly records: readonly RestoredRecord[]
  readonly restore: ReportedRestore
}

/** `direct`: each source has its own target; `joined`: two become one; `spread`: by key over three targets, both sources into each. */
export type Shape = 'direct' | 'joined' | 'spread'

const LANES = { direct: 2, joined: 1, spread: 3 } as const

/** Two sources with holes, of which a window takes a part, into targets with holes. */
export function randomRestore(random: SeededRandom, shape: Shape): RandomRestore {
  const sources: LedgerSource[] = [0, 1].map((partition) => ({ topic: 'orders', partition, lineage: 1 }))
  const targets: TargetPlace[] = Array.from({ length: LANES[shape] }, (_, partition) => ({
    topic: 'copy',
    partition,
  }))
  const begins = new Map(targets.map((own) => [`copy/${own.partition}`, BigInt(random.below(10))]))
  const ends = new Map(begins)
  const records: RestoredRecord[] = []
  const runs: MappedRun[] = []
  const window = { first: BigInt(random.below(40)), end: BigInt(60 + random.below(80)) }
  for (const source of sources) {
    for (
      let offset = BigInt(random.below(10));
      offset < 120n;
      offset += BigInt(1 + random.below(3) * random.below(3))
    ) {
      if (offset < window.first || offset >= window.end) continue
      const lane = shape === 'direct' ? source.partition : random.below(targets.length)
      const place = targets[lane] as TargetPlace
      const name = `copy/${lane}`
      // A marker of a transaction takes an offset, too.
      const targetOffset = (ends.get(name) as bigint) + (random.chance(0.1) ? 1n : 0n)
      ends.set(name, targetOffset + 1n)
      records.push({ source: `orders/${source.partition}`, sourceOffset: offset, target: name, targetOffset })
      const last = runs.at(-1)
      const isNext =
        last?.source === source &&
        last.target === place &&
        last.sourceOffset + BigInt(last.records) === offset &&
        last.targetOffset + BigInt(last.records) === targetOffset
      if (isNext) runs[runs.length - 1] = { ...last, records: last.records + 1 }
      else runs.push({ source, target: place, sourceOffset: offset, targetOffset, records: 1 })
    }
  }
  const routes =
    shape === 'direct'
      ? sources.map((own, at) => ({ sources: [own], targets: [targets[at] as TargetPlace] }))
      : [{ sources, targets }]
  return {
    records,
    restore: {
      sources,
      routes,
      begins,
      ends,
      isKeepingOffsets: false,
      isFinished: true,
      runs: () => stream(runs),
    },
  }
}

async function* stream(runs: readonly MappedRun[]): AsyncGenerator<MappedRun> {
  yield* runs
}
