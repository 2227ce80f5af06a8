import type { ErrorCode } from '../errors/error-codes.ts'
import { BackupState, type FoldedContent, type PartitionState } from '../format/backup-state.ts'
import type { Commit, DivergenceRecord } from '../format/commit.ts'
import { type FoldStep, foldSteps, type HistoryHead } from '../format/fold-step.ts'
import type { ReadCommit } from '../repository/commit-log.ts'
import { commitKey } from '../repository/key-layout.ts'
import { invariant } from '../runtime/invariant.ts'
import { type AffectedPartition, historyName, isDamageError } from './finding.ts'
import { type PartitionName, PartitionSet, touchedBy } from './partition-set.ts'

/** A commit that is damaged or missing, and what the commits after it show that it must have held. */
export interface BrokenCommit {
  readonly key: string
  readonly code: ErrorCode
  readonly message: string
  /** Partitions it concerns as far as they are known. */
  readonly partitions: PartitionSet
  /** False when there may be more of them: its own bytes could not be read. */
  readonly isKnown: boolean
}

/**
 * Folds a log that may be damaged. Up to the first broken commit the state is exact. Behind it, a partition may go on at a
 * later offset once: what lies between was in the broken commit, and is remembered as what that commit concerns.
 */
export class LogFold {
  readonly state: BackupState
  readonly broken: BrokenCommit[] = []
  #previous: ReadCommit | null = null
  /** Partitions that have gone on since the last break; a jump there is not explained by it. */
  #settled = new PartitionSet()

  constructor(backupId: string) {
    this.state = new BackupState(backupId)
  }

  /** True while `state` is the fold of all commits so far. */
  get isExact(): boolean {
    return this.broken.length === 0
  }

  /** A commit that cannot be read. `named` are the partitions that its bytes seem to speak of. */
  addBroken(
    number: bigint,
    reason: { readonly code: ErrorCode; readonly message: string },
    named: Iterable<AffectedPartition>,
  ): void {
    const located = [...named].map((name) => this.#located(name))
    const key = commitKey(this.state.backupId, number)
    this.#break({ ...reason, key, partitions: new PartitionSet(located), isKnown: false })
    this.#previous = null
  }

  /** The next commit that can be read, in order of number. */
  add(read: ReadCommit): void {
    const { commit, sha256 } = read
    this.#checkChain(commit)
    this.#previous = read
    try {
      if (!this.isExact) this.#bridge(commit)
      this.state.apply(commit, sha256, { isExact: this.isExact })
      // What is pruned or compacted does not go on.
      if (!commit.pruned && !commit.compacted)
        for (const partition of touchedBy(commit)) this.#settled.add(partition)
    } catch (error) {
      if (!isDamageError(error)) throw error
      this.#breakAt(commit, error.message)
    }
  }

  /** The later commit was made when the earlier one was read; when they disagree, the earlier one is not what it was. */
  #checkChain(commit: Commit): void {
    const previous = this.#previous
    if (!previous || commit.previousSha256 === null || commit.previousSha256 === previous.sha256) return
    const message = `commit ${commit.number} names another SHA-256 for it: it is not the commit that was written`
    this.#breakAt(previous.commit, message)
  }

