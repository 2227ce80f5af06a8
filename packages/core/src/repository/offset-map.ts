import type { LedgerSource, OffsetRun, TargetPlace } from '../format/restore-ledger.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { readLedger, readOffsetMap } from './restore-ledger.ts'

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

/** What became of one offset of the source. */
export interface OffsetAnswer {
  /** null: no record of this offset was restored. */
  readonly exact: TargetOffset | null
  /**
   * For each partition that records of this source went to: the lowest offset from which on all records are read that come from this
   * offset on; null where none of them went.
   */
  readonly lowestSafe: readonly (TargetPlace & { readonly offset: bigint | null })[]
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

/** Looks an offset of the source up. One pass over the map. */
export async function findTarget(
  runs: AsyncIterable<MappedRun>,
  source: { readonly topic: string; readonly partition: number },
  offset: bigint,
): Promise<OffsetAnswer> {
  let exact: TargetOffset | null = null
  const lowest = new Map<string, TargetPlace & { offset: bigint | null }>()
  for await (const run of runs) {
    if (run.source.topic !== source.topic || run.source.partition !== source.partition) continue
    const { topic, partition } = run.target
    const name = `${topic}/${partition}`
    const known = lowest.get(name) ?? { topic, partition, offset: null }
    lowest.set(name, known)
    const endOffset = run.sourceOffset + BigInt(run.records)
    if (endOffset <= offset) continue
    const isInside = run.sourceOffset <= offset
    const first = isInside ? run.targetOffset + (offset - run.sourceOffset) : run.targetOffset
    if (isInside) exact = { topic, partition, offset: first }
    if (known.offset === null || first < known.offset) known.offset = first
  }
  return { exact, lowestSafe: [...lowest.values()] }
}

/** Looks an offset of the target up; null: no record of the restore is there. */
export async function findSource(
  runs: AsyncIterable<MappedRun>,
  target: TargetPlace,
  offset: bigint,
): Promise<SourceOffset | null> {
  for await (const run of runs) {
    const isPlace = run.target.topic === target.topic && run.target.partition === target.partition
    const distance = offset - run.targetOffset
    if (isPlace && distance >= 0n && distance < BigInt(run.records))
      return { ...run.source, offset: run.sourceOffset + distance }
  }
  return null
}
