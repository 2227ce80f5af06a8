import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { invariant } from '../runtime/invariant.ts'
import { LIMITS } from '../runtime/limits.ts'
import type {
  ArtifactRecord,
  Commit,
  CompactionRecord,
  IsolationLevel,
  PrunedRange,
  PruneRecord,
  RunRecord,
  TopicRecord,
} from './commit.ts'
import { compactionRefusal, historyKey, placedByHistory, replaceParts } from './compaction-rules.ts'
import {
  type FoldedBegin,
  type FoldedContent,
  type FoldStep,
  foldSteps,
  type HistoryHead,
  refusalOf,
} from './fold-step.ts'
import { PackedSegments, writtenSegments } from './packed-segments.ts'
import { type HistoryBegin, PartitionState } from './partition-state.ts'
import { documentRefusal } from './pruned-documents.ts'
import { type PrunedHistory, partsBelow, pruneRefusal, withRange } from './pruned-history.ts'
import type { SegmentRecord } from './segment-record.ts'

export type { FoldedContent, PlacedPart } from './fold-step.ts'
export type { PartitionState } from './partition-state.ts'

/** One run, folded over its commits. */
export interface RunSummary extends RunRecord {
  readonly lastCommit: bigint
  readonly endedAtMs: bigint
  readonly records: number
  readonly storedBytes: number
  readonly gaps: number
}

/** The commit at the end of the log. */
export interface LogTip {
  readonly number: bigint
  readonly sha256: string
  readonly createdAtMs: bigint
}

/** Offsets below it are, in this history, those of the history before; null when nothing is inherited. */
export function inheritedEndOffset(state: PartitionState): bigint | null {
  const common = state.divergence?.commonEndOffset ?? null
  if (common === null) return null
  return common < state.beginOffset ? common : state.beginOffset
}

/** State of a backup: the fold of its commits, nothing else. */
export class BackupState {
  readonly backupId: string
  readonly topics = new Map<string, TopicRecord>()
  artifacts: ArtifactRecord[] = []
  /** Numbers of the commits that prune, ascending. */
  readonly prunes: bigint[] = []
  /** Numbers of the commits that compact, ascending. */
  readonly compactions: bigint[] = []
  readonly runs: RunSummary[] = []
  source: Commit['source'] | null = null
  createdAtMs: bigint | null = null
  tip: LogTip | null = null
  /** Of every commit of the backup; null before the first. */
  isolation: IsolationLevel | null = null
  readonly #histories = new Map<string, PartitionState[]>()
  /** In the order of the log, and behind those that are packed. */
  #segments: SegmentRecord[] = []
  #packed: PackedSegments | null = null

  constructor(backupId: string) {
    this.backupId = backupId
  }

  /** In the order of the log. Unpacks what is packed. */
  get segments(): readonly SegmentRecord[] {
    this.#unpack()
    return this.#segments
  }

