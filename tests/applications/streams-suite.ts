import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  ensureKafkaApplications,
  KafkaApplication,
  type KafkaCluster,
  type KafkaVersion,
  SourceDriver,
} from '@kafka-backup/testkit'
import { moveGroup, moveTopics, startTwoClusters } from './two-clusters.ts'

const ID = 'counting'
const INPUT = 'words'
const OUTPUT = 'counted'
const INTERNAL = [`${ID}-words-repartition`, `${ID}-counts-changelog`]
const WORDS = ['red', 'green', 'blue', 'grey']
const RECORDS = 30
const IDLE_MS = 6_000
const PATIENCE_MS = 60_000

/** How the application ends in the cluster that is lost. */
const ENDS = ['stopped', 'killed'] as const

/**
 * An application of Kafka Streams counts words, exactly once; half of them in one cluster, the rest in another, to which its topics
 * were restored and its offsets were moved by the script, with nothing of its state on a disk. Of each word each count is there once.
 */
export function testStreams(version: KafkaVersion): void {
  for (const end of ENDS)
    test(`Kafka Streams ${version}, ${end} in the middle, goes on in another cluster`, async () => {
      await using clusters = await startTwoClusters(version)
      const { source, target } = clusters
      await using driver = new SourceDriver(source)
      for (const topic of [INPUT, OUTPUT]) await driver.createTopic(topic, { replicas: 2 })
      await using first = await startCounting(source)
      await writeWords(driver, 'first')
      await counts(source, WORDS.length * RECORDS)
      if (end === 'stopped') await first.stop('stdin')
      await writeWords(driver, 'second')
      if (end === 'killed') await first.kill()
      const restoreId = await moveTopics(clusters, [INPUT, OUTPUT, ...INTERNAL])
      await moveGroup(clusters, restoreId, ID)
      await using second = await startCounting(target)
      const seen = await counts(target, 2 * WORDS.length * RECORDS)
      await second.stop('stdin')
      const expected = Array.from({ length: 2 * RECORDS }, (_, at) => at + 1)
      for (const word of WORDS) assert.deepEqual(seen.get(word), expected, `${word}\n${second.output}`)
    })
}

async function startCounting({ bootstrap, version, folder }: KafkaCluster): Promise<KafkaApplication> {
  const { classpath } = await ensureKafkaApplications(version)
  const args = [bootstrap, ID, join(folder, 'state'), INPUT, OUTPUT]
  return new KafkaApplication({ classpath, program: 'CountFirstWords', args })
}

/** The same number of each word, in turns over both partitions. */
async function writeWords(driver: SourceDriver, round: string): Promise<void> {
  for (const [at, word] of WORDS.entries())
    await driver.write({ topic: INPUT, partition: at % 2, label: `${word} ${round}`, records: RECORDS })
}

/** What is committed in the output: of each word its counts, in their order. Waits for so many; more would be seen too. */
async function counts(cluster: KafkaCluster, records: number): Promise<Map<string, number[]>> {
  const isolation = 'read_committed'
  const job = { topic: OUTPUT, isolation, properties: { 'print.key': 'true' } } as const
  await cluster.tools.consoleConsumer({ ...job, maxRecords: records, idleMs: PATIENCE_MS })
  const lines = await cluster.tools.consoleConsumer({ ...job, maxRecords: records + 1, idleMs: IDLE_MS })
  const pairs = lines.map((line) => line.split('\t'))
  const words = Map.groupBy(pairs, ([word]) => word ?? '')
  return new Map([...words].map(([word, own]) => [word, own.map(([, count]) => Number(count))]))
}
