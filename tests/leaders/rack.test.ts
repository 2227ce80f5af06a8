import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type KafkaCluster, SourceDriver, startKafkaCluster } from '@kafka-backup/testkit'
import { MANY_COMMITS } from '../crash/source-data.ts'
import {
  type Archive,
  assertExit,
  backupArgs,
  expectComplete,
  expectExit,
  renamed,
  restoreArgs,
} from '../harness/archive.ts'
import { placeInRacks } from '../harness/broker-racks.ts'
import { SHORT_QUOTA_WINDOWS, throttleProgram } from '../harness/client-quota.ts'
import { committedEnd } from '../harness/commit-history.ts'
import { startProgram } from '../harness/run-program.ts'
import { expectCopiesEqual } from '../harness/same-content.ts'
import { until } from '../harness/until.ts'

const RACKS = ['a', 'b', 'c'] as const
const LEADER = 1
const NEAR = 2
const TOPIC = 'orders'
const RECORDS = 2_000
const BYTES_PER_SEC = 600_000
// The request log of a broker: one line of JSON for each request that was answered.
const REQUEST_LOG = '-Dorg.slf4j.simpleLogger.log.kafka.request.logger=debug'

let cluster: KafkaCluster
let driver: SourceDriver

describe('reading from the replica in the own rack', () => {
  before(async () => {
    process.env.JAVA_TOOL_OPTIONS = REQUEST_LOG
    cluster = await startKafkaCluster({
      brokers: 3,
      properties: {
        ...SHORT_QUOTA_WINDOWS,
        'replica.selector.class': 'org.apache.kafka.common.replica.RackAwareReplicaSelector',
        'broker.session.timeout.ms': '3000',
        'broker.heartbeat.interval.ms': '300',
      },
    })
    await placeInRacks(cluster, RACKS)
    process.env.JAVA_TOOL_OPTIONS = ''
    driver = new SourceDriver(cluster)
    await driver.createTopic(TOPIC, { replicas: [[LEADER, NEAR, 3]] })
    await driver.write({ topic: TOPIC, label: 'all', records: RECORDS, valueBytes: 2_000 })
    await until(
      'every replica has every record',
      async () => (await driver.ends(TOPIC))[0] === BigInt(RECORDS),
    )
  })

  after(async () => {
    await driver?.[Symbol.asyncDispose]()
    await cluster?.close()
  })

  test('the leader names the replica, and the records come from there', async () => {
    const archive = place('near')
    const before = { leader: await fetchesOf(LEADER), near: await fetchesOf(NEAR) }
    const args = [...backupArgs(cluster, archive, [TOPIC]), '--fetch-max-bytes', '262144']
    await expectExit(0, [...args, '--rack-id', 'b'])
    await until(
      'the broker has logged it',
      async () => (await fetchesOf(NEAR)) - before.near >= RECORDS / 128,
    )
    const asked = (await fetchesOf(LEADER)) - before.leader
    assert.ok(asked >= 1 && asked <= 2, `the leader was asked ${asked} times`)
    await expectComplete(archive)
    const far = place('far')
    await expectExit(0, backupArgs(cluster, far, [TOPIC]))
    assert.equal(await committedEnd(far, { topic: TOPIC, partition: 0 }), BigInt(RECORDS))
  })

  test('a run goes on with the leader when that replica is killed', async () => {
    const archive = place('killed')
    const unthrottle = await throttleProgram(cluster, { readBytesPerSec: BYTES_PER_SEC })
    const before = await fetchesOf(NEAR)
    const args = [...backupArgs(cluster, archive, [TOPIC]), ...MANY_COMMITS, '--rack-id', 'b']
    const running = startProgram(args)
    await until('something is committed', async () => {
      if (running.child.exitCode !== null) assertExit(await running.ended, 0)
      return (await committedEnd(archive, { topic: TOPIC, partition: 0 })) > 0n
    })
    await cluster.broker(NEAR).kill()
    assert.ok((await fetchesOf(NEAR)) > before, 'it was read from until then')
    assertExit(await running.ended, 0)
    await unthrottle()
    await expectComplete(archive)
    const copies = [renamed([TOPIC], 'near'), renamed([TOPIC], 'killed')]
    await expectExit(0, restoreArgs(cluster, place('near'), copies[0]!))
    await expectExit(0, restoreArgs(cluster, archive, copies[1]!))
    await expectCopiesEqual(cluster, copies)
  })
})

/** How many times the program has fetched from a broker, by the broker's own account. */
async function fetchesOf(id: number): Promise<number> {
  const lines = (await cluster.broker(id).readOutput()).split('\n')
  return lines.filter(
    (line) => /"requestApiKeyName":"FETCH"/.test(line) && /"clientId":"kafka-backup"/.test(line),
  ).length
}

function place(backupId: string): Archive {
  return { folder: join(cluster.folder, 'repository'), backupId }
}
