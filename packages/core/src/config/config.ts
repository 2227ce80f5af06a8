import type { ClusterSecurity } from '../kafka/security.ts'
import type { ExistingTopicConfigPolicy } from '../restore/restore-request.ts'
import type { StorageCredentials } from '../storage/storage-credentials.ts'
import type { CheckedValues } from './checked-values.ts'
import type { OffsetStorage } from './offset-storage.ts'
import { type PartitionSelection, partitionSelection } from './partition-selection.ts'
import { type RestoreManner, restoreManner } from './restore-manner.ts'
import { type RestorePace, restorePace } from './restore-pace.ts'
import { repartitions, type SectionMaps } from './section-maps.ts'
import type { TopicPatterns } from './topic-selection.ts'

/** Everything a run is told, checked and unchangeable. Sizes in bytes, times in milliseconds. */
export interface Config {
  /** Present for a backup and a restore. */
  readonly backupId: string | undefined
  /** Present for every verb; a URL that is not opened yet. */
  readonly repositoryUrl: string | undefined
  /** Secrets for it that were given explicitly; often none. */
  readonly storageCredentials: StorageCredentials
  /** Most bytes a second to and from it; undefined: no limit. */
  readonly storageRateLimit: number | undefined
  /** Present for a backup. */
  readonly source: ClusterSettings | undefined
  /** Present for a restore. */
  readonly target: ClusterSettings | undefined
  readonly backup: BackupSettings
  readonly restore: RestoreSettings
  readonly offsetStorage: OffsetStorage
  /** Gets figures of the run; undefined: none does. */
  readonly metricsFile: string | undefined
}

/** How a cluster is reached, and which topics of it or for it are meant. */
export interface ClusterSettings {
  readonly bootstrapServers: readonly string[]
  readonly topics: TopicPatterns
  readonly connectionsPerBroker: number
  /** Empty: of no rack. */
  readonly rackId: string
  /** Absent: plain connections without an account. */
  readonly security?: ClusterSecurity
}

/** How a backup is written. */
export interface BackupSettings {
  readonly segmentMaxBytes: number
  readonly segmentMaxIntervalMs: number
  readonly fetchMaxBytes: number
  readonly fetchMaxWaitMs: number
  readonly checkpointIntervalMs: number
  readonly isCheckpointingOnStop: boolean
  /** How long a run may take to end after it was stopped. */
  readonly shutdownTimeoutMs: number
  readonly isContinuous: boolean
  /** How often a continuous run looks for topics. */
  readonly topicRefreshIntervalMs: number
  readonly compression: 'zstd' | 'lz4' | 'none'
  readonly compressionLevel: number
  readonly partitions: PartitionSelection
  readonly isolationLevel: 'read_committed' | 'read_uncommitted'
  /** How long transactions may be open where the run should end. */
  readonly transactionWaitMs: number
  /** Within which a deletion of what is not read yet is worth a warning; 0: none is. */
  readonly deletionWarningMs: number
  /** Whether the run announces itself in the repository. */
  readonly hasLease: boolean
  /** What becomes of a run that cannot read the settings of its topics; undefined: it does not try. */
  readonly topicSettings: 'captured' | 'required' | undefined
  readonly isDescribingCluster: boolean
  readonly hasConsumerGroups: boolean
  /** How often a continuous run reads them again. */
  readonly consumerGroupIntervalMs: number
}

/** How a backup is restored. */
export interface RestoreSettings {
  /** Rules for new names, see mappedTopics; topics that none fits keep their names. */
  readonly topicMapping: ReadonlyMap<string, string>
  readonly createTopics: boolean
  /** -1: that of the source, or the cluster's default where that is not known. */
  readonly defaultReplicationFactor: number
  readonly dryRun: boolean
  readonly produceTimeoutMs: number
  /** The last commit that counts; undefined: all do. */
  readonly asOfCommit: bigint | undefined
  /** Times as they were written; see resolveWindow. */
  readonly from: string | undefined
  readonly to: string | undefined
  readonly offsetRanges: readonly string[]
  readonly partitions: readonly string[]
  readonly partitionMapping: ReadonlyMap<number, number>
  readonly allowManyToOne: boolean
  /** Topic of the target to number of partitions. */
  readonly repartitioning: ReadonlyMap<string, number>
  readonly includeOriginalOffsetHeader: boolean
  readonly stripOffsetHeaders: boolean
  readonly sourceClusterId: string | undefined
  /** By topic of the target; under `*` those of all. */
  readonly topicConfigOverrides: ReadonlyMap<string, ReadonlyMap<string, string>>
  /** Whether topics that are created get the settings of their sources. */
  readonly restoreTopicConfigs: boolean
  readonly existingTopicConfigPolicy: ExistingTopicConfigPolicy
  readonly pace: RestorePace
  readonly manner: RestoreManner
}

/** Of the clusters that the verb uses. */
export type SecurityOfClusters = Partial<Record<'source' | 'target', ClusterSecurity | undefined>>

/** Where the repository is, and what opens it. */
export interface RepositoryAccess {
  readonly url: string | undefined
  readonly credentials: StorageCredentials
}

