import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { canonicalJson, type JsonValue, sha256Hex } from '../format/canonical-json.ts'

/** A moment as it was asked for; a relative one depends on when it is resolved. */
export interface TimeBound {
  /** As it was written: part of what was asked for. */
  readonly text: string
  /** Milliseconds since the epoch, or before the moment of resolving. */
  readonly ms: bigint
  readonly isRelative: boolean
}

/** Offsets of one partition of the source, both inclusive; null: no bound. */
export interface OffsetRange {
  readonly topic: string
  readonly partition: number
  readonly firstOffset: bigint | null
  readonly lastOffset: bigint | null
}

/** New names for topics. `entries` is what was asked for, `targetOf` what it means. */
export interface TopicRenaming {
  readonly entries: readonly (readonly [from: string, to: string])[]
  /** Exact names on the left; each must be in the backup. */
  readonly exact: readonly string[]
  targetOf(topic: string): string
}

/** Headers that a restore takes away and adds; docs/restore.md has their bytes. */
export interface HeaderPlan {
  readonly isAdding: boolean
  readonly isStripping: boolean
  /** Value of `x-source-cluster`; null: it is not added. */
  readonly sourceCluster: string | null
}

/** What is to be restored, as the user said it. Nothing of it is about speed. */
export interface RestoreRequest {
  readonly backupId: string
  /** undefined: the newest. */
  readonly asOfCommit: bigint | undefined
  /** As it was asked for; `chooseTopics` says what it means. */
  readonly topics: { readonly include: readonly string[]; readonly exclude: readonly string[] }
  /** Among the topics of the backup. @throws KB_TOPIC_NOT_FOUND */
  chooseTopics(names: readonly string[]): readonly string[]
  readonly from: TimeBound | null
  readonly to: TimeBound | null
  readonly offsets: readonly OffsetRange[]
  /** Of every topic; null: all of them. */
  readonly sourcePartitions: readonly number[] | null
  readonly renaming: TopicRenaming
  /** Of every topic. A partition that is not in it keeps its number. */
  readonly partitionMapping: ReadonlyMap<number, number>
  /** Several topics or partitions may go into one. */
  readonly isManyToOne: boolean
  /** Number of partitions by target topic; keys decide where records go. */
  readonly repartitioning: ReadonlyMap<string, number>
  readonly headers: HeaderPlan
  readonly isKeepingOffsets: boolean
}

/** The times of a request, once and for all. Milliseconds since the epoch, both inclusive. */
export interface ResolvedRequest {
  readonly fromMs: bigint | null
  readonly toMs: bigint | null
}

/** @throws KB_USAGE when the window ends before it begins */
export function resolveRequest(request: RestoreRequest, nowMs: number): ResolvedRequest {
  const fromMs = resolve(request.from, nowMs)
  const toMs = resolve(request.to, nowMs)
  if (fromMs !== null && toMs !== null && fromMs > toMs) {
    throw new KafkaBackupError(
      'KB_USAGE',
      `the time window ends before it begins: from ${request.from?.text} to ${request.to?.text}`,
    )
  }
  return { fromMs, toMs }
}

function resolve(bound: TimeBound | null, nowMs: number): bigint | null {
  if (bound === null) return null
  return bound.isRelative ? BigInt(nowMs) - bound.ms : bound.ms
}

/** The request as a document of the ledger. */
export function requestDocument(request: RestoreRequest): JsonValue {
  return {
    backup_id: request.backupId,
    as_of_commit: request.asOfCommit === undefined ? null : request.asOfCommit.toString(),
    topics: { include: request.topics.include.toSorted(), exclude: request.topics.exclude.toSorted() },
    from: request.from?.text ?? null,
    to: request.to?.text ?? null,
    offsets: request.offsets.map((range) => ({
      topic: range.topic,
      partition: range.partition,
      first: range.firstOffset === null ? null : range.firstOffset.toString(),
      last: range.lastOffset === null ? null : range.lastOffset.toString(),
    })),
    source_partitions: request.sourcePartitions?.toSorted((a, b) => a - b) ?? null,
    topic_mapping: request.renaming.entries.map((entry) => [...entry]),
    partition_mapping: [...request.partitionMapping].sort(([a], [b]) => a - b).map((entry) => [...entry]),
    many_to_one: request.isManyToOne,
    repartitioning: Object.fromEntries(request.repartitioning),
    headers: {
      adding: request.headers.isAdding,
      stripping: request.headers.isStripping,
      source_cluster: request.headers.sourceCluster,
    },
    keep_offsets: request.isKeepingOffsets,
  }
}

/** By it an unfinished restore of the same request is found again. */
export function requestSha256(request: RestoreRequest): string {
  return sha256Hex(canonicalJson(requestDocument(request)))
}
