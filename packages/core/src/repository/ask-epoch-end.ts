import { type Cluster, partitionName, type TopicPartition } from '../kafka/cluster.ts'
import type { AskEpochEnd } from './epoch-history.ts'

/** Asks the leader of one partition, one epoch at a time. */
export function askEpochEnd(cluster: Cluster, { topic, partition }: TopicPartition): AskEpochEnd {
  return async (leaderEpoch) => {
    const answers = await cluster.epochEnds([{ topic, partition, leaderEpoch }])
    return answers.get(partitionName({ topic, partition }))
  }
}
