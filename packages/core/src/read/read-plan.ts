import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { BackupState, PartitionState } from '../format/backup-state.ts'
import type { GapRecord } from '../format/commit.ts'
import type { ClippedPart } from '../format/held-parts.ts'
import type { PrunedExtent } from '../restore/pruned-extent.ts'
import { planSources, type RestoreSource, type SourceSelection } from '../restore/restore-sources.ts'

/** What of a backup is read: names that it holds, and what of their partitions. */
export interface ReadSelection extends SourceSelection {
  readonly topics: readonly string[]
}

/** Offsets that a reader of a partition comes by, and that the backup does not hold. */
export type Lack =
  | { readonly kind: 'gap'; readonly gap: GapRecord }
  | { readonly kind: 'pruned'; readonly extent: PrunedExtent }

/** One partition to be read: its newest history, with what that goes on from. */
export interface PartitionReading {
  readonly topic: string
  readonly partition: number
  readonly history: PartitionState
  /** In order of offset. */
  readonly parts: readonly ClippedPart[]
  /** In order of their ends. */
  readonly lacks: readonly Lack[]
  /** Committed records; an upper bound unless `isExact`. */
  readonly records: number
  readonly isExact: boolean
}

/**
 * What a reader of committed records gets, chosen as a restore chooses: in order of topic and partition. Pure.
 * @throws KB_TOPIC_NOT_FOUND, KB_USAGE for partitions and offsets that there are not
 */
export function planReading(state: BackupState, selection: ReadSelection): readonly PartitionReading[] {
  const topics = [...selection.topics].sort().map((name) => {
    const topic = state.topics.get(name)
    if (topic) return topic
    throw new KafkaBackupError('KB_TOPIC_NOT_FOUND', `topic "${name}" is not in backup ${state.backupId}`, {
      context: { backup: state.backupId, topic: name },
    })
  })
  const { sources, gaps, pruned } = planSources(state, topics, selection)
  return sources.map((source) => readingOf(source, { gaps, pruned }))
}

/** True when it was asked for: a reader that comes by it has not got everything. */
export function isWanted(lack: Lack): boolean {
  return lack.kind === 'gap' || lack.extent.isWanted
}

/** Exclusive. */
export function lackEnd(lack: Lack): bigint {
  return lack.kind === 'gap' ? lack.gap.endOffset : lack.extent.endOffset
}

function readingOf(
  { history, parts, records, isExact }: RestoreSource,
  missing: { readonly gaps: readonly GapRecord[]; readonly pruned: readonly PrunedExtent[] },
): PartitionReading {
  const { topic, partition } = history
  const isOwn = (entry: { readonly topic: string; readonly partition: number }) =>
    entry.topic === topic && entry.partition === partition
  const lacks = [
    ...missing.pruned.filter(isOwn).map((extent): Lack => ({ kind: 'pruned', extent })),
    ...missing.gaps.filter(isOwn).map((gap): Lack => ({ kind: 'gap', gap })),
  ].sort((a, b) => Number(lackEnd(a) - lackEnd(b)))
  return { topic, partition, history, parts, lacks, records, isExact }
}
