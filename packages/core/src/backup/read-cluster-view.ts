import { toKafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { ClusterView } from '../format/cluster-document.ts'
import type { TopicsDocument } from '../format/topics-document.ts'
import type { Cluster, TopicSettings } from '../kafka/cluster.ts'
import { capturedTopics } from './captured-topics.ts'
import { mergeCluster } from './merge-cluster.ts'

/**
 * A cluster as it is now, with those topics that `captured` names. What may not be read is unread in the view. @throws KB_CLUSTER_*
 */
export async function readClusterView(
  cluster: Pick<Cluster, 'clusterFacts' | 'survey' | 'topicSettings'>,
  captured: TopicsDocument | null,
): Promise<ClusterView> {
  const sections = mergeCluster(null, await cluster.clusterFacts())
  if (!captured) return { ...sections, topics: null }
  const survey = await cluster.survey(captured.topics.map(({ name }) => name))
  const names = survey.topics.map(({ name }) => name)
  let failure: string | null = null
  const settings = await cluster.topicSettings(names, null).catch((error: unknown) => {
    const { code, context } = toKafkaBackupError(error)
    failure = String(context.kafkaError ?? code)
    return new Map<string, TopicSettings>()
  })
  return { ...sections, topics: capturedTopics({ survey, settings, failure }, captured) }
}
