import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { type KafkaCluster, openTempFolder, SourceDriver, startKafkaCluster } from '@kafka-backup/testkit'
import { backupArgs, expectExit, restoreArgs } from '../harness/archive.ts'
import { kafkaHome, runScript } from '../harness/tool-scripts.ts'
import { consumeAs } from './consume-as.ts'

const TOPIC = 'orders'
const GROUPS = { 'half-classic': 'classic', 'half-consumer': 'consumer' } as const
const WRITTEN = 40
const RECORDS = 2 * WRITTEN
const HALF = 55
/** What 3.9 needs to let consumers use the newer protocol. */
const EARLY = {
  'group.coordinator.rebalance.protocols': 'classic,consumer',
  'unstable.api.versions.enable': 'true',
} as const
/** A member of 3.9 is given its partitions five seconds after it has joined. */
const IDLE_MS = 12_000
const TIMEOUT_MS = 300_000

test('on Kafka 3.9.1, groups of both protocols go on in a second cluster when the first one is lost', {
  timeout: TIMEOUT_MS,
}, async (t) => {
  const folder = await openTempFolder('kb-lost-')
  t.after(() => folder.close())
  const archive = { folder: join(folder.path, 'repository'), backupId: 'daily' }
  const read = new Map<string, readonly string[]>()
  {
    await using source = await startKafkaCluster({ version: '3.9.1', properties: EARLY })
    await fill(source)
    for (const group of Object.keys(GROUPS)) {
      read.set(group, await consume(source, group, HALF))
      assert.equal(read.get(group)?.length, HALF, group)
    }
    await expectExit(0, backupArgs(source, archive, [TOPIC]))
  }
  await using target = await startKafkaCluster({ version: '3.9.1', properties: EARLY })
  const restored = await expectExit(0, restoreArgs(target, archive, new Map([[TOPIC, TOPIC]])))
  const { restore_id: id } = restored.json<{ readonly restore_id: string }>()
  const place = ['--repo', pathToFileURL(archive.folder).href, '--backup-id', archive.backupId]
  const script = join(folder.path, 'reset.sh')
  const where = ['--bootstrap-servers', target.bootstrap, '--output', script, '--restore', id, '--execute']
  await expectExit(0, ['offset-reset', 'script', ...place, ...where])
  const report = await expectExit(0, [
    'offsets',
    'report',
    ...place,
    '--restore',
    id,
    '--output-format',
    'json',
  ])
  assert.equal(report.json<{ readonly repeats: string }>().repeats, '0')
  const setting = await runScript(script, await kafkaHome(target))
  assert.equal(setting.exitCode, 0, setting.stdout + setting.stderr)
  assert.match(setting.stdout, /^Groups set: 2. Not as planned: 0.$/m)
  for (const [group, before] of read) {
    // One more than there are would be read if one were repeated.
    const rest = await consume(target, group, RECORDS - HALF + 1)
    assert.equal(rest.length, RECORDS - HALF, group)
    assert.equal(new Set([...before, ...rest]).size, RECORDS, `${group}: each record once`)
  }
})

/** The copy has other offsets: what is deleted or aborted at the source is not restored. */
async function fill(source: KafkaCluster): Promise<void> {
  await using driver = new SourceDriver(source)
  await driver.createTopic(TOPIC, { replicas: 2 })
  for (const partition of [0, 1]) {
    await driver.write({ topic: TOPIC, partition, label: 'old', records: 15 })
    const transaction = await driver.beginTransaction('aborting', 60_000)
    await transaction.write({ topic: TOPIC, partition, label: 'aborted', records: 7 })
    await transaction.end('abort')
    await driver.write({ topic: TOPIC, partition, label: `p${partition}`, records: WRITTEN })
  }
  await driver.deleteRecords(
    TOPIC,
    new Map([
      [0, 15n],
      [1, 15n],
    ]),
  )
}

async function consume(cluster: KafkaCluster, group: string, records: number): Promise<string[]> {
  const protocol = GROUPS[group as keyof typeof GROUPS]
  const seen = await consumeAs(cluster, { group, topic: TOPIC, records, protocol, idleMs: IDLE_MS })
  return seen.map(({ content }) => content)
}
