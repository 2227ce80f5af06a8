import { originOf } from '../format/origin-headers.ts'
import type { LedgerSource, TargetPlace } from '../format/restore-ledger.ts'
import { partitionName } from '../kafka/cluster.ts'
import type { CommittedBatch } from '../kafka/committed-log.ts'
import type { MappedRun } from '../repository/offset-map.ts'
import { type Translation, translateOffsets, type WantedOffset } from './translate-offsets.ts'

/** A partition of the target, and the sources that its records may come from. */
export interface HeaderPlace {
  readonly place: TargetPlace
  /** First offset that is looked at. */
  readonly beginOffset: bigint
  /** By partition: headers do not name the topic. */
  readonly sources: ReadonlyMap<number, LedgerSource>
}

/** Reads committed records of a partition of the target, in order, from where it is to be looked at. */
export type ReadPlace = (place: HeaderPlace) => AsyncIterable<Pick<CommittedBatch, 'records'>>

/** What the headers of some partitions of a target say. By `topic/partition` of the target unless it says otherwise. */
export interface HeaderMap {
  readonly translation: Translation
  /** Behind the last record with headers, or where looking began. */
  readonly ends: ReadonlyMap<string, bigint>
  /** Where offsets of a source do not ascend. */
  readonly disordered: ReadonlySet<string>
  /** Sources that records come from, by `topic/partition` of the source. */
  readonly origins: ReadonlyMap<string, ReadonlySet<string>>
  /** Records by topic: those with headers, and those without, or with such that name none of the sources. */
  readonly counts: ReadonlyMap<string, HeaderCounts>
}

/** How many records of a topic say where they come from. */
export interface HeaderCounts {
  readonly withHeaders: number
  readonly withoutHeaders: number
}

/**
 * Takes the offset map from the headers of the records, in one pass over them. The answers are safe whatever else was written there: a
 * translated offset is the lowest one from which all records of the source's wanted offset and behind it are read. Pure, but for what it reads.
 */
export async function readHeaderMap(
  places: readonly HeaderPlace[],
  readPlace: ReadPlace,
  wanted: Iterable<WantedOffset>,
): Promise<HeaderMap> {
  const ends = new Map<string, bigint>()
  const disordered = new Set<string>()
  const origins = new Map<string, ReadonlySet<string>>()
  const counts = new Map<string, HeaderCounts>()
  const note = (found: HeaderRuns): void => {
    const { place, beginOffset } = found.place
    const name = partitionName(place)
    ends.set(name, found.endOffset ?? beginOffset)
    origins.set(name, new Set(found.nextOffsets.keys()))
    if (found.isDisordered) disordered.add(name)
    const sum = counts.get(place.topic) ?? { withHeaders: 0, withoutHeaders: 0 }
    const withHeaders = sum.withHeaders + found.withHeaders
    counts.set(place.topic, { withHeaders, withoutHeaders: sum.withoutHeaders + found.withoutHeaders })
  }
  const translation = await translateOffsets(headerRuns(places, readPlace, note), wanted, ends)
  return { translation, ends, disordered, origins, counts }
}

/** The same as runs of an offset map, in order of place and target offset. `onPlace` is told of each place when it was read. */
export async function* headerRuns(
  places: readonly HeaderPlace[],
  readPlace: ReadPlace,
  onPlace: (found: HeaderRuns) => void = () => undefined,
): AsyncGenerator<MappedRun, void, undefined> {
  for (const place of places) {
    const found = new HeaderRuns(place)
    for await (const batch of readPlace(place)) yield* found.take(batch)
    yield* found.end()
    onPlace(found)
  }
}

/** Joins records of one place that follow each other on both sides. */
class HeaderRuns {
  readonly place: HeaderPlace
  /** Behind the last record with headers; null: none has any. */
  endOffset: bigint | null = null
  isDisordered = false
  withHeaders = 0
  withoutHeaders = 0
  /** Behind the highest offset of each source, by `topic/partition`. */
  readonly nextOffsets = new Map<string, bigint>()
  #run: MappedRun | null = null

  constructor(place: HeaderPlace) {
    this.place = place
  }

  *take({ records }: Pick<CommittedBatch, 'records'>): Generator<MappedRun> {
    for (const { offset: targetOffset, headers } of records) {
      const origin = originOf(headers)
      const source = origin && this.place.sources.get(origin.partition)
      if (!origin || !source) {
        this.withoutHeaders++
        continue
      }
      this.#note(source, origin.offset, targetOffset)
      const run = this.#run
      const isNext =
        run?.source === source &&
        run.sourceOffset + BigInt(run.records) === origin.offset &&
        run.targetOffset + BigInt(run.records) === targetOffset
      if (isNext) {
        this.#run = { ...run, records: run.records + 1 }
        continue
      }
      if (run) yield run
      this.#run = { source, target: this.place.place, sourceOffset: origin.offset, targetOffset, records: 1 }
    }
  }

  *end(): Generator<MappedRun> {
    if (this.#run) yield this.#run
    this.#run = null
  }

  #note(source: LedgerSource, sourceOffset: bigint, targetOffset: bigint): void {
    this.withHeaders++
    this.endOffset = targetOffset + 1n
    const name = partitionName(source)
    const next = this.nextOffsets.get(name) ?? 0n
    if (sourceOffset < next) this.isDisordered = true
    else this.nextOffsets.set(name, sourceOffset + 1n)
  }
}
