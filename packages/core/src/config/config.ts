import type { CheckedValues } from './checked-values.ts'
import type { TopicPatterns } from './topic-selection.ts'

/** Everything a run is told, checked and unchangeable. Sizes in bytes, times in milliseconds. */
export interface Config {
  /** Present for a backup and a restore. */
  readonly backupId: string | undefined
  /** Present for every verb; a URL that is not opened yet. */
  readonly repositoryUrl: string | undefined
  /** Present for a backup. */
  readonly source: ClusterSettings | undefined
  /** Present for a restore. */
  readonly target: ClusterSettings | undefined
  readonly backup: BackupSettings
  readonly restore: RestoreSettings
}

/** How a cluster is reached, and which topics of it or for it are meant. */
export interface ClusterSettings {
  readonly bootstrapServers: readonly string[]
  readonly topics: TopicPatterns
  readonly connectionsPerBroker: number
}

/** How a backup is written. */
export interface BackupSettings {
  readonly segmentMaxBytes: number
  readonly segmentMaxIntervalMs: number
  readonly fetchMaxBytes: number
  readonly fetchMaxWaitMs: number
  readonly checkpointIntervalMs: number
  readonly compression: 'zstd' | 'lz4' | 'none'
  readonly compressionLevel: number
}

/** How a backup is restored. */
export interface RestoreSettings {
  /** Topic of the backup to topic of the target; others keep their names. */
  readonly topicMapping: ReadonlyMap<string, string>
  readonly createTopics: boolean
  /** -1: the cluster's default. */
  readonly defaultReplicationFactor: number
  readonly dryRun: boolean
  readonly produceTimeoutMs: number
}

/** Gathers the checked values under the names that the code uses. */
export function buildConfig(values: CheckedValues, repositoryUrl: string | undefined): Config {
  return Object.freeze({
    backupId: values.get('backup_id') as string | undefined,
    repositoryUrl,
    source: buildCluster(values, 'source'),
    target: buildCluster(values, 'target'),
    backup: Object.freeze({
      segmentMaxBytes: values.get('backup.segment_max_bytes') as number,
      segmentMaxIntervalMs: values.get('backup.segment_max_interval_ms') as number,
      fetchMaxBytes: values.get('backup.fetch_max_bytes') as number,
      fetchMaxWaitMs: values.get('backup.fetch_timeout_ms') as number,
      checkpointIntervalMs: (values.get('backup.checkpoint_interval_secs') as number) * 1000,
      compression: values.get('backup.compression') as BackupSettings['compression'],
      compressionLevel: values.get('backup.compression_level') as number,
    }),
    restore: Object.freeze({
      topicMapping: new Map(values.get('restore.topic_mapping') as ReadonlyMap<string, string>),
      createTopics: values.get('restore.create_topics') as boolean,
      defaultReplicationFactor: values.get('restore.default_replication_factor') as number,
      dryRun: values.get('restore.dry_run') as boolean,
      produceTimeoutMs: values.get('restore.produce_timeout_ms') as number,
    }),
  })
}

function buildCluster(values: CheckedValues, section: 'source' | 'target'): ClusterSettings | undefined {
  const bootstrapServers = listOf(values, `${section}.bootstrap_servers`)
  if (bootstrapServers.length === 0) return
  return Object.freeze({
    bootstrapServers,
    topics: Object.freeze({
      include: listOf(values, `${section}.topics.include`),
      exclude: listOf(values, `${section}.topics.exclude`),
      includeInternal: section === 'source' && values.get('backup.include_internal_topics') === true,
    }),
    connectionsPerBroker: values.get(`${section}.connection.connections_per_broker`) as number,
  })
}

function listOf(values: CheckedValues, path: string): readonly string[] {
  return Object.freeze([...((values.get(path) ?? []) as readonly string[])])
}
