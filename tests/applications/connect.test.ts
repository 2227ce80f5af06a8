import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  CONNECT_TOPICS,
  ConnectWorker,
  KAFKA_VERSIONS,
  type KafkaCluster,
  SourceDriver,
} from '@kafka-backup/testkit'
import { until } from '../harness/until.ts'
import { moveTopics, startTwoClusters } from './two-clusters.ts'

const TOPIC = 'numbers'
const FIRST = 50
const ALL = 80

for (const version of KAFKA_VERSIONS)
  test(`a worker of Kafka Connect ${version} finds its connector and goes on in another cluster`, async () => {
    await using clusters = await startTwoClusters(version)
    const { source, target } = clusters
    await using driver = new SourceDriver(source)
    await driver.createTopic(TOPIC, { replicas: 1 })
    const limitFile = join(target.folder, 'limit')
    await writeFile(limitFile, `${FIRST}`)
    await using first = await startWorker(source)
    const config = { 'connector.class': 'NumberSource', topic: TOPIC, 'limit.file': limitFile }
    await until('the worker takes a connector', () =>
      first.configure('counting', config).then(
        () => true,
        () => !first.application.isRunning,
      ),
    )
    await until('the first numbers are written', async () => (await driver.ends(TOPIC))[0] === BigInt(FIRST))
    await first.stop()
    await moveTopics(clusters, [TOPIC, ...CONNECT_TOPICS])

    await writeFile(limitFile, `${ALL}`)
    await using second = await startWorker(target)
    await using targetDriver = new SourceDriver(target)
    await until('the other numbers are written', async () => {
      assert.ok(second.application.isRunning, second.application.output)
      return ((await targetDriver.ends(TOPIC))[0] ?? 0n) >= BigInt(ALL)
    })
    assert.deepEqual(await second.connectors(), ['counting'])
    await second.stop()
    const written = await target.tools.consoleConsumer({ topic: TOPIC, maxRecords: ALL + 1, idleMs: 5_000 })
    assert.deepEqual(
      written,
      Array.from({ length: ALL }, (_, number) => `number ${number}`),
      second.application.output,
    )
  })

function startWorker({ version, bootstrap, folder }: KafkaCluster): Promise<ConnectWorker> {
  return ConnectWorker.start({ version, bootstrap, folder: join(folder, 'connect') })
}
