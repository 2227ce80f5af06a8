import type { JsonValue } from './canonical-json.ts'

/** How records are written; see docs/decisions/0006-restore-transactions.md. */
export type RestoreMode = 'transactions' | 'idempotent'

/** A partition of the target. */
export interface TargetPlace {
  readonly topic: string
  readonly partition: number
}

/** A history of a partition in the backup; runs of the offset map name it by its place in `OpenedEntry.sources`. */
export interface LedgerSource {
  readonly topic: string
  readonly partition: number
  readonly lineage: number
}

/** A setting of a target topic that is held while a restore runs. `original` is put back; null: it was not set. */
export interface HeldSetting {
  readonly topic: string
  readonly name: string
  readonly held: string
  readonly original: string | null
}

/**
 * Records that follow each other without a hole in the source and in the target: source offset `sourceOffset + i` is target
 * offset `targetOffset + i`, for i below `records`. `source` is the place in `OpenedEntry.sources`.
 */
export interface OffsetRun {
  readonly source: number
  readonly sourceOffset: bigint
  readonly targetOffset: bigint
  readonly records: number
}

/** What every entry has. Entries are numbered from 1 without a hole and name the digest of the one before. */
export interface LedgerEntryBase {
  readonly number: bigint
  readonly previousSha256: string | null
  /** Eight hex digits of the process that wrote it. */
  readonly writer: string
  readonly atMs: number
}

/** The first entry: what is restored into what, before anything is written to the target. */
export interface OpenedEntry {
  readonly type: 'opened'
  readonly backupId: string
  readonly restoreId: string
  /** What was asked for, as it was asked for (relative times as text), and its digest. */
  readonly request: JsonValue
  readonly requestSha256: string
  /** The commit that the plan was made from, and what the request resolved to. */
  readonly commit: bigint
  readonly commitSha256: string
  readonly fromMs: bigint | null
  readonly toMs: bigint | null
  readonly planSha256: string
  readonly clusterId: string
  readonly mode: RestoreMode
  /** Topics of the target were allowed to hold records of others, and to get more of them meanwhile. */
  readonly isShared: boolean
  readonly sources: readonly LedgerSource[]
  readonly createdTopics: readonly string[]
  readonly heldSettings: readonly HeldSetting[]
}

/** The target as it stood right before the first record: topics exist, held settings are set. */
export interface BegunEntry {
  readonly type: 'begun'
  readonly topics: readonly {
    readonly name: string
    readonly topicId: string | null
    /** Of one batch, as the topic was then; whoever goes on asks again. null: not known. */
    readonly batchMaxBytes: number | null
  }[]
  /** First offset that a restored record may get. */
  readonly partitions: readonly (TargetPlace & { readonly beginOffset: bigint })[]
}

/**
 * A process took the restore over. Position is a count of records of the partition's stream; a batch of this producer and epoch
 * with base sequence s begins at position `basePosition + s` (sequences wrap at 2^31).
 */
export interface ClaimedEntry {
  readonly type: 'claimed'
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly partitions: readonly (TargetPlace & { readonly basePosition: bigint })[]
}

/** Records that are committed in the target; only partitions that moved since the entry before. */
export interface ProgressEntry {
  readonly type: 'progress'
  readonly partitions: readonly (TargetPlace & {
    /** Records of the stream that are in the target. */
    readonly position: bigint
    /** Everything of ours below this offset of the target is described by this entry and those before. */
    readonly nextOffset: bigint
    readonly runs: readonly OffsetRun[]
  })[]
}

/** The last entry: everything is written and every held setting was put back. */
export interface FinishedEntry {
  readonly type: 'finished'
  readonly outcome: 'complete' | 'incomplete'
  readonly records: number
  /** What the run that finished it wrote, and how long that took; null: not known, or it wrote nothing. */
  readonly pace: WritingPace | null
  readonly partitions: readonly (TargetPlace & { readonly position: bigint; readonly nextOffset: bigint })[]
}

/** How fast batches were written: their bytes, without verification. */
export interface WritingPace {
  readonly writtenBytes: number
  readonly durationMs: number
}

/** The last entry of a restore that nobody goes on with: another one of the same request was begun instead. */
export interface AbandonedEntry {
  readonly type: 'abandoned'
}

/** What an entry says, without its place in the ledger. */
export type LedgerContent =
  | OpenedEntry
  | BegunEntry
  | ClaimedEntry
  | ProgressEntry
  | FinishedEntry
  | AbandonedEntry

/** One object `restores/{restore}/{number}.json`; see docs/format/restore.md. */
export type LedgerEntry = LedgerEntryBase & LedgerContent
