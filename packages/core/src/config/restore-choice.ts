import type { BackupState } from '../format/backup-state.ts'
import type { RestoreSelection, TimeWindow } from '../restore/restore-plan.ts'
import type { RestoreRequest } from '../restore/restore-request.ts'
import type { Config } from './config.ts'
import { offsetRanges } from './offset-range.ts'
import { assertChoosing, isPartitionChosen, partitionSelection } from './partition-selection.ts'
import { requireBackupId } from './required-settings.ts'
import { mappedTopics } from './topic-mapping.ts'

/** What the configuration asks a restore for. @throws KB_CONFIG_INVALID without a backup id */
export function restoreRequestOf(config: Config): RestoreRequest {
  const { restore, target } = config
  return {
    backupId: requireBackupId(config),
    includeTopics: target?.topics.include ?? [],
    excludeTopics: target?.topics.exclude ?? [],
    asOfCommit: restore.asOfCommit ?? null,
    from: restore.from ?? null,
    to: restore.to ?? null,
    offsetRanges: restore.offsetRanges,
    partitions: restore.partitions,
    topicMapping: restore.topicMapping,
    partitionMapping: restore.partitionMapping,
    allowManyToOne: restore.allowManyToOne,
    repartitioning: restore.repartitioning,
    includeOriginalOffsetHeader: restore.includeOriginalOffsetHeader,
    stripOffsetHeaders: restore.stripOffsetHeaders,
    sourceClusterId: restore.sourceClusterId ?? null,
    keepOffsets: restore.manner.isKeepingOffsets,
    topicConfigOverrides: restore.topicConfigOverrides,
    restoreTopicConfigs: restore.restoreTopicConfigs,
    existingTopicConfigPolicy: restore.existingTopicConfigPolicy,
  }
}

/**
 * The request against a backup. `topics` are those that its patterns choose, `window` is what its times stand for: both are found once and
 * kept, so that a restore that goes on does not find something else.
 * @throws KB_TOPIC_NOT_FOUND, KB_USAGE
 */
export function restoreSelectionOf(
  request: RestoreRequest,
  state: BackupState,
  { topics, window }: { readonly topics: readonly string[]; readonly window: TimeWindow | null },
): RestoreSelection {
  const partitions = partitionSelection(request.partitions)
  assertChoosing(request.partitions, partitionsOf(state, topics))
  return {
    topics,
    topicMapping: mappedTopics(request.topicMapping, topics),
    isPartitionChosen: (topic, partition) => isPartitionChosen(partitions, topic, partition),
    partitionMapping: request.partitionMapping,
    allowManyToOne: request.allowManyToOne,
    repartitioning: new Map(
      [...request.repartitioning].map(([topic, targetPartitions]) => [topic, { targetPartitions }]),
    ),
    window,
    offsetRanges: offsetRanges(request.offsetRanges),
    headers: {
      isStripping: request.stripOffsetHeaders,
      isAdding: request.includeOriginalOffsetHeader,
      sourceCluster: request.sourceClusterId ?? state.source?.clusterId ?? null,
    },
    isKeepingOffsets: request.keepOffsets,
    configOverrides: request.topicConfigOverrides,
  }
}

/** Those that have a history; what is above the count of a topic belongs to an earlier one. */
/** Of each topic, the partitions that a backup holds. */
export function partitionsOf(state: BackupState, topics: readonly string[]): Map<string, number[]> {
  const known = state.partitions()
  return new Map(
    topics.map((name) => {
      const count = state.topics.get(name)?.partitions ?? 0
      const own = known.filter(({ topic, partition }) => topic === name && partition < count)
      return [name, [...new Set(own.map(({ partition }) => partition))].sort((a, b) => a - b)]
    }),
  )
}
