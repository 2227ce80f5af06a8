import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fillTopics, type KafkaCluster, SourceDriver, startKafkaCluster } from '@kafka-backup/testkit'
import { expectRefused } from '../bad-input/evidence.ts'
import { type Archive, backupArgs, expectExit, restoreArgs } from '../harness/archive.ts'
import { createTopics, describeTopic } from '../harness/new-topics.ts'
import { expectCopiesEqual } from '../harness/same-content.ts'
import { until } from '../harness/until.ts'

const VICTIM = 3
const RECORDS = 300

let cluster: KafkaCluster
let archive: Archive

/** Partition 0 of each is led by a broker that stays; what the brokers themselves did stands in target-access.test.ts. */
const TARGETS = [
  {
    target: 'strict',
    replicas: [1, 2, VICTIM],
    minInSync: 3,
    says: 'has 2 of 3 replicas in sync and needs 3',
  },
  { target: 'pair', replicas: [1, VICTIM], minInSync: 3, says: 'has 1 of 2 replicas in sync and needs 2' },
] as const

describe('a restore into topics of which too few replicas are in sync', () => {
  before(async () => {
    cluster = await startKafkaCluster({ brokers: 3 })
    archive = { folder: join(cluster.folder, 'repository'), backupId: 'daily' }
    await createTopics(cluster, { orders: { partitions: 1, replicationFactor: 2 } })
    await fillTopics(cluster, [{ topic: 'orders', records: RECORDS }])
    await expectExit(0, backupArgs(cluster, archive, ['orders']))
    await using driver = new SourceDriver(cluster)
    const relaxed = { replicas: [[1, 2, VICTIM]], config: { 'min.insync.replicas': '2' } }
    await driver.createTopic('relaxed', relaxed)
    for (const { target, replicas, minInSync } of TARGETS)
      await driver.createTopic(target, {
        replicas: [replicas],
        config: { 'min.insync.replicas': String(minInSync) },
      })
    await inSync('relaxed', 3)
    await inSync('strict', 3)
    await inSync('pair', 2)
    await cluster.broker(VICTIM).kill()
    await inSync('strict', 2)
    await inSync('pair', 1)
  })

  after(() => cluster?.close())

  for (const { target, minInSync, says } of TARGETS) {
    for (const mode of ['transactions', 'idempotent']) {
      test(`${target} is refused before anything is written, mode ${mode}`, async () => {
        const args = [...restoreArgs(cluster, archive, new Map([['orders', target]])), '--mode', mode]
        const refusal = {
          exitCode: 5,
          code: 'KB_TARGET_UNSUITABLE',
          says: [`topic ${target} takes no records at present`, `min.insync.replicas=${minInSync}`, says],
        }
        const scene = { folders: [archive.folder], clusters: [cluster] }
        await expectRefused(args, refusal, scene)
        await expectRefused([...args, '--dry-run'], refusal, scene)
      })
    }
  }

  test('a topic that has enough of them takes the restore', async () => {
    const names = new Map([['orders', 'relaxed']])
    await expectExit(0, restoreArgs(cluster, archive, names))
    await expectCopiesEqual(cluster, [names])
  })

  test('the others take it when the broker is back', async () => {
    await cluster.broker(VICTIM).start()
    await inSync('strict', 3)
    await inSync('pair', 2)
    const copies = TARGETS.map(({ target }) => new Map([['orders', target]]))
    for (const names of copies) await expectExit(0, restoreArgs(cluster, archive, names))
    await expectCopiesEqual(cluster, copies)
  })
})

async function inSync(topic: string, count: number): Promise<void> {
  await until(`${topic} has ${count} replicas in sync`, async () => {
    // A broker may not have heard of it yet.
    const found = await describeTopic(cluster, topic).catch(() => undefined)
    return found?.partitions[0]?.inSyncReplicas === count
  })
}