  #breakAt(commit: Commit, message: string): void {
    const key = commitKey(this.state.backupId, commit.number)
    const partitions = new PartitionSet(touchedBy(commit))
    this.#break({ key, code: 'KB_COMMIT_CORRUPT', message, partitions, isKnown: partitions.size > 0 })
  }

  #break(broken: BrokenCommit): void {
    if (this.broken.at(-1)?.key !== broken.key) this.broken.push(broken)
    this.#settled = new PartitionSet()
  }

  /** Makes the state one that `commit` can follow, as far as a broken commit explains the difference. */
  #bridge(commit: Commit): void {
    const { state } = this
    const sha256 = commit.previousSha256
    const createdAtMs = commit.createdAtMs
    state.tip = sha256 === null ? null : { number: commit.number - 1n, sha256, createdAtMs }
    this.#bridgeTopics(commit)
    const bridged = new PartitionSet(commit.begins.map(({ topic, partition }) => ({ topic, partition })))
    for (const step of foldSteps(commit)) {
      const { topic, partition } = step
      if (bridged.has(step) || this.#settled.has(step)) continue
      bridged.add({ topic, partition })
      this.#bridgePartition({ topic, partition }, headBefore(step))
    }
  }

  /** Makes a partition stand where it must have stood: in history `head.lineage`, at `head.nextOffset`. */
  #bridgePartition(name: PartitionName, head: HistoryHead): void {
    const known = this.state.partition(name.topic, name.partition)
    this.#rememberLost(name, known, head)
    const offset = head.lineage === 1 ? head.nextOffset : 0n
    let newest = known ?? this.#foldIn({ begins: [{ ...name, offset, topicId: null }] }, name)
    while (newest.lineage < head.lineage)
      newest = this.#foldIn({ divergences: [lostDivergence(newest, head)] }, name)
    if (newest.lineage === head.lineage && newest.nextOffset < head.nextOffset)
      newest.nextOffset = head.nextOffset
  }

  #rememberLost(name: PartitionName, known: PartitionState | undefined, head: HistoryHead): void {
    const lastOffset = head.nextOffset - 1n
    const history = historyName({ ...name, lineage: head.lineage })
    if (!known) this.#remember(head.nextOffset > 0n ? { ...history, lastOffset } : history)
    else if (known.lineage < head.lineage) this.#remember({ ...name })
    else if (known.lineage === head.lineage && known.nextOffset < head.nextOffset) {
      this.#remember({ ...history, firstOffset: known.nextOffset, lastOffset })
    }
  }

  /** Folds in what a lost commit must have held. */
  #foldIn(content: Partial<FoldedContent>, { topic, partition }: PartitionName): PartitionState {
    const nothing = { topics: [], begins: [], segments: [], gaps: [], divergences: [], artifacts: [] }
    this.state.fold({ ...nothing, ...content }, this.state.nextNumber)
    const newest = this.state.partition(topic, partition)
    invariant(newest, 'a partition that was just folded in')
    return newest
  }

  /** Topics that a broken commit declared. */
  #bridgeTopics(commit: Commit): void {
    const declared = new Map(commit.topics.map((topic) => [topic.name, topic]))
    for (const { topic: name, partition } of touchedBy(commit)) {
      const known = this.state.topics.get(name) ?? declared.get(name)
      if (known) this.state.topics.set(name, known)
      if (declared.has(name) || (known && known.partitions > partition)) continue
      this.state.topics.set(name, { name, topicId: known?.topicId ?? null, partitions: partition + 1 })
    }
  }

  #remember(lost: AffectedPartition): void {
    for (const broken of this.broken) broken.partitions.add(lost)
  }

  /** With the offset at which a lost commit must have gone on. */
  #located(name: AffectedPartition): AffectedPartition {
    const known = this.state.partition(name.topic, name.partition)
    return known ? { ...historyName(known), firstOffset: known.nextOffset } : name
  }
}

/** Where a partition must have stood for the step to follow. */
function headBefore(step: FoldStep): HistoryHead {
  if (step.kind !== 'divergence') return { lineage: step.lineage, nextOffset: step.begin }
  return { lineage: step.lineage - 1, nextOffset: step.divergence.previousEndOffset }
}

/** Stands for a divergence of which only the number of its history is known. */
function lostDivergence(newest: PartitionState, head: HistoryHead): DivergenceRecord {
  return {
    topic: newest.topic,
    partition: newest.partition,
    lineage: newest.lineage + 1,
    reason: 'log_replaced',
    topicId: null,
    beginOffset: head.nextOffset,
    commonEndOffset: null,
    previousEndOffset: newest.nextOffset,
  }
}
