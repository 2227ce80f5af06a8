import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { invariant } from '../runtime/invariant.ts'
import type { ArtifactRecord, Commit, GapRecord, RunRecord, TopicRecord } from './commit.ts'
import type { SegmentPart, SegmentRecord } from './segment-record.ts'

/** A part of a partition and the object that holds it. */
export interface PlacedPart {
  readonly segment: SegmentRecord
  readonly part: SegmentPart
}

/** Everything a backup knows of one partition. `nextOffset` is the checkpoint. */
export interface PartitionState {
  readonly topic: string
  readonly partition: number
  readonly beginOffset: bigint
  nextOffset: bigint
  readonly parts: PlacedPart[]
  readonly gaps: GapRecord[]
}

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

/** The parts of a commit (or of a snapshot) that the fold takes in. */
export type FoldedContent = Pick<Commit, 'topics' | 'begins' | 'segments' | 'gaps' | 'artifacts'>

/** State of a backup: the fold of its commits, nothing else. */
export class BackupState {
  readonly backupId: string
  readonly topics = new Map<string, TopicRecord>()
  readonly segments: SegmentRecord[] = []
  readonly artifacts: ArtifactRecord[] = []
  readonly runs: RunSummary[] = []
  source: Commit['source'] | null = null
  createdAtMs: bigint | null = null
  tip: LogTip | null = null
  readonly #partitions = new Map<string, PartitionState>()

  constructor(backupId: string) {
    this.backupId = backupId
  }

  /** Partitions in order of topic name and number. */
  partitions(): PartitionState[] {
    return [...this.#partitions.values()].sort(byTopicAndPartition)
  }

  partition(topic: string, partition: number): PartitionState | undefined {
    return this.#partitions.get(`${topic}/${partition}`)
  }

  /** Number of the next commit. */
  get nextNumber(): bigint {
    return (this.tip?.number ?? 0n) + 1n
  }

  /** Folds one commit; changes nothing when it throws. @throws KB_COMMIT_CORRUPT when it does not continue this state */
  apply(commit: Commit, sha256: string): void {
    if (commit.backupId !== this.backupId)
      throw this.#corrupt(commit.number, `it belongs to backup ${commit.backupId}`)
    if (commit.number !== this.nextNumber)
      throw this.#corrupt(commit.number, `expected number ${this.nextNumber}`)
    if (commit.previousSha256 !== (this.tip?.sha256 ?? null)) {
      throw this.#corrupt(commit.number, 'it does not follow the commit before it (SHA-256 differs)')
    }
    this.fold(commit, commit.number)
    this.source = commit.source
    this.createdAtMs ??= commit.createdAtMs
    this.tip = { number: commit.number, sha256, createdAtMs: commit.createdAtMs }
    this.#foldRun(commit)
  }

  /** Folds content whose place in the log was checked already; changes nothing when it throws. */
  fold(content: FoldedContent, number: bigint): void {
    this.assertContinuedBy(content, number)
    for (const topic of content.topics) this.topics.set(topic.name, topic)
    for (const begin of content.begins) {
      const { topic, partition, offset } = begin
      const state = { topic, partition, beginOffset: offset, nextOffset: offset, parts: [], gaps: [] }
      this.#partitions.set(`${topic}/${partition}`, state)
    }
    for (const step of inOffsetOrder(content)) {
      const state = this.partition(step.topic, step.partition)
      invariant(state, 'a step of an unknown partition')
      state.nextOffset = step.end
      if ('gap' in step) state.gaps.push(step.gap)
      else state.parts.push(step.placed)
    }
    this.segments.push(...content.segments)
    this.artifacts.push(...content.artifacts)
  }

  /** The rules of docs/format/commit.md, "Fold". @throws KB_COMMIT_CORRUPT */
  assertContinuedBy(content: FoldedContent, number: bigint): void {
    const next = new Map<string, bigint>()
    for (const begin of content.begins) {
      const key = `${begin.topic}/${begin.partition}`
      const topic = content.topics.find((entry) => entry.name === begin.topic) ?? this.topics.get(begin.topic)
      if (!topic || begin.partition >= topic.partitions || next.has(key) || this.#partitions.has(key)) {
        throw this.#corrupt(number, `${key} cannot begin`)
      }
      next.set(key, begin.offset)
    }
    for (const step of inOffsetOrder(content)) {
      const key = `${step.topic}/${step.partition}`
      const expected = next.get(key) ?? this.#partitions.get(key)?.nextOffset
      if (expected === undefined) throw this.#corrupt(number, `${key} never began`)
      if (step.begin !== expected)
        throw this.#corrupt(number, `${key} goes on at ${step.begin}, expected ${expected}`)
      const isWellFormed = 'gap' in step ? step.end > step.begin : isPartWellFormed(step.placed.part)
      if (!isWellFormed) throw this.#corrupt(number, `offsets of ${key} are out of order`)
      next.set(key, step.end)
    }
  }

  #foldRun(commit: Commit): void {
    const last = this.runs.at(-1)
    const earlier = last?.id === commit.run.id ? last : undefined
    if (earlier) this.runs.pop()
    const parts = commit.segments.flatMap((segment) => segment.parts)
    this.runs.push({
      ...commit.run,
      lastCommit: commit.number,
      endedAtMs: commit.createdAtMs,
      records: (earlier?.records ?? 0) + parts.reduce((sum, part) => sum + part.records, 0),
      storedBytes:
        (earlier?.storedBytes ?? 0) + commit.segments.reduce((sum, segment) => sum + segment.bytes, 0),
      gaps: (earlier?.gaps ?? 0) + commit.gaps.length,
    })
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

type FoldStep = {
  readonly topic: string
  readonly partition: number
  readonly begin: bigint
  readonly end: bigint
} & ({ readonly gap: GapRecord } | { readonly placed: PlacedPart })

/** Parts and gaps of one commit in order of offset, so that a gap may lie between two parts. */
function inOffsetOrder(content: FoldedContent): FoldStep[] {
  const steps: FoldStep[] = []
  for (const segment of content.segments) {
    for (const part of segment.parts) {
      const { topic, partition, beginOffset: begin, nextOffset: end } = part
      steps.push({ topic, partition, begin, end, placed: { segment, part } })
    }
  }
  for (const gap of content.gaps) {
    const { topic, partition, firstOffset: begin, endOffset: end } = gap
    steps.push({ topic, partition, begin, end, gap })
  }
  return steps.sort((a, b) => (a.begin < b.begin ? -1 : a.begin > b.begin ? 1 : 0))
}

/** Bounds in order; holes that lie inside the part, ascending and apart; and one of them explains a late first batch. */
function isPartWellFormed(part: SegmentPart): boolean {
  let from = part.beginOffset
  for (const [first, end] of part.holes) {
    if (first < from || end <= first || end > part.lastOffset) return false
    from = end
  }
  const [leading] = part.holes
  const explainedOffset = leading?.[0] === part.beginOffset ? leading[1] : part.beginOffset
  return (
    part.firstOffset === explainedOffset &&
    part.lastOffset >= part.firstOffset &&
    part.nextOffset === part.lastOffset + 1n &&
    part.frames[1] > part.frames[0]
  )
}

function byTopicAndPartition(a: PartitionState, b: PartitionState): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1
  return a.partition - b.partition
}