  /** {@link segments} as they stand in documents, several at a time (see {@link writtenSegments}); unpacks nothing. */
  *segmentTexts(): Generator<string> {
    if (this.#packed) yield* this.#packed.texts()
    yield* writtenSegments(this.#segments)
  }

  /**
   * Puts the segments and their parts, once there are enough of them, where they take a twentieth of the memory. For a run that goes on
   * for long and adds to the end: whoever looks at older ones gets them, and then all are unpacked again.
   */
  pack(partsMin: number = LIMITS.packedPartsMin): void {
    const parts = this.#segments.reduce((sum, segment) => sum + segment.parts.length, 0)
    if (parts < partsMin) return
    this.#packed ??= new PackedSegments()
    this.#packed.add(this.#segments)
    this.#segments = []
    for (const history of this.#allHistories()) history.pack()
  }

  /** Every history of every partition, in order of topic name, number and lineage. */
  partitions(): PartitionState[] {
    return [...this.#histories.values()].sort(byTopicAndPartition).flat()
  }

  /** The newest history of every partition, in no order: for what is asked at every commit. */
  *newestHistories(): Iterable<PartitionState> {
    for (const histories of this.#histories.values()) {
      const newest = histories.at(-1)
      if (newest) yield newest
    }
  }

  /** Number of partitions, whatever number of histories each has. */
  get partitionCount(): number {
    return this.#histories.size
  }

  /** The newest history of a partition. */
  partition(topic: string, partition: number): PartitionState | undefined {
    return this.histories(topic, partition).at(-1)
  }

  /** The histories of a partition, oldest first; empty when it never began. */
  histories(topic: string, partition: number): readonly PartitionState[] {
    return this.#histories.get(`${topic}/${partition}`) ?? []
  }

  /** Number of the next commit. */
  get nextNumber(): bigint {
    return (this.tip?.number ?? 0n) + 1n
  }

  /**
   * Folds one commit; changes nothing when it throws. `isExact: false`: this state lacks commits, so that what one prunes cannot be
   * compared with it. @throws KB_COMMIT_CORRUPT when it does not continue this state
   */
  apply(commit: Commit, sha256: string, { isExact = true } = {}): void {
    if (commit.backupId !== this.backupId)
      throw this.#corrupt(commit.number, `it belongs to backup ${commit.backupId}`)
    if (commit.number !== this.nextNumber)
      throw this.#corrupt(commit.number, `expected number ${this.nextNumber}`)
    if (commit.previousSha256 !== (this.tip?.sha256 ?? null)) {
      throw this.#corrupt(commit.number, 'it does not follow the commit before it (SHA-256 differs)')
    }
    this.#assertIsolation(commit)
    if (isExact) this.#assertRemovable(commit)
    if (commit.compacted) this.#compact(commit, commit.compacted)
    else this.fold(commit, commit.number)
    if (commit.pruned) this.#prune(commit.pruned, commit.number)
    this.isolation = commit.run?.isolation ?? this.isolation
    this.source = commit.source
    this.createdAtMs ??= commit.createdAtMs
    this.tip = { number: commit.number, sha256, createdAtMs: commit.createdAtMs }
    if (commit.run) this.#foldRun(commit, commit.run)
  }

  /** Folds content whose place in the log was checked already; changes nothing when it throws. */
  fold(content: FoldedContent, number: bigint): void {
    this.assertContinuedBy(content, number)
    for (const topic of content.topics) this.topics.set(topic.name, topic)
    for (const begin of content.begins) this.#begin(begin, number)
    for (const step of foldSteps(content)) this.#take(step, number)
    this.#segments.push(...content.segments)
    this.artifacts.push(...content.artifacts)
  }

  /** The rules of docs/format/commit.md for a commit that is to be appended. @throws KB_COMMIT_CORRUPT */
  assertFollowedBy(commit: Commit): void {
    this.#assertIsolation(commit)
    this.#assertRemovable(commit)
    this.assertContinuedBy(commit, commit.number)
  }

  /** The rules of docs/format/commit.md, "Fold". @throws KB_COMMIT_CORRUPT */
  assertContinuedBy(content: FoldedContent, number: bigint): void {
    const heads = new Map<string, HistoryHead>()
    for (const begin of content.begins) {
      const key = `${begin.topic}/${begin.partition}`
      const topic = content.topics.find((entry) => entry.name === begin.topic) ?? this.topics.get(begin.topic)
      const isInTopic = topic && (begin.topicId !== undefined || begin.partition < topic.partitions)
      if (!isInTopic || heads.has(key) || this.#histories.has(key)) {
        throw this.#corrupt(number, `${key} cannot begin`)
      }
      heads.set(key, { lineage: 1, nextOffset: begin.offset })
    }
    for (const step of foldSteps(content)) {
      const key = `${step.topic}/${step.partition}`
      const head = heads.get(key) ?? this.partition(step.topic, step.partition)
      if (!head) throw this.#corrupt(number, `${key} never began`)
      const refusal = refusalOf(step, head)
      if (refusal !== undefined) throw this.#corrupt(number, `${key} ${refusal}`)
      heads.set(key, { lineage: step.lineage, nextOffset: step.end })
    }
  }

  #begin(begin: FoldedBegin, number: bigint): void {
    const { topic, partition, offset: beginOffset } = begin
    const topicId = begin.topicId === undefined ? (this.topics.get(topic)?.topicId ?? null) : begin.topicId
    const first = { topic, partition, topicId, lineage: 1, beginOffset, divergence: null }
    const sinceCommit = begin.sinceCommit ?? number
    this.#histories.set(`${topic}/${partition}`, [this.#history({ ...first, sinceCommit })])
  }

  #take(step: FoldStep, number: bigint): void {
    const histories = this.#histories.get(`${step.topic}/${step.partition}`)
    const newest = histories?.at(-1)
    invariant(histories && newest, 'a step of an unknown partition')
    if (step.kind === 'divergence') {
      const { sinceCommit = number, ...divergence } = step.divergence
      histories.push(this.#history({ ...divergence, divergence, sinceCommit }))
      return
    }
    newest.nextOffset = step.end
    if (step.kind === 'forgotten') newest.pruned = prunedOf(step.pruned)
    else if (step.kind === 'gap') newest.gaps.push(step.gap)
    else newest.add(step.placed)
  }

  #assertRemovable({ pruned, compacted, segments, number }: Commit): void {
    const refusal = pruned
      ? (pruneRefusal(pruned, (topic, partition) => this.histories(topic, partition)) ??
        documentRefusal(pruned.artifacts, this.artifacts))
      : compacted && compactionRefusal({ segments, compacted }, this)
    if (refusal !== undefined) throw this.#corrupt(number, refusal)
  }

  #compact({ segments, number }: Commit, { objects }: CompactionRecord): void {
    this.compactions.push(number)
    const replaced = new Set(objects)
    for (const parts of placedByHistory(segments).values()) {
      const [first] = parts
      const histories = first ? this.histories(first.part.topic, first.part.partition) : []
      const history = histories.find(({ lineage }) => lineage === first?.part.lineage)
      if (history) replaceParts(history, replaced, parts)
    }
    // In the place of what they replace: the order of the list is about that of the log.
    const place = this.segments.findIndex(({ key }) => replaced.has(key))
    const before = this.segments.slice(0, Math.max(place, 0))
    const rest = this.segments.slice(before.length).filter(({ key }) => !replaced.has(key))
    this.#segments = [...before, ...segments, ...rest]
  }

  #prune({ partitions, artifacts = [] }: PruneRecord, number: bigint): void {
    this.prunes.push(number)
    const dropped = new Set([...partitions.flatMap(({ objects }) => objects), ...artifacts])
    if (dropped.size === 0) return
    this.artifacts = this.artifacts.filter(({ key }) => !dropped.has(key))
    if (partitions.length === 0) return
    for (const range of partitions) this.#forget(range, number)
    this.#segments = this.segments.filter(({ key }) => !dropped.has(key))
  }

