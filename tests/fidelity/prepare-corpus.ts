import { fillTopics, type KafkaCluster } from '@kafka-backup/testkit'
import { createTopics } from '../harness/new-topics.ts'
import { CORPUS, MAX_MESSAGE_BYTES } from './corpus.ts'
import { RawProducer } from './raw-producer.ts'

/** Creates all topics of the corpus and writes what they hold, which stays as it is from then on. */
export async function prepareCorpus(cluster: KafkaCluster): Promise<void> {
  const sized = { 'max.message.bytes': `${MAX_MESSAGE_BYTES}` }
  const specs = CORPUS.map(({ topic, config }) => [topic, { partitions: 1, config: { ...sized, ...config } }])
  await createTopics(cluster, Object.fromEntries(specs))
  await produceByHand(cluster)
  const jobs = CORPUS.flatMap(({ topic, job }) => (job ? [{ ...job, topic, partition: 0 }] : []))
  await fillTopics(cluster, jobs)
  for (const { topic, deletedBefore } of CORPUS) {
    if (deletedBefore !== undefined) await cluster.tools.deleteRecords(topic, 0, deletedBefore)
  }
}

async function produceByHand(cluster: KafkaCluster): Promise<void> {
  using producer = await RawProducer.open(cluster)
  for (const { topic, config, batches } of CORPUS) {
    let current = config?.['message.timestamp.type'] ?? 'CreateTime'
    for (const { bytes, timestampType = current } of batches?.() ?? []) {
      if (timestampType !== current) {
        await cluster.tools.alterTopicConfig(topic, { 'message.timestamp.type': timestampType })
        current = timestampType
      }
      await producer.send(topic, bytes)
    }
  }
}
