import type { ClusterDescription, PartitionDescription, TopicDescription } from '../kafka/cluster.ts'
import type { PartitionPlan } from './backup-plan.ts'

/** What the cluster says of a planned partition; undefined where it knows none. */
export interface DescribedPartition {
  readonly topic: TopicDescription | undefined
  readonly partition: PartitionDescription | undefined
  /** The topic of that name is not the one that was planned, by its id. */
  readonly isOtherTopic: boolean
}

/** Looks a planned partition up. */
export function describedPartition(description: ClusterDescription, plan: PartitionPlan): DescribedPartition {
  const topic = description.topics.find(({ name }) => name === plan.topic)
  const topicId = topic?.topicId ?? null
  return {
    topic,
    partition: topic?.partitions.find(({ partition }) => partition === plan.partition),
    isOtherTopic: plan.topicId !== null && topicId !== null && topicId !== plan.topicId,
  }
}
