import { KAFKA_VERSIONS, SourceDriver, seededRandom, startKafkaCluster } from '@kafka-backup/testkit'
import { openBrokerLink } from '../../packages/core/src/kafka/broker-connections.ts'
import { openCluster } from '../../packages/core/src/kafka/client-cluster.ts'
import {
  type ClusterSubject,
  describeClusterReading,
} from '../../packages/testkit/src/conformance/cluster-reading.ts'
import { FaultPlan } from '../../packages/testkit/src/simulation/faults.ts'
import { simulatedCluster } from '../../packages/testkit/src/simulation/simulated-cluster.ts'
import { openSimulatedLinks } from '../../packages/testkit/src/simulation/simulated-connection.ts'
import { SimulatedProcess } from '../../packages/testkit/src/simulation/simulated-process.ts'
import { SimulatedTopics } from '../../packages/testkit/src/simulation/simulated-topics.ts'
import { SimulatedWorld } from '../../packages/testkit/src/simulation/world.ts'

const HEARTBEAT_MS = 10
const TRANSACTION_TIMEOUT_MS = 600_000

for (const version of KAFKA_VERSIONS) describeClusterReading(`Kafka ${version}`, () => openReal(version))
describeClusterReading('the simulated cluster', openSimulated)

async function openReal(version: (typeof KAFKA_VERSIONS)[number]): Promise<ClusterSubject> {
  const kafka = await startKafkaCluster({ version })
  const cluster = openCluster({ bootstrapServers: kafka.bootstrapServers, clientId: 'conformance' })
  const driver = new SourceDriver(kafka)
  let labels = 0
  const order = (topic: string, records: number) => {
    return { topic, label: `label-${++labels}`, records, recordsPerBatch: records, valueBytes: 50 }
  }
  return {
    cluster,
    openLink: openBrokerLink,
    createTopic: (name, partitions) => driver.createTopic(name, { replicas: partitions }),
    append: async (topic, records) => void (await driver.write(order(topic, records))),
    async transact(topic, records, end) {
      const transaction = await driver.beginTransaction(`transaction-${labels}`, TRANSACTION_TIMEOUT_MS)
      await transaction.write(order(topic, records))
      if (end !== 'open') await transaction.end(end)
    },
    deleteBefore: (topic, offset) => driver.deleteRecords(topic, new Map([[0, offset]])),
    commitGroup: (group, topic, offset, metadata) =>
      driver.commitGroup(group, { topic, partition: 0, offset, metadata }),
    deleteGroup: (group) => driver.deleteGroup(group),
    async close() {
      await driver[Symbol.asyncDispose]()
      await cluster.close()
      await kafka.close()
    },
  }
}

async function openSimulated(): Promise<ClusterSubject> {
  const world = new SimulatedWorld()
  const process = new SimulatedProcess(world, { name: 'reader', random: seededRandom(1) })
  const topics = new SimulatedTopics(1, () => world.elapsedMs)
  const faults = FaultPlan.none(seededRandom(2))
  let isClosed = false
  // Time goes on by itself, as it does for brokers.
  const beat = () => void world.after(HEARTBEAT_MS, beat)
  beat()
  const living = world.run(() => isClosed, Number.POSITIVE_INFINITY)
  const logOf = (topic: string) => topics.logOf({ topic, partition: 0 })!
  const records = (count: number) =>
    Array.from({ length: count }, (_, at) => {
      return { timestamp: BigInt(world.nowMs), key: null, value: Buffer.from(`value ${at}`), headers: [] }
    })
  let producers = 0n
  return {
    cluster: simulatedCluster(topics, process, faults),
    openLink: openSimulatedLinks({ topics, process, faults, random: seededRandom(3), fetchVersion: 13 }),
    createTopic: async (name, partitions) => void topics.create(name, partitions),
    append: async (topic, count) => logOf(topic).append(records(count)),
    async transact(topic, count, end) {
      const producerId = ++producers
      logOf(topic).appendInTransaction(producerId, records(count))
      if (end !== 'open') logOf(topic).endTransaction(producerId, end)
    },
    deleteBefore: async (topic, offset) => logOf(topic).deleteBefore(offset),
    commitGroup: async (group, topic, offset, metadata) =>
      topics.groups.commit(group, { topic, partition: 0, offset, metadata }),
    deleteGroup: async (group) => topics.groups.delete(group),
    async close() {
      isClosed = true
      await living
    },
  }
}