/** Gathers the checked values under the names that the code uses. */
export function buildConfig(
  values: CheckedValues,
  repository: RepositoryAccess,
  { security, offsetStorage }: { security: SecurityOfClusters; offsetStorage: OffsetStorage },
): Config {
  const asOfCommit = values.get('restore.as_of_commit') as number | undefined
  return Object.freeze({
    backupId: values.get('backup_id') as string | undefined,
    repositoryUrl: repository.url,
    storageCredentials: repository.credentials,
    storageRateLimit: values.get('storage.rate_limit_bytes_per_sec') as number | undefined,
    offsetStorage,
    metricsFile: values.get('metrics.file') as string | undefined,
    source: buildCluster(values, 'source', security.source),
    target: buildCluster(values, 'target', security.target),
    backup: Object.freeze({
      segmentMaxBytes: values.get('backup.segment_max_bytes') as number,
      segmentMaxIntervalMs: values.get('backup.segment_max_interval_ms') as number,
      fetchMaxBytes: values.get('backup.fetch_max_bytes') as number,
      fetchMaxWaitMs: values.get('backup.fetch_timeout_ms') as number,
      checkpointIntervalMs: (values.get('backup.checkpoint_interval_secs') as number) * 1000,
      isCheckpointingOnStop: values.get('backup.checkpoint_on_shutdown') as boolean,
      shutdownTimeoutMs: (values.get('backup.shutdown_timeout_secs') as number) * 1000,
      isContinuous: values.get('backup.continuous') as boolean,
      topicRefreshIntervalMs: (values.get('backup.topic_refresh_interval_secs') as number) * 1000,
      compression: values.get('backup.compression') as BackupSettings['compression'],
      compressionLevel: values.get('backup.compression_level') as number,
      partitions: partitionSelection(listOf(values, 'backup.partitions')),
      isolationLevel: values.get('backup.isolation_level') as BackupSettings['isolationLevel'],
      transactionWaitMs: (values.get('backup.transaction_wait_secs') as number) * 1000,
      hasLease: values.get('backup.lease') as boolean,
      isDescribingCluster: values.get('backup.capture_cluster_description') as boolean,
      hasConsumerGroups: values.get('backup.consumer_group_snapshot') as boolean,
      consumerGroupIntervalMs: (values.get('backup.consumer_group_snapshot_interval_secs') as number) * 1000,
      deletionWarningMs: (values.get('backup.deletion_warning_secs') as number) * 1000,
      topicSettings: topicSettingsOf(values),
    }),
    restore: Object.freeze({
      topicMapping: new Map(values.get('restore.topic_mapping') as ReadonlyMap<string, string>),
      createTopics: values.get('restore.create_topics') as boolean,
      defaultReplicationFactor: values.get('restore.default_replication_factor') as number,
      dryRun: values.get('restore.dry_run') as boolean,
      produceTimeoutMs: values.get('restore.produce_timeout_ms') as number,
      asOfCommit: asOfCommit === undefined ? undefined : BigInt(asOfCommit),
      ...buildChoice(values),
      pace: restorePace(values),
      manner: restoreManner(values),
    }),
  })
}

function topicSettingsOf(values: CheckedValues): BackupSettings['topicSettings'] {
  if (values.get('backup.capture_topic_configs') !== true) return undefined
  return values.get('backup.require_topic_configs') === true ? 'required' : 'captured'
}

type RestoreChoice =
  | 'from'
  | 'to'
  | 'offsetRanges'
  | 'partitions'
  | 'partitionMapping'
  | 'allowManyToOne'
  | 'repartitioning'
  | 'includeOriginalOffsetHeader'
  | 'stripOffsetHeaders'
  | 'sourceClusterId'
  | 'topicConfigOverrides'
  | 'restoreTopicConfigs'
  | 'existingTopicConfigPolicy'

function buildChoice(values: CheckedValues): Pick<RestoreSettings, RestoreChoice> {
  const mapping = values.get('restore.partition_mapping') as ReadonlyMap<string, string>
  return {
    from: values.get('restore.time_window_start') as string | undefined,
    to: values.get('restore.time_window_end') as string | undefined,
    offsetRanges: listOf(values, 'restore.offset_ranges'),
    partitions: [...listOf(values, 'restore.source_partitions'), ...listOf(values, 'restore.partitions')],
    partitionMapping: new Map([...mapping].map(([from, to]) => [Number(from), Number(to)])),
    allowManyToOne: values.get('restore.allow_many_to_one') as boolean,
    repartitioning: repartitions(values.get('restore.repartitioning') as SectionMaps),
    includeOriginalOffsetHeader: values.get('restore.include_original_offset_header') as boolean,
    stripOffsetHeaders: values.get('restore.strip_offset_headers') as boolean,
    sourceClusterId: values.get('restore.source_cluster_id') as string | undefined,
    topicConfigOverrides: values.get('restore.topic_config_overrides') as SectionMaps,
    restoreTopicConfigs: values.get('restore.restore_topic_configs') as boolean,
    existingTopicConfigPolicy: values.get(
      'restore.existing_topic_config_policy',
    ) as ExistingTopicConfigPolicy,
  }
}

function buildCluster(
  values: CheckedValues,
  section: 'source' | 'target',
  security: ClusterSecurity | undefined,
): ClusterSettings | undefined {
  const bootstrapServers = listOf(values, `${section}.bootstrap_servers`)
  if (bootstrapServers.length === 0) return
  const internalTopics = section === 'source' ? listOf(values, 'backup.internal_topics') : []
  return Object.freeze({
    bootstrapServers,
    topics: Object.freeze({
      include: Object.freeze([...listOf(values, `${section}.topics.include`), ...internalTopics]),
      exclude: listOf(values, `${section}.topics.exclude`),
      includeInternal: section === 'source' && values.get('backup.include_internal_topics') === true,
    }),
    connectionsPerBroker: values.get(`${section}.connection.connections_per_broker`) as number,
    rackId: (values.get(`${section}.rack_id`) ?? '') as string,
    ...(security ? { security } : {}),
  })
}

function listOf(values: CheckedValues, path: string): readonly string[] {
  return Object.freeze([...((values.get(path) ?? []) as readonly string[])])
}