  #forget(range: PrunedRange, commit: bigint): void {
    const history = this.histories(range.topic, range.partition).find(
      (entry) => entry.lineage === range.lineage,
    )
    if (!history) return
    const segments = partsBelow(history, range.endOffset)
    history.parts.splice(0, segments)
    history.gaps.splice(0, history.gaps.filter((gap) => gap.endOffset <= range.endOffset).length)
    history.pruned = withRange(history.pruned, range, { commit, segments })
  }

  /** Aborted data is told from committed data by what is read later: all runs of a backup must read alike. */
  #assertIsolation(commit: Commit): void {
    const isolation = commit.run?.isolation
    if (isolation === undefined || this.isolation === null || this.isolation === isolation) return
    throw this.#corrupt(
      commit.number,
      `it was read with ${isolation}, the commits before with ${this.isolation}`,
    )
  }

  #foldRun(commit: Commit, run: RunRecord): void {
    const last = this.runs.at(-1)
    const earlier = last?.id === run.id ? last : undefined
    if (earlier) this.runs.pop()
    const parts = commit.segments.flatMap((segment) => segment.parts)
    this.runs.push({
      ...run,
      lastCommit: commit.number,
      endedAtMs: commit.createdAtMs,
      records: (earlier?.records ?? 0) + parts.reduce((sum, part) => sum + part.records, 0),
      storedBytes:
        (earlier?.storedBytes ?? 0) + commit.segments.reduce((sum, segment) => sum + segment.bytes, 0),
      gaps: (earlier?.gaps ?? 0) + commit.gaps.length,
    })
  }

  #history(begin: HistoryBegin): PartitionState {
    return new PartitionState(begin, () => this.#unpack())
  }

  *#allHistories(): Generator<PartitionState> {
    for (const histories of this.#histories.values()) yield* histories
  }

  #unpack(): void {
    const packed = this.#packed
    if (!packed) return
    this.#packed = null
    const segments = [...packed.segments()]
    this.#segments = [...segments, ...this.#segments]
    const byHistory = placedByHistory(segments)
    for (const history of this.#allHistories()) history.unpack(byHistory.get(historyKey(history)) ?? [])
  }

  #corrupt(number: bigint, reason: string): KafkaBackupError {
    return new KafkaBackupError(
      'KB_COMMIT_CORRUPT',
      `commit ${number} of backup ${this.backupId}: ${reason}`,
      {
        context: { backup: this.backupId },
      },
    )
  }
}

function prunedOf({ endOffset, commit, records, segments, ...rest }: PrunedHistory): PrunedHistory {
  const { storedBytes, minTimestampMs, maxTimestampMs } = rest
  return { endOffset, commit, records, segments, storedBytes, minTimestampMs, maxTimestampMs }
}

function byTopicAndPartition([a]: readonly PartitionState[], [b]: readonly PartitionState[]): number {
  invariant(a && b, 'a partition without a history')
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1
  return a.partition - b.partition
}
