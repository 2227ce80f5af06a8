import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { cappingBrokers } from './capped-in-sync.ts'
import type { Cluster, ClusterAddress, ClusterDescription, ClusterSurvey } from './cluster.ts'
import { clusterFacts } from './cluster-administration.ts'
import { changeTopicSettings, deleteRecords, topicOperations } from './cluster-changes.ts'
import { ClusterConnections } from './cluster-connections.ts'
import { consumerGroups } from './cluster-groups.ts'
import { appendMarkers, mayAppendMarkers } from './cluster-markers.ts'
import { readMetadata } from './cluster-metadata.ts'
import { epochEnds, listOffsets, offsetsAtTimes } from './cluster-offsets.ts'
import { brokerSetting, topicSettings } from './cluster-settings.ts'
import { createTopics, topicConfigs, tryTopics } from './cluster-topics.ts'
import { openTransactions } from './cluster-transactions.ts'

/** A cluster over connections of our own; requests are encoded by the client library. Connects when it is asked first. */
export function openCluster(address: ClusterAddress): Cluster {
  const connections = new ClusterConnections(address)
  return {
    async topicNames() {
      const { topics } = await readMetadata(connections, null)
      return topics.map((topic) => topic.name)
    },
    describe: (topics) => describe(connections, topics),
    survey: (topics) => survey(connections, topics),
    listOffsets: (kind, partitions) => listOffsets(connections, kind, partitions),
    offsetsAtTimes: (questions) => offsetsAtTimes(connections, questions),
    epochEnds: (questions) => epochEnds(connections, questions),
    openTransactions: (partitions) => openTransactions(connections, partitions),
    consumerGroups: (known, signal) => consumerGroups(connections, known, signal),
    clusterFacts: () => clusterFacts(connections),
    topicConfigs: (topics, names) => topicConfigs(connections, topics, names),
    topicOverrides: (topics, names) => topicConfigs(connections, topics, names, true),
    topicSettings: (topics, names) => topicSettings(connections, topics, names),
    brokerSetting: (name) => brokerSetting(connections, name),
    cappingBrokers: (brokers) => cappingBrokers(connections, brokers),
    topicOperations: (topics) => topicOperations(connections, topics),
    changeTopicSettings: (changes, isTrial) => changeTopicSettings(connections, changes, isTrial),
    deleteRecords: (bounds) => deleteRecords(connections, bounds),
    appendMarkers: (series) => appendMarkers(connections, series),
    mayAppendMarkers: () => mayAppendMarkers(connections),
    tryTopics: (topics) => tryTopics(connections, topics),
    createTopics: (topics, signal) => createTopics(connections, topics, signal),
    close: () => connections.close(),
  }
}

async function survey(connections: ClusterConnections, wanted: readonly string[]): Promise<ClusterSurvey> {
  const { clusterId, brokers, topics, absent } = await readMetadata(connections, wanted)
  return { clusterId, brokers, topics, absent }
}

async function describe(
  connections: ClusterConnections,
  wanted: readonly string[],
): Promise<ClusterDescription> {
  const { absent, ...description } = await survey(connections, wanted)
  const namesOf = (reason: 'missing' | 'denied') => wanted.filter((name) => absent.get(name) === reason)
  assertNone('KB_TOPIC_NOT_FOUND', namesOf('missing'), (subject, isOne) => {
    return `${subject} ${isOne ? 'does' : 'do'} not exist on ${connections.where}`
  })
  assertNone('KB_CLUSTER_PERMISSION', namesOf('denied'), (subject) => {
    return `the account may not describe ${subject} on ${connections.where}`
  })
  return description
}

function assertNone(
  code: 'KB_TOPIC_NOT_FOUND' | 'KB_CLUSTER_PERMISSION',
  names: readonly string[],
  sentence: (subject: string, isOne: boolean) => string,
): void {
  const [first] = names
  if (first === undefined) return
  const isOne = names.length === 1
  const quoted = names.map((name) => `"${name}"`).join(', ')
  const message = sentence(isOne ? `topic ${quoted}` : `topics ${quoted}`, isOne)
  throw new KafkaBackupError(code, message, { context: { topic: first } })
}
