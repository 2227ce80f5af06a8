import type { HeldSetting } from '../../format/restore-ledger.ts'
import { BatchCursor } from '../../protocol/record-batch.ts'
import { type BatchSourceOptions, readSourcePieces } from '../batch-source.ts'
import type { SourcePiece } from '../frame-pieces.ts'
import type { RestorePlan, TopicRestorePlan } from '../restore-plan.ts'
import { asCreated, type CreatedTopic } from './created-topics.ts'
import type { TargetFacts } from './existing-topics.ts'
import { type JudgedTopic, judgedTopics } from './judged-topics.ts'
import type { Refusal } from './refusal.ts'
import type { TargetOptions } from './target-plan.ts'
import { ageTrouble, undecidedAgeMs } from './target-settings.ts'

type ReadBy = Pick<TargetOptions, 'storage' | 'transforms' | 'signal' | 'isHoldingRetention'>

/** A topic that may hold records which are too old for it: only the archive tells. */
export interface UndecidedAge extends JudgedTopic {
  readonly oldestMs: bigint
}

/** Topics whose retention may be in the way: those that exist, and those that would be created. */
export function undecidedAges(
  present: readonly TopicRestorePlan[],
  created: readonly CreatedTopic[],
  facts: Pick<TargetFacts, 'values' | 'overrides'>,
  held: readonly HeldSetting[],
  { nowMs }: Pick<TargetOptions, 'nowMs'>,
): UndecidedAge[] {
  const isHeld = ({ topic, isCreated }: JudgedTopic) =>
    !isCreated && held.some((own) => own.topic === topic.targetTopic && own.name === 'retention.ms')
  return judgedTopics(present, created, facts).flatMap((judged) => {
    const oldestMs = undecidedAgeMs(judged.topic, judged.values, nowMs)
    return oldestMs === null || isHeld(judged) ? [] : [{ ...judged, oldestMs }]
  })
}

/** Reads the archive where that is needed. */
export async function judgeAges(
  plan: RestorePlan,
  { storage, transforms, signal, isHoldingRetention: isHolding }: ReadBy,
  ages: readonly UndecidedAge[],
): Promise<{ readonly refusals: Refusal[]; readonly held: HeldSetting[] }> {
  const source = { storage, backupId: plan.backupId, transforms, signal }
  const troubles: ReturnType<typeof ageTrouble>[] = []
  for (const { topic, oldestMs, values, overrides, isCreated } of ages) {
    if (!(await holdsOlder(source, plan, topic, oldestMs))) continue
    const { refusals, held } = ageTrouble(topic, values, { isHolding: isHolding && !isCreated, overrides })
    troubles.push({ refusals: isCreated ? refusals.map(asCreated) : refusals, held })
  }
  return {
    refusals: troubles.flatMap(({ refusals }) => refusals),
    held: troubles.flatMap(({ held }) => held),
  }
}

/**
 * Whether a batch of a topic holds nothing from `oldestMs` on, and so would be deleted as too old. The commits do not know the oldest
 * record of batches that producers have compressed: the archive is read through for it, up to the first such batch.
 */
async function holdsOlder(
  source: BatchSourceOptions,
  plan: RestorePlan,
  topic: TopicRestorePlan,
  oldestMs: bigint,
): Promise<boolean> {
  const wish = { window: plan.window, isByRecord: false }
  for (const entry of plan.partitions.filter(({ targetTopic }) => targetTopic === topic.targetTopic)) {
    for await (const piece of readSourcePieces(source, entry.parts, wish, { left: 0n })) {
      const newestMs = newestOf(piece)
      if (newestMs >= 0n && newestMs < oldestMs) return true
    }
  }
  return false
}

function newestOf(piece: SourcePiece): bigint {
  if (piece.kind === 'records')
    return piece.records.reduce((max, { timestamp }) => (timestamp > max ? timestamp : max), -1n)
  const cursor = new BatchCursor(piece.bytes)
  return cursor.next() ? cursor.maxTimestamp : -1n
}
