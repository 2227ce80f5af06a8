import { join } from 'node:path'
import { openCluster } from '@kafka-backup/core'
import { fillTopics, KAFKA_VERSIONS, type KafkaVersion, startKafkaCluster } from '@kafka-backup/testkit'
import { TransactionCoordinator } from '../packages/core/src/kafka/transaction-coordinator.ts'
import { fillerBatch } from '../packages/core/src/restore/filler-batch.ts'
import { EmptyTransactions } from '../packages/core/src/restore/gap-writer.ts'
import { systemClock } from '../packages/core/src/runtime/clock.ts'
import { RawProducer } from '../tests/fidelity/raw-producer.ts'
import { type Archive, backupArgs, expectExit, restoreArgs } from '../tests/harness/archive.ts'

/** What keeping offsets costs: filler, markers and empty transactions, by version and number of replicas. */
const FILLER_BATCHES = 20
const FILLER_RECORDS = 1_000_000
const MARKERS = 100_000
const MARKERS_A_REQUEST = 2_000
const TRANSACTIONS = 300
const signal = AbortSignal.timeout(600_000)

for (const version of KAFKA_VERSIONS) for (const brokers of [1, 3] as const) await measure(version, brokers)

async function measure(version: KafkaVersion, brokers: 1 | 3): Promise<void> {
  await using cluster = await startKafkaCluster({ version, brokers, compiler: 'best' })
  const client = openCluster({ bootstrapServers: cluster.bootstrapServers, clientId: 'bench' })
  const archive: Archive = { folder: join(cluster.folder, 'repository'), backupId: 'daily' }
  const place = { partitions: 1, replicationFactor: brokers, configs: new Map([['retention.ms', '-1']]) }
  await client.createTopics(['started', 'holes', 'empty'].map((name) => ({ name, ...place })))
  const started = { topic: 'started', partition: 0 }
  using producer = await RawProducer.open(await leaderOnly(client, cluster))
  const filler = fillerBatch(FILLER_RECORDS, Date.now())
  for (let batches = 0; batches < FILLER_BATCHES; batches++) await producer.send('started', filler)
  await client.deleteRecords([{ ...started, offset: BigInt(FILLER_BATCHES * FILLER_RECORDS) }])
  await fillTopics(
    cluster,
    ['started', 'holes'].map((topic) => ({ topic, records: 10 })),
  )
  for (let written = 0; written < MARKERS; written += MARKERS_A_REQUEST) {
    await client.appendMarkers({
      topic: 'holes',
      partition: 0,
      producerId: 2n ** 61n,
      count: MARKERS_A_REQUEST,
    })
  }
  await expectExit(0, backupArgs(cluster, archive, ['started', 'holes']))
  const what = `Kafka ${version}, ${brokers} broker${brokers > 1 ? 's, 3 replicas' : ''}`
  const replicas = ['--default-replication-factor', String(brokers)]
  for (const [topic, offsets] of [
    ['started', FILLER_BATCHES * FILLER_RECORDS],
    ['holes', MARKERS],
  ] as const) {
    const args = restoreArgs(cluster, archive, new Map([[topic, `${topic}-kept`]]))
    const end = await expectExit(0, [...args, ...replicas, '--keep-offsets'])
    const { duration_ms: ms, filled_offsets: filled } = end.json<{
      duration_ms: number
      filled_offsets: object
    }>()
    say(`${what}: restore with ${JSON.stringify(filled)}`, offsets, ms)
  }
  await measureTransactions(what, client)
  await client.close()
}

async function measureTransactions(what: string, cluster: ReturnType<typeof openCluster>): Promise<void> {
  const options = { cluster, clientId: 'bench', clock: systemClock, transactionTimeoutMs: 60_000 }
  const writer = new EmptyTransactions(new TransactionCoordinator({ ...options, transactionalId: 'bench' }))
  await writer.settle(signal)
  const beganMs = performance.now()
  for (let at = 0; at < TRANSACTIONS; at++) await writer.append({ topic: 'empty', partition: 0 }, 1n, signal)
  say(`${what}: empty transactions`, TRANSACTIONS, performance.now() - beganMs)
  writer.close()
}

/** Raw batches go to the first broker of the list: it has to lead. */
async function leaderOnly(
  client: ReturnType<typeof openCluster>,
  cluster: Awaited<ReturnType<typeof startKafkaCluster>>,
) {
  const [topic] = (await client.describe(['started'])).topics
  return { brokers: [cluster.broker(topic?.partitions[0]?.leader ?? 1)] }
}

function say(what: string, offsets: number, ms: number): void {
  const rate = Math.round((offsets / ms) * 1000)
  process.stdout.write(`${what}: ${offsets} offsets in ${(ms / 1000).toFixed(1)} s, ${rate} a second\n`)
}
