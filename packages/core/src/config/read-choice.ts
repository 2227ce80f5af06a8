import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { BackupState } from '../format/backup-state.ts'
import type { ReadSelection } from '../read/read-plan.ts'
import type { TimeWindow } from '../restore/time-window.ts'
import { offsetRanges, readOffsetRange } from './offset-range.ts'
import { assertChoosing, isPartitionChosen, partitionSelection } from './partition-selection.ts'
import { partitionsOf } from './restore-choice.ts'
import { offsetRangeRule, partitionRule } from './text-rules.ts'

/** What of some topics is read, as it was written. */
export interface ReadChoice {
  /** Items such as `0-3` and `orders:1`. */
  readonly partitions: readonly string[]
  /** Items such as `orders/3:100-200`. Of other partitions nothing is read, where there are any. */
  readonly offsets: readonly string[]
}

/** The choice that items are, before any backup is looked at. @throws KB_USAGE for an item that is none */
export function readChoiceOf(partitions: readonly string[], offsets: readonly string[]): ReadChoice {
  for (const item of partitions) refuse('--partitions', item, partitionRule(item))
  for (const item of offsets) refuse('--offsets', item, offsetRangeRule(item))
  return { partitions, offsets }
}

/** The topics that ranges of offsets name. */
export function topicsOfOffsets({ offsets }: ReadChoice): readonly string[] {
  return [...new Set(offsets.flatMap((item) => readOffsetRange(item)?.topic ?? []))]
}

/** The choice against a backup. @throws KB_USAGE for what chooses nothing that is there */
export function readSelectionOf(
  { partitions, offsets }: ReadChoice,
  state: BackupState,
  { topics, window }: { readonly topics: readonly string[]; readonly window: TimeWindow | null },
): ReadSelection {
  assertChoosing(partitions, partitionsOf(state, topics))
  const selection = partitionSelection(partitions)
  const ranges = offsetRanges(offsets)
  const isNamed = (topic: string, partition: number): boolean =>
    ranges.length === 0 || ranges.some((range) => range.topic === topic && range.partition === partition)
  return {
    topics,
    window,
    offsetRanges: ranges,
    isPartitionChosen: (topic, partition) =>
      isNamed(topic, partition) && isPartitionChosen(selection, topic, partition),
  }
}

function refuse(option: string, item: string, complaint: string | undefined): void {
  if (complaint === undefined) return
  throw new KafkaBackupError('KB_USAGE', `${option} ${complaint}, not "${item}"`)
}
