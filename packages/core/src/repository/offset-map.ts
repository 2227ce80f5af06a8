import type { LedgerSource, OffsetRun, TargetPlace } from '../format/restore-ledger.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { type LedgerState, readLedger, readOffsetMap } from './restore-ledger.ts'

/** Where records of a source went; see {@link OffsetRun}. */
export interface MappedRun {
  readonly source: LedgerSource
  readonly target: TargetPlace
  readonly sourceOffset: bigint
  readonly targetOffset: bigint
  readonly records: number
}

/** Where one record is in the target. */
export interface TargetOffset extends TargetPlace {
  readonly offset: bigint
}

/** Where one record was in the source. */
export interface SourceOffset extends LedgerSource {
  readonly offset: bigint
}

/** Where to read from so that nothing is missed. */
export interface SafeOffset {
  readonly offset: bigint
  /** Nothing of it lies behind: it is the end of what the restore wrote there, or of what it took from there. */
  readonly isEnd: boolean
}

/** What became of one offset of the source. */
export interface OffsetAnswer {
  /** null: no record of this offset was restored. */
  readonly exact: TargetOffset | null
  /**
   * For each partition that records of this source went to: the lowest offset from which on all records are read that come from this
   * offset on; where there is none of them, the end.
   */
  readonly lowestSafe: readonly (TargetPlace & SafeOffset)[]
}

/** Where one offset of the target came from. */
export interface SourceAnswer {
  /** null: no record of the restore is there. */
  readonly exact: SourceOffset | null
  /**
   * For each source of the partition: the lowest offset from which on all records are read that went to this offset or behind it; where
   * there is none of them, the offset behind the last one that was restored.
   */
  readonly lowestSafe: readonly (LedgerSource & SafeOffset)[]
}

/** The partitions that a restore writes to, each with the offset behind its last record so far; by `topic/partition`. */
export function writtenEnds({ begun, progress, finished }: LedgerState): ReadonlyMap<string, bigint> {
  const ends = new Map(begun?.partitions.map((own) => [nameOf(own), own.beginOffset]))
  for (const [name, { nextOffset }] of progress) ends.set(name, nextOffset)
  for (const own of finished?.partitions ?? []) ends.set(nameOf(own), own.nextOffset)
  return ends
}

/** All runs, streamed in the order in which they were written. */
export async function* mappedRuns(
  storage: StorageBackend,
  backupId: string,
  restoreId: string,
  signal?: AbortSignal,
): AsyncGenerator<MappedRun> {
  const { opened } = await readLedger(storage, backupId, restoreId, signal)
  for await (const { place, run } of readOffsetMap(storage, backupId, restoreId, signal)) {
    const source = opened.sources[run.source]
    if (source) yield mapped(source, place, run)
  }
}

function mapped(source: LedgerSource, target: TargetPlace, run: OffsetRun): MappedRun {
  const { sourceOffset, targetOffset, records } = run
  return { source, target, sourceOffset, targetOffset, records }
}

/** Looks an offset of the source up. One pass over the map. `ends`: {@link writtenEnds}. */
export async function findTarget(
  runs: AsyncIterable<MappedRun>,
  source: { readonly topic: string; readonly partition: number },
  offset: bigint,
  ends: ReadonlyMap<string, bigint>,
): Promise<OffsetAnswer> {
  let exact: TargetOffset | null = null
  const found = new Map<string, { readonly place: TargetPlace; least: bigint | null; end: bigint }>()
  for await (const run of runs) {
    if (run.source.topic !== source.topic || run.source.partition !== source.partition) continue
    const { target: place, targetOffset } = run
    const known = found.get(nameOf(place)) ?? { place, least: null, end: 0n }
    found.set(nameOf(place), known)
    known.end = targetOffset + BigInt(run.records)
    if (run.sourceOffset + BigInt(run.records) <= offset) continue
    const isInside = run.sourceOffset <= offset
    const first = isInside ? targetOffset + (offset - run.sourceOffset) : targetOffset
    if (isInside) exact = { ...place, offset: first }
    known.least = lower(known.least, first)
  }
  const lowestSafe = [...found].map(([name, { place, least, end }]) => ({
    ...place,
    offset: least ?? ends.get(name) ?? end,
    isEnd: least === null,
  }))
  return { exact, lowestSafe }
}

/** Looks an offset of the target up. One pass over the map. */
export async function findSource(
  runs: AsyncIterable<MappedRun>,
  target: TargetPlace,
  offset: bigint,
): Promise<SourceAnswer> {
  let exact: SourceOffset | null = null
  const found = new Map<string, { readonly source: LedgerSource; least: bigint | null; end: bigint }>()
  for await (const run of runs) {
    if (nameOf(run.target) !== nameOf(target)) continue
    const { source, sourceOffset } = run
    const known = found.get(nameOf(source)) ?? { source, least: null, end: 0n }
    found.set(nameOf(source), known)
    const end = sourceOffset + BigInt(run.records)
    if (end > known.end) known.end = end
    if (run.targetOffset + BigInt(run.records) <= offset) continue
    const isInside = run.targetOffset <= offset
    const first = isInside ? sourceOffset + (offset - run.targetOffset) : sourceOffset
    if (isInside) exact = { ...source, offset: first }
    known.least = lower(known.least, first)
  }
  const lowestSafe = [...found.values()].map(({ source, least, end }) => ({
    ...source,
    offset: least ?? end,
    isEnd: least === null,
  }))
  return { exact, lowestSafe }
}

function lower(known: bigint | null, offset: bigint): bigint {
  return known === null || offset < known ? offset : known
}

function nameOf({ topic, partition }: TargetPlace): string {
  return `${topic}/${partition}`
}
