import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { BackupState } from '../format/backup-state.ts'
import type { LedgerSource } from '../format/restore-ledger.ts'
import { type Cluster, partitionName } from '../kafka/cluster.ts'
import type { CopiedTopic } from './copy-routes.ts'
import type { UnmappedReason } from './offset-report.ts'
import type { ReportedRestore, SourceRoute } from './report-offsets.ts'

/** A copy of topics of a backup, as it is found in a cluster. Names of partitions are `topic/partition`. */
export interface FoundCopy
  extends Pick<ReportedRestore, 'sources' | 'begins' | 'ends' | 'isKeepingOffsets' | 'isFinished'> {
  /** By the plan of a restore, without partitions that the cluster does not have; null: only names are known. */
  readonly routes: readonly SourceRoute[] | null
  /** By names; empty where there are routes. */
  readonly topics: readonly CopiedTopic[]
  /** Sources whose topic the cluster does not have. */
  readonly refusals: ReadonlyMap<string, UnmappedReason>
}

type SurveyedCluster = Pick<Cluster, 'survey'>

/** Looks what a restore has written up in its cluster, whatever its offset map says. */
export async function copyOfRestore(
  cluster: SurveyedCluster,
  restore: Omit<ReportedRestore, 'runs' | 'refusals' | 'disordered'>,
): Promise<FoundCopy> {
  const names = new Set(restore.routes.flatMap(({ targets }) => targets.map(({ topic }) => topic)))
  const counts = await partitionCounts(cluster, [...names])
  const refusals = new Map<string, UnmappedReason>()
  for (const { sources, targets } of restore.routes) {
    if (targets.every(({ topic }) => counts.has(topic))) continue
    for (const source of sources) refusals.set(partitionName(source), 'no_topic')
  }
  const routes = restore.routes.map(({ sources, targets }) => ({
    sources,
    targets: targets.filter(({ topic, partition }) => partition < (counts.get(topic) ?? 0)),
  }))
  return { ...restore, routes, topics: [], refusals }
}

/**
 * Looks a copy up by names alone: each topic of the backup under its new name, or its own. `renamed`: new names by old ones.
 * @throws KB_TOPIC_NOT_FOUND when the backup has no topic of an old name, or the cluster none of the new names
 */
export async function copyByNames(
  cluster: SurveyedCluster,
  state: BackupState,
  renamed: ReadonlyMap<string, string>,
): Promise<FoundCopy> {
  const unknown = [...renamed.keys()].find((name) => !state.topics.has(name))
  if (unknown !== undefined) throw notFound(unknown, `is not in backup ${state.backupId}`)
  const nameOf = (topic: string) => renamed.get(topic) ?? topic
  const counts = await partitionCounts(cluster, [...new Set([...state.topics.keys()].map(nameOf))])
  const [first] = renamed.values()
  const isNoneThere = [...renamed.values()].every((name) => !counts.has(name))
  if (first !== undefined && isNoneThere) throw notFound(first, 'is not in the cluster')
  const topics = [...state.topics.values()].map(({ name, partitions }): CopiedTopic => {
    const targetTopic = nameOf(name)
    const sources = Array.from({ length: partitions }, (_, partition) => state.partition(name, partition))
    return {
      sources: sources.flatMap((own): LedgerSource[] => {
        return own ? [{ topic: name, partition: own.partition, lineage: own.lineage }] : []
      }),
      targetTopic,
      targetPartitions: counts.get(targetTopic) ?? 0,
    }
  })
  const absent = topics.filter(({ targetPartitions }) => targetPartitions === 0)
  return {
    sources: topics.flatMap(({ sources }) => sources),
    routes: null,
    topics,
    begins: new Map(),
    ends: new Map(),
    isKeepingOffsets: false,
    // Nobody knows; what is still to come stands behind what is there.
    isFinished: true,
    refusals: new Map(
      absent.flatMap(({ sources }) => sources.map((own) => [partitionName(own), 'no_topic'] as const)),
    ),
  }
}

function notFound(topic: string, why: string): KafkaBackupError {
  return new KafkaBackupError('KB_TOPIC_NOT_FOUND', `topic "${topic}" ${why}`, { context: { topic } })
}

async function partitionCounts(
  cluster: SurveyedCluster,
  names: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const { topics } = await cluster.survey(names)
  return new Map(topics.map(({ name, partitions }) => [name, partitions.length]))
}
