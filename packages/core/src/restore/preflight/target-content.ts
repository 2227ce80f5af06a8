import { partitionName, type TopicPartition } from '../../kafka/cluster.ts'
import type { LedgerState } from '../../repository/restore-ledger.ts'
import type { TopicRestorePlan } from '../restore-plan.ts'
import { type Refusal, unsuitable } from './refusal.ts'

/** What is done with topics that hold records already. */
export type ExistingTopics = 'fail' | 'append' | 'purge'

/** What the target's partitions hold, by `topic/partition`. */
export interface TargetOffsets {
  readonly starts: ReadonlyMap<string, bigint>
  readonly ends: ReadonlyMap<string, bigint>
}

/** Topics that must be empty and are not. What an unfinished restore of the same request wrote is told apart. */
export function refuseContent(
  present: readonly TopicRestorePlan[],
  partitions: readonly TopicPartition[],
  offsets: TargetOffsets,
  unfinished: LedgerState | undefined,
): Refusal[] {
  return present.flatMap((topic): Refusal[] => {
    const held = partitions
      .filter((entry) => entry.topic === topic.targetTopic)
      .reduce((sum, entry) => sum + heldOffsets(entry, offsets), 0n)
    if (held === 0n) return []
    const count = `${held.toLocaleString('en-US')} offset${held === 1n ? '' : 's'}`
    const isOwn = unfinished?.begun?.topics.some(({ name }) => name === topic.targetTopic) ?? false
    return [
      isOwn
        ? unsuitable(
            topic,
            `is not empty: it holds ${count} of restore ${unfinished?.restoreId}, which was not finished`,
            'To go on with it, run the same command with --resume.',
            'KB_TARGET_NOT_EMPTY',
          )
        : unsuitable(
            topic,
            `is not empty: it holds ${count}`,
            'To add to what is there: --existing-topics append. To delete it first: --existing-topics purge.',
            'KB_TARGET_NOT_EMPTY',
          ),
    ]
  })
}

/** What a purge deletes: everything that is there now, and nothing that comes later. */
export function purgeBounds(
  partitions: readonly TopicPartition[],
  offsets: TargetOffsets,
): Map<string, bigint> {
  const bounds = partitions
    .filter((entry) => heldOffsets(entry, offsets) > 0n)
    .map((entry) => [partitionName(entry), offsets.ends.get(partitionName(entry)) ?? 0n] as const)
  return new Map(bounds)
}

function heldOffsets(entry: TopicPartition, { starts, ends }: TargetOffsets): bigint {
  const name = partitionName(entry)
  return (ends.get(name) ?? 0n) - (starts.get(name) ?? 0n)
}
