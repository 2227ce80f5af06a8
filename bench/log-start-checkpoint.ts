import { setTimeout as delay } from 'node:timers/promises'
import { openCluster } from '@kafka-backup/core'
import {
  KAFKA_VERSIONS,
  type KafkaCluster,
  type KafkaVersion,
  startKafkaCluster,
} from '@kafka-backup/testkit'
import { fillerBatch } from '../packages/core/src/restore/filler-batch.ts'
import { RawProducer } from '../tests/fidelity/raw-producer.ts'
import { createTopics } from '../tests/harness/new-topics.ts'

/**
 * How much of a deletion a broker has forgotten after kill -9. One offset more is deleted again and again; after the kill the log start
 * tells which of the deletions was the last one that the broker had written down. `node bench/log-start-checkpoint.ts`
 */
const FILLER_RECORDS = 1_000_000
const STEP_MS = 250
const SETTING = 'log.flush.start.offset.checkpoint.interval.ms'
const TOPIC = 'moved'

/** Seconds from the begin of deletions to the kill; the broker has started right before. */
const ROUNDS: readonly { readonly intervalMs: number; readonly killAfterS: readonly number[] }[] = [
  { intervalMs: 60_000, killAfterS: [80, 110, 140] },
  { intervalMs: 5_000, killAfterS: [15, 33, 50] },
]

await Promise.all(KAFKA_VERSIONS.map(measure))

async function measure(version: KafkaVersion): Promise<void> {
  for (const { intervalMs, killAfterS } of ROUNDS) {
    await using cluster = await startKafkaCluster({ version, properties: { [SETTING]: String(intervalMs) } })
    await createTopics(cluster, { [TOPIC]: { partitions: 1 } })
    using producer = await RawProducer.open(cluster)
    await producer.send(TOPIC, fillerBatch(FILLER_RECORDS, Date.now()))
    for (const seconds of killAfterS) {
      await restart(cluster)
      const ageS = (await forgotten(cluster, seconds)).toFixed(1)
      say(
        version,
        `checkpoint every ${intervalMs / 1000} s, killed ${seconds} s later: the last ${ageS} s forgotten`,
      )
    }
    await measureTopicDeletion(version, cluster)
  }
}

/** Deletes on until the kill. Seconds from the first forgotten deletion to the kill; 0: none was. */
async function forgotten(cluster: KafkaCluster, killAfterS: number): Promise<number> {
  const begin = await logStart(cluster)
  const times: number[] = []
  const client = openCluster({ bootstrapServers: cluster.bootstrapServers, clientId: 'bench' })
  const endMs = performance.now() + killAfterS * 1000
  while (performance.now() < endMs) {
    await client.deleteRecords([{ topic: TOPIC, partition: 0, offset: begin + BigInt(times.length) + 1n }])
    times.push(performance.now())
    await delay(STEP_MS)
  }
  const killedMs = performance.now()
  await client.close()
  await restart(cluster)
  const kept = Number((await logStart(cluster)) - begin)
  const first = times[kept]
  return first === undefined ? 0 : (killedMs - first) / 1000
}

/** Whether deleting another topic, right after the records, makes the broker write it down. */
async function measureTopicDeletion(version: KafkaVersion, cluster: KafkaCluster): Promise<void> {
  for (const isDeleting of [false, true]) {
    await createTopics(cluster, { other: { partitions: 1 } })
    const client = openCluster({ bootstrapServers: cluster.bootstrapServers, clientId: 'bench' })
    const wanted = (await logStart(cluster)) + 1_000n
    await client.deleteRecords([{ topic: TOPIC, partition: 0, offset: wanted }])
    await client.close()
    await deleteTopic(cluster, 'other', isDeleting)
    await restart(cluster)
    const isKept = (await logStart(cluster)) === wanted
    if (!isDeleting) await deleteTopic(cluster, 'other', true)
    const what = isDeleting ? 'another topic deleted after the records' : 'nothing else deleted'
    say(version, `${what}, killed 3 s later: the deletion was ${isKept ? 'kept' : 'forgotten'}`)
  }
}

async function deleteTopic(cluster: KafkaCluster, topic: string, isDeleting: boolean): Promise<void> {
  if (isDeleting) await cluster.tools.deleteTopic(topic)
  await delay(3_000)
}

/** Kills it, which it does not notice, and starts it again. */
async function restart(cluster: KafkaCluster): Promise<void> {
  await cluster.broker(1).kill()
  await cluster.broker(1).start()
}

async function logStart(cluster: KafkaCluster): Promise<bigint> {
  const client = openCluster({ bootstrapServers: cluster.bootstrapServers, clientId: 'bench' })
  try {
    const found = await client.listOffsets('log_start', [{ topic: TOPIC, partition: 0 }])
    return found.get(`${TOPIC}/0`) ?? 0n
  } finally {
    await client.close()
  }
}

function say(version: KafkaVersion, what: string): void {
  process.stdout.write(`Kafka ${version}: ${what}\n`)
}
