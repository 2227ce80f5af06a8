import type { BackupState } from '../format/backup-state.ts'
import type { IsolationLevel } from '../format/commit.ts'
import type { Cluster, ClusterSurvey, TopicDescription, TopicPartition } from '../kafka/cluster.ts'
import type { Clock } from '../runtime/clock.ts'
import type { BackupPlan } from './backup-plan.ts'
import { planDescribed } from './prepare-backup.ts'

/** What a continuous run looks for again and again. */
export interface TopicSelection {
  /** The chosen topics among those there are; none is missed that is gone. */
  readonly chooseTopics: (names: readonly string[]) => readonly string[]
  readonly isChosen: (topic: string, partition: number) => boolean
}

/** Where to look, and what the backup holds until now: everything that was read of what may join has to be in `state`. */
export interface DiscoveryOptions {
  readonly cluster: Cluster
  readonly state: BackupState
  readonly selection: TopicSelection
  readonly isolation: IsolationLevel
  readonly clock: Clock
  /** Gets what the chosen topics look like now. */
  readonly onSurveyed: (survey: ClusterSurvey) => void
  /** Gets all chosen partitions that nobody reads, also those without a leader. */
  readonly onUnattended: (partitions: readonly TopicPartition[]) => void
}

/**
 * Plans for chosen partitions that have a leader and that nobody reads: new ones, and those that had been given up. null when there are
 * none. @throws KB_CLUSTER_*, KB_BROKER_TRANSIENT, and what {@link planDescribed} refuses
 */
export async function discoverPartitions(
  { cluster, state, selection, isolation, clock, onSurveyed, onUnattended }: DiscoveryOptions,
  isRead: (topic: string, partition: number) => boolean,
): Promise<BackupPlan | null> {
  const topics = selection.chooseTopics(await cluster.topicNames())
  const survey = await cluster.survey(topics)
  onSurveyed(survey)
  const unattended = survey.topics
    .flatMap(partitionsOf)
    .filter(({ topic, partition }) => selection.isChosen(topic, partition) && !isRead(topic, partition))
  onUnattended(unattended)
  const joining = new Map<string, Set<number>>()
  for (const { topic, partition } of unattended.filter(({ leader }) => leader >= 0))
    joining.set(topic, (joining.get(topic) ?? new Set()).add(partition))
  if (joining.size === 0) return null
  const description = { ...survey, topics: survey.topics.filter(({ name }) => joining.has(name)) }
  const isChosen = (topic: string, partition: number) => joining.get(topic)?.has(partition) === true
  return planDescribed(cluster, state, { description, isChosen, isolation }, clock)
}

function partitionsOf({ name: topic, partitions }: TopicDescription) {
  return partitions.map(({ partition, leader }) => ({ topic, partition, leader }))
}
