import type { HeldSetting } from '../../format/restore-ledger.ts'
import { decompressRecords } from '../../protocol/record.ts'
import { BATCH_HEADER_BYTES, BatchCursor } from '../../protocol/record-batch.ts'
import { compressedMaxBytes } from '../batch-limit.ts'
import { type BatchSourceOptions, readSourcePieces } from '../batch-source.ts'
import type { SourcePiece } from '../frame-pieces.ts'
import { addedHeaderMaxBytes, changesHeaders } from '../offset-headers.ts'
import { contentBytes } from '../record-copy.ts'
import type { RestorePlan, TopicRestorePlan } from '../restore-plan.ts'
import { asCreated, type CreatedTopic } from './created-topics.ts'
import type { TargetFacts } from './existing-topics.ts'
import { type JudgedTopic, judgedTopics } from './judged-topics.ts'
import type { Refusal } from './refusal.ts'
import type { TargetOptions } from './target-plan.ts'
import { bytesTrouble } from './target-settings.ts'

/** A topic that deletes by size: whether it would delete restored records is not known from the commits. */
export interface UndecidedBytes extends JudgedTopic {
  readonly retentionBytes: number
  /** It holds records that stay, of a size that nobody told. */
  readonly isFilled: boolean
}

/** Lengths, deltas and attributes of a record, and the lengths of a header. */
const RECORD_OVERHEAD_BYTES = 36
const HEADER_OVERHEAD_BYTES = 10
/** The marker of a transaction takes a batch of its own. */
const MARKER_BYTES = 78

/** Topics of the target whose `retention.bytes` may be in the way. `filled`: names of those that hold records which are not of this restore. */
export function undecidedBytes(
  present: readonly TopicRestorePlan[],
  created: readonly CreatedTopic[],
  facts: Pick<TargetFacts, 'values' | 'overrides'>,
  filled: readonly string[],
): UndecidedBytes[] {
  return judgedTopics(present, created, facts).flatMap((judged) => {
    const { topic, values } = judged
    const retentionBytes = Number(values.get('retention.bytes') ?? '-1')
    const isDeleting = (values.get('cleanup.policy') ?? 'delete').includes('delete')
    const isFilled = filled.includes(topic.targetTopic)
    return retentionBytes < 0 || !isDeleting ? [] : [{ ...judged, retentionBytes, isFilled }]
  })
}

/** Reads the archive where what will stand in the target may be more than what the archive holds. */
export async function judgeBytes(
  plan: RestorePlan,
  options: Pick<TargetOptions, 'storage' | 'transforms' | 'signal' | 'isHoldingRetention'>,
  topics: readonly UndecidedBytes[],
  earlier: readonly HeldSetting[],
): Promise<{ readonly refusals: Refusal[]; readonly held: HeldSetting[] }> {
  const { storage, transforms, signal } = options
  const source = { storage, backupId: plan.backupId, transforms, signal }
  const refusals: Refusal[] = []
  const held: HeldSetting[] = []
  for (const entry of topics) {
    const { topic, isCreated, overrides } = entry
    if (earlier.some((own) => own.topic === topic.targetTopic && own.name === 'retention.bytes')) continue
    const complaint = await complaintOf(source, plan, entry)
    if (complaint === null) continue
    const isHolding = options.isHoldingRetention && !isCreated
    const trouble = bytesTrouble(topic, complaint, { isHolding, overrides })
    refusals.push(...(isCreated ? trouble.refusals.map(asCreated) : trouble.refusals))
    held.push(...trouble.held)
  }
  return { refusals, held }
}

async function complaintOf(
  source: BatchSourceOptions,
  plan: RestorePlan,
  { topic, values, retentionBytes, isFilled }: UndecidedBytes,
): Promise<string | null> {
  const has = `has retention.bytes=${retentionBytes} and may delete records`
  if (isFilled) return `${has}: how many bytes its partitions hold already is not known`
  const compression = values.get('compression.type') ?? 'producer'
  const entries = plan.partitions.filter(({ targetTopic }) => targetTopic === topic.targetTopic)
  const sums = new Map<number | null, number>()
  for (const entry of entries) {
    // Of a window or by key, records are put together anew: the batches of the archive do not bound them.
    const isAgain = changesHeaders(plan.headers) || plan.window !== null || entry.targetPartition === null
    if (!isAgain && compression === 'producer') continue
    const wish = { window: plan.window, isByRecord: false }
    for await (const piece of readSourcePieces(source, entry.parts, wish, { left: 0n })) {
      const bytes =
        (sums.get(entry.targetPartition) ?? 0) + mostBytes(piece, addedHeaderMaxBytes(plan.headers))
      sums.set(entry.targetPartition, bytes)
      if (bytes > retentionBytes) return `${has}: a partition may get more bytes than that`
    }
  }
  return null
}

/** No fewer than will stand in the target, whatever it is compressed with there. */
function mostBytes(piece: SourcePiece, addedBytes: number): number {
  if (piece.kind === 'records') {
    const bytes = piece.records.reduce(
      (sum, record) =>
        sum +
        contentBytes(record) +
        RECORD_OVERHEAD_BYTES +
        record.headers.length * HEADER_OVERHEAD_BYTES +
        addedBytes,
      BATCH_HEADER_BYTES,
    )
    return compressedMaxBytes(bytes) + MARKER_BYTES
  }
  const cursor = new BatchCursor(piece.bytes)
  if (!cursor.next()) return 0
  const rawBytes = BATCH_HEADER_BYTES + decompressRecords(cursor).length + piece.records * addedBytes
  return compressedMaxBytes(rawBytes) + MARKER_BYTES
}
