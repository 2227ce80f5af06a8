import type { CommitDocument, GapDocument, PartDocument, SegmentDocument } from './archive-reading.ts'
import { sha256 } from './archive-reading.ts'
import { applyCompaction, applyPrune } from './archive-removals.ts'
import type { Finding, FindingClass } from './finding.ts'

/** One piece of a history, in the order of the commits. */
export type HistoryPiece =
  | { readonly kind: 'part'; readonly segment: SegmentDocument; readonly part: PartDocument }
  | { readonly kind: 'gap'; readonly gap: GapDocument }

/** One history of one partition. */
export interface ArchivedHistory {
  readonly topic: string
  readonly partition: number
  readonly lineage: number
  readonly topicId: string
  readonly beginOffset: bigint
  /** Below it everything was pruned. */
  heldOffset: bigint
  nextOffset: bigint
  /** What is held of it, in order of offset. */
  readonly pieces: HistoryPiece[]
}

/** What the commits of an archive come to, and what is wrong with them. */
export interface ArchivedState {
  readonly histories: readonly ArchivedHistory[]
  readonly commits: readonly CommitDocument[]
  readonly findings: readonly Finding[]
}

/** Folds the commits of a bucket, all of them or the first ones, by the words of docs/format/commit.md. */
export function foldCommits(
  objects: ReadonlyMap<string, { readonly bytes: Buffer }>,
  backupId: string,
  untilCommit = Number.POSITIVE_INFINITY,
): ArchivedState {
  return new CommitFold(objects, backupId).fold(untilCommit)
}

class CommitFold {
  readonly #objects: ReadonlyMap<string, { readonly bytes: Buffer }>
  readonly #prefix: string
  readonly #histories: ArchivedHistory[] = []
  readonly #commits: CommitDocument[] = []
  readonly #findings: Finding[] = []
  readonly #topicIds = new Map<string, string>()

  constructor(objects: ReadonlyMap<string, { readonly bytes: Buffer }>, backupId: string) {
    this.#objects = objects
    this.#prefix = `${backupId}/commits/`
  }

  fold(untilCommit: number): ArchivedState {
    let previous: string | null = null
    const keys = [...this.#objects.keys()].filter((key) => key.startsWith(this.#prefix)).sort()
    for (const [at, key] of keys.entries()) {
      if (at >= untilCommit) break
      const { bytes } = this.#objects.get(key)!
      const commit = JSON.parse(bytes.toString()) as CommitDocument
      if (commit.number !== String(at + 1)) this.#find('lost', key, `commit ${at + 1} is not there`)
      if (commit.previous_sha256 !== previous) this.#find('altered', key, 'it follows another commit')
      previous = sha256(bytes)
      this.#apply(commit, key)
      this.#commits.push(commit)
    }
    this.#checkOutcomes()
    return { histories: this.#histories, commits: this.#commits, findings: this.#findings }
  }

  #apply(commit: CommitDocument, key: string): void {
    const find = this.#find.bind(this)
    if (commit.pruned) applyPrune(this.#histories, commit.pruned.partitions, key, find)
    if (commit.compacted) {
      applyCompaction(this.#histories, commit, key, find)
      return
    }
    for (const { name, topic_id } of commit.topics) this.#topicIds.set(name, topic_id)
    for (const { topic, partition, offset } of commit.begins) {
      if (this.#current(topic, partition)) this.#find('doubled', key, `${topic}/${partition} begins again`)
      this.#begin({ topic, partition, lineage: 1, topicId: this.#topicIds.get(topic) ?? '', offset })
    }
    const pieces: HistoryPiece[] = [
      ...commit.segments.flatMap((segment) =>
        segment.parts.map((part): HistoryPiece => ({ kind: 'part', segment, part })),
      ),
      ...commit.gaps.map((gap): HistoryPiece => ({ kind: 'gap', gap })),
    ]
    const divergences = commit.divergences ?? []
    const lineages = new Set([1, ...pieces.map(lineageOf), ...divergences.map(({ lineage }) => lineage)])
    for (const lineage of [...lineages].sort((a, b) => a - b)) {
      for (const entry of divergences.filter((divergence) => divergence.lineage === lineage)) {
        if ((this.#current(entry.topic, entry.partition)?.lineage ?? 0) !== lineage - 1) {
          this.#find(
            'undeclared',
            key,
            `${entry.topic}/${entry.partition}: lineage ${lineage} follows no other`,
          )
        }
        this.#begin({ ...entry, topicId: entry.topic_id, offset: entry.begin_offset })
      }
      const own = pieces.filter((piece) => lineageOf(piece) === lineage)
      for (const piece of own.sort((a, b) => Number(beginOf(a) - beginOf(b)))) this.#add(piece, key)
    }
  }

  #add(piece: HistoryPiece, key: string): void {
    const { topic, partition } = piece.kind === 'part' ? piece.part : piece.gap
    const history = this.#current(topic, partition)
    const where = `${topic}/${partition} in ${key}`
    if (history?.lineage !== lineageOf(piece)) {
      this.#find('undeclared', where, 'it extends no history')
      return
    }
    const begin = beginOf(piece)
    if (begin < history.nextOffset) this.#find('doubled', where, `${begin} comes after ${history.nextOffset}`)
    if (begin > history.nextOffset)
      this.#find('lost', where, `${history.nextOffset} to ${begin} are not explained`)
    history.pieces.push(piece)
    history.nextOffset = BigInt(piece.kind === 'part' ? piece.part.next_offset : piece.gap.end_offset)
  }

  #begin(entry: {
    readonly topic: string
    readonly partition: number
    readonly lineage: number
    readonly topicId: string
    readonly offset: string
  }): void {
    const { topic, partition, lineage, topicId } = entry
    const beginOffset = BigInt(entry.offset)
    this.#histories.push({
      topic,
      partition,
      lineage,
      topicId,
      beginOffset,
      heldOffset: beginOffset,
      nextOffset: beginOffset,
      pieces: [],
    })
  }

  #current(topic: string, partition: number): ArchivedHistory | undefined {
    return this.#histories.findLast((entry) => entry.topic === topic && entry.partition === partition)
  }

  /** A run that says that it is complete has nothing to declare. */
  #checkOutcomes(): void {
    const ofRuns = this.#commits.filter(({ run }) => run !== null)
    for (const [run, commits] of Map.groupBy(ofRuns, (commit) => commit.run!.id)) {
      if (commits.at(-1)!.run!.outcome !== 'complete') continue
      const declared = commits.some(
        ({ gaps, divergences, run }) => gaps.length + (divergences?.length ?? 0) + run!.unread.length > 0,
      )
      if (declared) this.#find('undeclared', `run ${run}`, 'it says complete, and declares what is missing')
    }
  }

  #find(kind: FindingClass, where: string, detail: string): void {
    this.#findings.push({ class: kind, where, detail })
  }
}

function lineageOf(piece: HistoryPiece): number {
  return (piece.kind === 'part' ? piece.part.lineage : piece.gap.lineage) ?? 1
}

/** First offset that a piece explains. */
export function beginOf(piece: HistoryPiece): bigint {
  return BigInt(piece.kind === 'part' ? piece.part.begin_offset : piece.gap.first_offset)
}
