import type { OffsetRun, TargetPlace } from '../format/restore-ledger.ts'
import type { PartitionReaderOptions } from '../kafka/partition-reader.ts'
import type { KafkaRecord } from '../protocol/record.ts'
import { type CommittedBatch, readCommitted } from './committed-log.ts'
import type { ReadableLog } from './readable-logs.ts'

/** A record that the offset map names, and what readers of committed records find there. */
export interface MappedRecord {
  readonly source: number
  readonly sourceOffset: bigint
  readonly targetOffset: bigint
  /** null: they find nothing. */
  readonly record: KafkaRecord | null
  /** Why there is nothing; empty when there is. */
  readonly absence: string
}

type MappedPlace = Omit<MappedRecord, 'record' | 'absence'>

const PORTION_MAX_RECORDS = 1_000
const NOT_THERE = 'it is not in the target'
const NO_LOG = `${NOT_THERE}: there is no such topic or partition`

/** Everything that the map names in one target partition, in order; `log` is undefined when there is no such partition. */
export async function* readMapped(
  options: PartitionReaderOptions,
  place: TargetPlace,
  runs: readonly OffsetRun[],
  log: ReadableLog | undefined,
): AsyncGenerator<readonly MappedRecord[], void, undefined> {
  const [first] = runs
  const last = runs.at(-1)
  if (!first || !last) return
  const places = new PlaceQueue(runs)
  if (log) {
    const wantedEnd = last.targetOffset + BigInt(last.records)
    const beginOffset = first.targetOffset > log.logStart ? first.targetOffset : log.logStart
    const endOffset = wantedEnd < log.lastStable ? wantedEnd : log.lastStable
    for await (const batch of readCommitted(options, { ...place, beginOffset, endOffset }, () => undefined)) {
      yield* foundIn(batch, places, log)
    }
  }
  yield* restOf(places, log)
}

/** Records that a batch has, and those that should stand before its end and do not. */
function* foundIn(
  { firstOffset, lastOffset, isAborted, records }: CommittedBatch,
  places: PlaceQueue,
  log: ReadableLog,
): Generator<readonly MappedRecord[]> {
  let portion: MappedRecord[] = []
  let at = 0
  for (let place = places.head; place && place.targetOffset <= lastOffset; place = places.next()) {
    while ((records[at]?.offset ?? place.targetOffset) < place.targetOffset) at++
    const record = records[at]?.offset === place.targetOffset ? (records[at] ?? null) : null
    const isInside = place.targetOffset >= firstOffset
    const absence = isAborted && isInside ? 'its transaction was aborted' : absenceAt(place.targetOffset, log)
    portion.push({ ...place, record, absence: record ? '' : absence })
    if (portion.length < PORTION_MAX_RECORDS) continue
    yield portion
    portion = []
  }
  yield portion
}

function* restOf(places: PlaceQueue, log: ReadableLog | undefined): Generator<readonly MappedRecord[]> {
  let portion: MappedRecord[] = []
  for (let place = places.head; place; place = places.next()) {
    const absence = log ? absenceAt(place.targetOffset, log) : NO_LOG
    portion.push({ ...place, record: null, absence })
    if (portion.length < PORTION_MAX_RECORDS) continue
    yield portion
    portion = []
  }
  yield portion
}

function absenceAt(offset: bigint, { logStart, lastStable, highWatermark }: ReadableLog): string {
  if (offset < logStart) return `${NOT_THERE}, whose log begins at offset ${logStart}`
  if (offset >= highWatermark) return `${NOT_THERE}, whose log ends at offset ${highWatermark}`
  if (offset >= lastStable)
    return `readers of committed records do not see it: a transaction is open from offset ${lastStable} on`
  return NOT_THERE
}

/** What the runs name, one by one. */
class PlaceQueue {
  readonly #runs: readonly OffsetRun[]
  #run = 0
  #at = 0
  head: MappedPlace | undefined

  constructor(runs: readonly OffsetRun[]) {
    this.#runs = runs
    this.head = this.#place()
  }

  next(): MappedPlace | undefined {
    this.#at++
    if (this.#at === this.#runs[this.#run]?.records) {
      this.#run++
      this.#at = 0
    }
    this.head = this.#place()
    return this.head
  }

  #place(): MappedPlace | undefined {
    const run = this.#runs[this.#run]
    if (!run) return
    const at = BigInt(this.#at)
    return {
      source: run.source,
      sourceOffset: run.sourceOffset + at,
      targetOffset: run.targetOffset + at,
    }
  }
}
