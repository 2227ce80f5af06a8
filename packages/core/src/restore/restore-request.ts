import { canonicalJson, type JsonValue, sha256Hex } from '../format/canonical-json.ts'

/** What is done about an existing topic that has other settings than its source. */
export type ExistingTopicConfigPolicy = 'keep' | 'fail' | 'apply'

/**
 * What was asked for, as it was asked: patterns and relative times are text, nothing is resolved against a backup or a clock. Rates,
 * concurrency and everything else that does not change what is written is no part of it.
 */
export interface RestoreRequest {
  readonly backupId: string
  readonly includeTopics: readonly string[]
  readonly excludeTopics: readonly string[]
  readonly asOfCommit: bigint | null
  /** Times as they were written; null: no bound. */
  readonly from: string | null
  readonly to: string | null
  /** Items such as `orders/3:100-200`. */
  readonly offsetRanges: readonly string[]
  /** Items such as `0-3` and `orders:1`. */
  readonly partitions: readonly string[]
  /** Name or pattern to name or replacement. */
  readonly topicMapping: ReadonlyMap<string, string>
  readonly partitionMapping: ReadonlyMap<number, number>
  readonly allowManyToOne: boolean
  /** Target topic to number of partitions. */
  readonly repartitioning: ReadonlyMap<string, number>
  readonly includeOriginalOffsetHeader: boolean
  readonly stripOffsetHeaders: boolean
  readonly sourceClusterId: string | null
  readonly keepOffsets: boolean
  /** By target topic; `*`: all. */
  readonly topicConfigOverrides: ReadonlyMap<string, ReadonlyMap<string, string>>
  /** Whether topics that are created get the settings of their sources, and others are compared with them. */
  readonly restoreTopicConfigs: boolean
  readonly existingTopicConfigPolicy: ExistingTopicConfigPolicy
}

/** The request as it stands in the ledger. Rules of names keep their order, because the first that fits counts. */
export function requestDocument(request: RestoreRequest): JsonValue {
  return {
    backup_id: request.backupId,
    include_topics: request.includeTopics,
    exclude_topics: request.excludeTopics,
    as_of_commit: request.asOfCommit === null ? null : request.asOfCommit.toString(),
    from: request.from,
    to: request.to,
    offset_ranges: request.offsetRanges,
    partitions: request.partitions,
    topic_mapping: [...request.topicMapping],
    partition_mapping: Object.fromEntries(request.partitionMapping),
    allow_many_to_one: request.allowManyToOne,
    repartitioning: Object.fromEntries(request.repartitioning),
    include_original_offset_header: request.includeOriginalOffsetHeader,
    strip_offset_headers: request.stripOffsetHeaders,
    source_cluster_id: request.sourceClusterId,
    keep_offsets: request.keepOffsets,
    topic_config_overrides: Object.fromEntries(
      [...request.topicConfigOverrides].map(([topic, settings]) => [topic, Object.fromEntries(settings)]),
    ),
    // What is not chosen is left out: requests of a time when there was no choice are the same.
    without_topic_configs: request.restoreTopicConfigs ? undefined : true,
    existing_topic_config_policy:
      request.existingTopicConfigPolicy === 'keep' ? undefined : request.existingTopicConfigPolicy,
  }
}

/** Lower-case hex SHA-256 of {@link requestDocument}. */
export function requestSha256(request: RestoreRequest): string {
  return sha256Hex(canonicalJson(requestDocument(request)))
}
