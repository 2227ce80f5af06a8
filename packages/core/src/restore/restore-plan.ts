import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { BackupState } from '../format/backup-state.ts'
import type { GapRecord, TopicRecord } from '../format/commit.ts'
import type { ClippedPart } from '../format/held-parts.ts'
import type { TargetPlace } from '../format/restore-ledger.ts'
import type { OffsetExtent } from './offset-extent.ts'
import type { HeaderPlan } from './offset-headers.ts'
import { planDigest } from './plan-identity.ts'
import type { PrunedExtent } from './pruned-extent.ts'
import { joinTimes, type RecordTimes } from './record-times.ts'
import { type OffsetRange, planSources } from './restore-sources.ts'
import { planTargets, type Repartition } from './restore-targets.ts'
import { boundedWindow, type TimeWindow } from './time-window.ts'

export type { ClippedPart } from '../format/held-parts.ts'
export type { PrunedExtent } from './pruned-extent.ts'
export type { OffsetRange } from './restore-sources.ts'
export type { Repartition } from './restore-targets.ts'
export type { TimeWindow } from './time-window.ts'

/** What is to be restored: a request whose patterns and times were resolved. What is absent restores everything as it was. */
export interface RestoreSelection {
  /** Source topics; all topics of the backup when undefined. */
  readonly topics: readonly string[] | undefined
  /** Source name to target name; a topic that is not in it keeps its name. */
  readonly topicMapping: ReadonlyMap<string, string>
  /** Of the source; all when absent. */
  readonly isPartitionChosen?: (topic: string, partition: number) => boolean
  /** Of every topic: source to target; a partition that is not in it keeps its number. */
  readonly partitionMapping?: ReadonlyMap<number, number>
  /** Whether two topics or two partitions may become one. */
  readonly allowManyToOne?: boolean
  /** By target topic. */
  readonly repartitioning?: ReadonlyMap<string, Repartition>
  readonly window?: TimeWindow | null
  /** A partition that no range names is restored whole. */
  readonly offsetRanges?: readonly OffsetRange[]
  readonly headers?: HeaderPlan
  readonly isKeepingOffsets?: boolean
  /** Settings of topics that are created, by target topic; under `*` those of all. */
  readonly configOverrides?: ReadonlyMap<string, ReadonlyMap<string, string>>
}

/** One partition of the backup to restore, in order of offset. */
export interface PartitionRestorePlan {
  readonly sourceTopic: string
  readonly targetTopic: string
  /** Of the source. */
  readonly partition: number
  /** null: its records are spread over the target by key. */
  readonly targetPartition: number | null
  /** Number of the history that is restored, the newest; the first is 1. */
  readonly lineage: number
  /** The commit that began it: the state before holds the history before. */
  readonly sinceCommit: bigint
  /** Below it, what is written comes from the history before; null: nothing does. */
  readonly inheritedEndOffset: bigint | null
  /** Without those that lie outside of the time window as a whole. */
  readonly parts: readonly ClippedPart[]
  /** Records to write: aborted ones are not counted. An upper bound unless `isExact`. */
  readonly records: number
  /** False when a part is restored partly: how many of its records are wanted is not in the commits. */
  readonly isExact: boolean
  readonly rawBytes: number
  /** What of the source is covered, holes included. */
  readonly offsets: OffsetExtent
  /** At least so many records are written. */
  readonly leastRecords: number
}

/** One topic of the target. */
export interface TopicRestorePlan {
  /** The first of `sourceTopics`. */
  readonly sourceTopic: string
  /** In order of name; more than one only by consent. */
  readonly sourceTopics: readonly string[]
  readonly targetTopic: string
  readonly partitionCount: number
  readonly largestBatchBytes: number
  /** null: unknown. Effective timestamps in milliseconds; -1 when there is no record. */
  readonly minTimestampMs: bigint | null
  /** False: nothing that is restored is older than `minTimestampMs`, but only the archive tells whether something is as old. */
  readonly isMinExact: boolean
  readonly maxTimestampMs: bigint
  /** Settings that it is created with; they beat those that a restore gives. */
  readonly configOverrides: ReadonlyMap<string, string>
}

/**
 * Sources that are read one after the other, and the partitions that their records go to. `direct`: there is one target.
 * `murmur2`: by key, as Kafka's Java client does; see {@link laneOfKey}.
 */
