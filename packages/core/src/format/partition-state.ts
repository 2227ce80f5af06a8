import type { DivergenceRecord, GapRecord } from './commit.ts'
import type { PlacedPart } from './fold-step.ts'
import type { PrunedHistory } from './pruned-history.ts'

/** What a history has from its beginning on. */
export type HistoryBegin = Pick<
  PartitionState,
  'topic' | 'partition' | 'topicId' | 'lineage' | 'sinceCommit' | 'divergence' | 'beginOffset'
>

/** Everything a backup knows of one history of a partition. `nextOffset` is the checkpoint when it is the newest. */
export class PartitionState {
  readonly topic: string
  readonly partition: number
  /** Of the topic when this history began. */
  readonly topicId: string | null
  /** Number of the history; the first is 1. */
  readonly lineage: number
  /** The commit that began it: `sinceCommit - 1` is the last without it. */
  readonly sinceCommit: bigint
  /** What began it; null for the first. */
  readonly divergence: DivergenceRecord | null
  readonly beginOffset: bigint
  nextOffset: bigint
  /** What it no longer holds of its begin; null: it holds everything. */
  pruned: PrunedHistory | null = null
  readonly gaps: GapRecord[] = []
  readonly #unpackAll: () => void
  #parts: PlacedPart[] = []
  /** The last of those that are packed. */
  #lastPacked: PlacedPart | undefined

  /** `unpackAll` gives every history of the backup what was packed of it. */
  constructor(begin: HistoryBegin, unpackAll: () => void) {
    this.topic = begin.topic
    this.partition = begin.partition
    this.topicId = begin.topicId
    this.lineage = begin.lineage
    this.sinceCommit = begin.sinceCommit
    this.divergence = begin.divergence
    this.beginOffset = begin.beginOffset
    this.nextOffset = begin.beginOffset
    this.#unpackAll = unpackAll
  }

  /** In order of offset. Unpacks what is packed, of all histories of the backup. */
  get parts(): PlacedPart[] {
    this.#unpackAll()
    return this.#parts
  }

  /** The last of {@link parts}; unpacks nothing. */
  get lastPart(): PlacedPart | undefined {
    return this.#parts.at(-1) ?? this.#lastPacked
  }

  /** Adds a part behind all others; unpacks nothing. */
  add(part: PlacedPart): void {
    this.#parts.push(part)
  }

  /** Lets go of the parts, which are kept elsewhere, but for the last. */
  pack(): void {
    this.#lastPacked = this.lastPart
    this.#parts = []
  }

  /** Takes back all parts that {@link pack} has let go. */
  unpack(parts: readonly PlacedPart[]): void {
    this.#parts = [...parts, ...this.#parts]
    this.#lastPacked = undefined
  }
}
