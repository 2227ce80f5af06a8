import type { OffsetRun, TargetPlace } from '../format/restore-ledger.ts'
import { type CommittedBatch, readCommitted } from '../kafka/committed-log.ts'
import type { PartitionReaderOptions } from '../kafka/partition-reader.ts'
import type { KafkaRecord } from '../protocol/record.ts'
import type { ReadableLog } from './readable-logs.ts'

/** A record that the offset map names, and what readers of committed records find there. */
export interface MappedRecord {
  readonly kind: 'mapped'
  readonly source: number
  readonly sourceOffset: bigint
  readonly targetOffset: bigint
  /** null: they find nothing. */
  readonly record: KafkaRecord | null
  /** Why there is nothing; empty when there is. */
  readonly absence: string
}

/** A record that readers of committed records find, and that the map does not name. */
export interface StrangerRecord {
  readonly kind: 'stranger'
  readonly targetOffset: bigint
  readonly record: KafkaRecord
}

/** What is looked for in one partition of the target. Offsets are of the target. */
export interface MappedRange {
  readonly place: TargetPlace
  /** Of the offset map, in order. */
  readonly runs: readonly OffsetRun[]
  /** Where looking begins; null: where the log does. */
  readonly fromOffset: bigint | null
  /** Behind the last record that the map names. */
  readonly endOffset: bigint
}

type MappedPlace = Omit<MappedRecord, 'kind' | 'record' | 'absence'>
type Portion = (MappedRecord | StrangerRecord)[]

const PORTION_MAX_RECORDS = 1_000
const NOT_THERE = 'it is not in the target'
const NO_LOG = `${NOT_THERE}: there is no such topic or partition`

/**
 * Everything that the map names in one target partition, in order, and the strangers among and before it; `log` is undefined when there is
 * no such partition.
 */
export async function* readMapped(
  options: PartitionReaderOptions,
  range: MappedRange,
  log: ReadableLog | undefined,
): AsyncGenerator<Readonly<Portion>, void, undefined> {
  const places = new PlaceQueue(range.runs)
  if (log) {
    const from = range.fromOffset ?? log.logStart
    const beginOffset = from > log.logStart ? from : log.logStart
    const endOffset = range.endOffset < log.lastStable ? range.endOffset : log.lastStable
    const read = { ...range.place, beginOffset, endOffset }
    for await (const batch of readCommitted(options, read, () => undefined)) {
      yield* portionsOf(foundIn(batch, places, log))
    }
  }
  yield* portionsOf(restOf(places, log))
}

function* portionsOf(items: Iterable<MappedRecord | StrangerRecord>): Generator<Readonly<Portion>> {
  let portion: Portion = []
  for (const item of items) {
    portion.push(item)
    if (portion.length < PORTION_MAX_RECORDS) continue
    yield portion
    portion = []
  }
  yield portion
}

/** Records that a batch has, and those that should stand before its end and do not. */
function* foundIn(
  { firstOffset, lastOffset, isAborted, records }: CommittedBatch,
  places: PlaceQueue,
  log: ReadableLog,
): Generator<MappedRecord | StrangerRecord> {
  const absent = (place: MappedPlace): MappedRecord => {
    const isInside = place.targetOffset >= firstOffset
    const absence = isAborted && isInside ? 'its transaction was aborted' : absenceAt(place.targetOffset, log)
    return { kind: 'mapped', ...place, record: null, absence }
  }
  for (const record of records) {
    for (; places.head && places.head.targetOffset < record.offset; places.next()) yield absent(places.head)
    if (places.head?.targetOffset === record.offset) {
      yield { kind: 'mapped', ...places.head, record, absence: '' }
      places.next()
    } else yield { kind: 'stranger', targetOffset: record.offset, record }
  }
  for (; places.head && places.head.targetOffset <= lastOffset; places.next()) yield absent(places.head)
}

function* restOf(places: PlaceQueue, log: ReadableLog | undefined): Generator<MappedRecord> {
  for (; places.head; places.next()) {
    const absence = log ? absenceAt(places.head.targetOffset, log) : NO_LOG
    yield { kind: 'mapped', ...places.head, record: null, absence }
  }
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

  next(): void {
    this.#at++
    if (this.#at === this.#runs[this.#run]?.records) {
      this.#run++
      this.#at = 0
    }
    this.head = this.#place()
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
