import type { Observer } from '../events/run-event.ts'
import type { BackupState } from '../format/backup-state.ts'
import type { GapRecord } from '../format/commit.ts'
import { type ClippedPart, partsWithin } from '../format/held-parts.ts'
import { readCommitted } from '../kafka/committed-log.ts'
import type { PartitionReaderOptions } from '../kafka/partition-reader.ts'
import type { KafkaRecord } from '../protocol/record.ts'
import { runConcurrently } from '../runtime/run-concurrently.ts'
import { type BatchSourceOptions, readSourcePieces } from './batch-source.ts'
import { Comparison, type PartitionVerdict } from './comparison.ts'
import { decodeStored } from './frame-pieces.ts'
import { RecordFeed } from './record-feed.ts'
import type { RestorePlan } from './restore-plan.ts'
import { isCounted } from './restore-sources.ts'
import { findSourceExtents, type SourceExtent, type SourceRemark } from './source-extent.ts'
import { verificationProgress } from './verification-progress.ts'

/** What a comparison with the source reads. */
export interface VerifySourceOptions extends BatchSourceOptions, PartitionReaderOptions {
  readonly state: BackupState
  /** Which partitions are compared: the newest history of each source of this plan. */
  readonly plan: RestorePlan
  readonly observe: Observer
}

/** What the comparison of one partition with its source came to. */
export interface SourceVerdict extends PartitionVerdict {
  readonly lineage: number
  /** Offsets that were compared; the end is exclusive. */
  readonly beginOffset: bigint
  readonly endOffset: bigint
  /** Records of the archive that the source has deleted or compacted since; no part of the digests. */
  readonly onlyInArchive: number
  /** What could not be compared. */
  readonly remarks: readonly SourceRemark[]
}

const CONCURRENT_PARTITIONS = 2

/**
 * Compares the newest history of each partition with what readers of committed records see at its source, offset by offset, from the begin
 * of the history or of the source's log to the end of the history or of the source. What the source may drop by its rules is counted;
 * everything else is a difference. A topic that was created again, or a log that was truncated, is declared and not compared.
 * @throws KB_CLUSTER_*, KB_SEGMENT_CORRUPT, KB_BATCH_CORRUPT …; a difference is no error
 */
export async function verifySource(options: VerifySourceOptions): Promise<SourceVerdict[]> {
  const { state, plan, observe } = options
  const histories = plan.partitions.flatMap(
    ({ sourceTopic, partition }) => state.partition(sourceTopic, partition) ?? [],
  )
  const extents = await findSourceExtents(options, histories)
  const onCompared = verificationProgress(observe, plan.records)
  const verdicts: SourceVerdict[] = []
  await runConcurrently(extents, CONCURRENT_PARTITIONS, async (extent, at) => {
    verdicts[at] = await verifyExtent(options, extent, onCompared)
  })
  return verdicts
}

async function verifyExtent(
  options: VerifySourceOptions,
  extent: SourceExtent,
  onCompared: (records: number) => void,
): Promise<SourceVerdict> {
  const { history, beginOffset, endOffset } = extent
  const deleted = await countRecords(
    options,
    partsWithin(options.state, history, history.beginOffset, beginOffset),
  )
  const compared = await compareExtent(options, extent, onCompared)
  const remarks = [...extent.remarks]
  if (compared.inGaps > 0) remarks.push({ kind: 'declared_gap', records: compared.inGaps })
  return {
    ...compared.comparison.finish(history, remarks.length === 0),
    lineage: history.lineage,
    beginOffset,
    endOffset,
    onlyInArchive: deleted + compared.dropped,
    remarks,
  }
}

/** Both sides in order of offset. */
async function compareExtent(
  options: VerifySourceOptions,
  extent: SourceExtent,
  onCompared: (records: number) => void,
) {
  const { history, beginOffset, endOffset, isCompacted } = extent
  const { topic, partition } = history
  const comparison = new Comparison()
  const parts = partsWithin(options.state, history, beginOffset, endOffset)
  const archive = new RecordFeed(archivedRecords(options, parts))
  let { logStart } = extent
  const range = { topic, partition, beginOffset, endOffset }
  const noteStart = (offset: bigint): void => {
    if (offset > logStart) logStart = offset
  }
  const source = new RecordFeed(committedRecords(readCommitted(options, range, noteStart)))
  let [dropped, inGaps] = [0, 0]
  try {
    let kept = await archive.load()
    let found = await source.load()
    while (kept || found) {
      if (kept && (!found || kept.offset < found.offset)) {
        if (isCompacted || kept.offset < logStart) dropped++
        else comparison.missing(kept, kept.offset, 'it is not at the source')
        onCompared(1)
        kept = archive.ready() ?? (await archive.load())
        continue
      }
      if (!found) break
      if (kept?.offset === found.offset) {
        comparison.compare(kept, found)
        onCompared(1)
        kept = archive.ready() ?? (await archive.load())
      } else if (isInGap(history.gaps, found.offset)) inGaps++
      else comparison.unexpected(found.offset, found, 'it is not in the archive')
      found = source.ready() ?? (await source.load())
    }
  } finally {
    await archive.close()
    await source.close()
  }
  return { comparison, dropped, inGaps }
}

function isInGap(gaps: readonly GapRecord[], offset: bigint): boolean {
  return gaps.some(({ firstOffset, endOffset }) => offset >= firstOffset && offset < endOffset)
}

async function* archivedRecords(
  options: BatchSourceOptions,
  parts: readonly ClippedPart[],
): AsyncGenerator<readonly KafkaRecord[], void, undefined> {
  const wish = { window: null, isByRecord: true }
  for await (const piece of readSourcePieces(options, parts, wish, { left: 0n })) {
    yield piece.kind === 'batch' ? decodeStored(piece).records : piece.records
  }
}

async function* committedRecords(
  batches: ReturnType<typeof readCommitted>,
): AsyncGenerator<readonly KafkaRecord[], void, undefined> {
  for await (const { records } of batches) yield records
}

/** What the commits count is not read. */
async function countRecords(options: BatchSourceOptions, parts: readonly ClippedPart[]): Promise<number> {
  const cut = parts.filter((clip) => !isCounted(clip, null))
  let records = parts.filter((clip) => isCounted(clip, null)).reduce((sum, { part }) => sum + part.records, 0)
  for await (const portion of archivedRecords(options, cut)) records += portion.length
  return records
}
