import type { Cluster } from '../kafka/cluster.ts'

/**
 * The cluster as a reading asks it: when the signal is aborted, questions reject with its reason. Brokers that are silent would keep a run
 * that was told to stop from its last commit, and what they say later is of no use.
 */
export function askedUntilAborted(cluster: Cluster, signal: AbortSignal): Cluster {
  return {
    ...cluster,
    topicNames: () => untilAborted(signal, cluster.topicNames()),
    survey: (topics) => untilAborted(signal, cluster.survey(topics)),
    listOffsets: (kind, partitions) => untilAborted(signal, cluster.listOffsets(kind, partitions)),
    epochEnds: (questions) => untilAborted(signal, cluster.epochEnds(questions)),
    openTransactions: (partitions) => untilAborted(signal, cluster.openTransactions(partitions)),
    clusterFacts: () => untilAborted(signal, cluster.clusterFacts()),
    topicSettings: (topics, names) => untilAborted(signal, cluster.topicSettings(topics, names)),
  }
}

function untilAborted<T>(signal: AbortSignal, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason)
    if (signal.aborted) leave()
    signal.addEventListener('abort', leave, { once: true })
    const forget = () => signal.removeEventListener('abort', leave)
    answer.then(resolve, reject).finally(forget)
  })
}