export interface RestoreWork {
  /** Places in `RestorePlan.partitions`, in order of topic and partition. */
  readonly sources: readonly number[]
  /** Lanes. */
  readonly targets: readonly TargetPlace[]
  readonly routing: 'direct' | 'murmur2'
}

/** What a restore will do; nothing was written yet. */
export interface RestorePlan {
  readonly backupId: string
  readonly commit: bigint
  readonly commitSha256: string
  /** Stands for everything that decides which bytes are written, in which batches; see docs/restore.md. */
  readonly planSha256: string
  readonly topics: readonly TopicRestorePlan[]
  readonly partitions: readonly PartitionRestorePlan[]
  readonly works: readonly RestoreWork[]
  readonly window: TimeWindow | null
  /** Of the chosen records, whatever the window. */
  readonly times: RecordTimes
  readonly headers: HeaderPlan
  readonly isKeepingOffsets: boolean
  /** An upper bound unless `isExact`; so are the sizes. */
  readonly records: number
  readonly isExact: boolean
  readonly rawBytes: number
  readonly storedBytes: number
  /** Declared gaps of the chosen partitions and offsets: the restored copy has them too. */
  readonly gaps: readonly GapRecord[]
  /** What the backup no longer holds of the chosen partitions. What of it was asked for makes the restore incomplete. */
  readonly pruned: readonly PrunedExtent[]
}

/** True when offsets that were asked for are known to be missing in the restored copy. */
export function isIncomplete({ gaps, pruned }: Pick<RestorePlan, 'gaps' | 'pruned'>): boolean {
  return gaps.length > 0 || pruned.some(({ isWanted }) => isWanted)
}

const NO_HEADERS: HeaderPlan = { isStripping: false, isAdding: false, sourceCluster: null }

/**
 * Decides what a restore writes. Pure.
 * @throws KB_TOPIC_NOT_FOUND when a chosen or mapped topic is not in the backup, KB_USAGE when two topics or partitions become one
 * without consent, and for choices that contradict each other or name what is not there
 */
export function planRestore(state: BackupState, selection: RestoreSelection): RestorePlan {
  const topics = chooseTopics(state, selection)
  const window = selection.window ? boundedWindow(selection.window) : null
  const { sources, gaps, pruned } = planSources(state, topics, { ...selection, window })
  const targets = planTargets(topics, sources, selection)
  const sum = (pick: (entry: PartitionRestorePlan) => number) =>
    targets.partitions.reduce((total, entry) => total + pick(entry), 0)
  const storedBytes = sum((entry) => entry.parts.reduce((total, { part }) => total + part.storedBytes, 0))
  const content = {
    backupId: state.backupId,
    partitions: targets.partitions,
    works: targets.works,
    window,
    headers: selection.headers ?? NO_HEADERS,
    isKeepingOffsets: selection.isKeepingOffsets ?? false,
  }
  return {
    ...content,
    planSha256: planDigest(content),
    commit: state.tip?.number ?? 0n,
    commitSha256: state.tip?.sha256 ?? '',
    topics: targets.topics,
    times: joinTimes(sources.map(({ times }) => times)),
    records: sum((entry) => entry.records),
    isExact: targets.partitions.every((entry) => entry.isExact),
    rawBytes: sum((entry) => entry.rawBytes),
    storedBytes,
    gaps,
    pruned,
  }
}

function chooseTopics(state: BackupState, selection: RestoreSelection): TopicRecord[] {
  const all = [...state.topics.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  const wanted = selection.topics ?? all.map((topic) => topic.name)
  const missing = [...wanted, ...selection.topicMapping.keys()].find((name) => !state.topics.has(name))
  if (missing !== undefined) {
    throw new KafkaBackupError(
      'KB_TOPIC_NOT_FOUND',
      `topic "${missing}" is not in backup ${state.backupId}`,
      {
        context: { backup: state.backupId, topic: missing },
        hint: `The backup holds: ${all.map((topic) => topic.name).join(', ')}`,
      },
    )
  }
  const astray = [...selection.topicMapping.keys()].find((name) => !wanted.includes(name))
  if (astray !== undefined) {
    throw new KafkaBackupError('KB_USAGE', `"${astray}" is to get another name and is not restored`, {
      context: { topic: astray },
      hint: `Name a topic that is chosen: ${wanted.join(', ')}`,
    })
  }
  return all.filter((topic) => wanted.includes(topic.name))
}
