import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { CheckedValues } from './checked-values.ts'
import type { ClusterSettings, Config } from './config.ts'
import type { GivenValue } from './given-values.ts'
import type { ProblemList } from './problems.ts'
import type { Verb } from './setting.ts'

const BACKUP_ID = 'say which backup is meant: --backup-id daily or backup_id'
const REPOSITORY =
  'say where the repository is: --repo file:///var/backups or s3://bucket/prefix, or storage in the file'
const TOPICS = 'say which topics to back up: --topics orders,payments-* or source.topics.include'
const CLUSTER = {
  source: 'say where the source cluster is: --bootstrap-servers broker-1:9092 or source.bootstrap_servers',
  target: 'say where the target cluster is: --bootstrap-servers broker-1:9092 or target.bootstrap_servers',
} as const

/** Reports what a verb cannot do without. */
export function checkRequired(values: CheckedValues, verb: Verb, problems: ProblemList): void {
  const require = (path: string, message: string): void => {
    if (values.isMissing(path)) problems.add({ code: 'KB_CONFIG_INVALID', message, key: path })
  }
  // Whatever else stands in the section is either a place or reported.
  const isPlace = ({ setting: { path, type } }: GivenValue): boolean =>
    type.kind !== 'secret' && (path !== 'storage.backend' || values.get(path) !== 'filesystem')
  const hasPlace = values.isWrong('storage.backend') || values.givenBelow('storage.').some(isPlace)
  const isWrongPlace = ['bucket', 'path', 'container_name'].some((name) => values.isWrong(`storage.${name}`))
  if (!hasPlace && !isWrongPlace) require('repo', REPOSITORY)
  if (verb === 'read' || verb === 'status') return
  require('backup_id', BACKUP_ID)
  // Two states of a backup are compared without a cluster.
  if (verb === 'compare') return
  const role = verb === 'restore' ? 'target' : 'source'
  require(`${role}.bootstrap_servers`, CLUSTER[role])
  // A restore without a choice restores the whole backup; a backup of a whole cluster is asked for with a glob.
  if (verb === 'backup' && values.isMissing('backup.internal_topics'))
    require('source.topics.include', TOPICS)
}

/** The backup id of verbs that read one backup. @throws KB_CONFIG_INVALID */
export function requireBackupId(config: Config): string {
  return present(config.backupId, BACKUP_ID)
}

/** @throws KB_CONFIG_INVALID */
export function requireRepositoryUrl(config: Config): string {
  return present(config.repositoryUrl, REPOSITORY)
}

/** @throws KB_CONFIG_INVALID */
export function requireCluster(config: Config, role: 'source' | 'target'): ClusterSettings {
  return present(config[role], CLUSTER[role])
}

function present<T>(value: T | undefined, message: string): T {
  if (value === undefined) throw new KafkaBackupError('KB_CONFIG_INVALID', message)
  return value
}
