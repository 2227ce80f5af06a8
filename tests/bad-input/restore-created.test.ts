import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { fenceRestore, type LedgerState, openCluster, systemClock } from '@kafka-backup/core'
import { fillTopics, type KafkaCluster, startKafkaCluster } from '@kafka-backup/testkit'
import { type Archive, backupArgs, expectExit, restoreArgs } from '../harness/archive.ts'
import { createTopics } from '../harness/new-topics.ts'
import { expectCopiesEqual } from '../harness/same-content.ts'
import { expectRefused, type Refusal } from './evidence.ts'

const RECORDS = 400
const YEAR_2020_MS = Date.UTC(2020, 0, 1)

let cluster: KafkaCluster
let archive: Archive

before(async () => {
  // Less than a restore asks for.
  cluster = await startKafkaCluster({ properties: { 'transaction.max.timeout.ms': '20000' } })
  archive = { folder: join(cluster.folder, 'archive'), backupId: 'daily' }
  const config = { 'retention.ms': '-1' }
  await createTopics(cluster, {
    orders: { partitions: 1, config },
    keyless: { partitions: 1, config },
    grown: { partitions: 1, config },
  })
  await fillTopics(cluster, [
    { topic: 'orders', records: RECORDS, beginTimestampMs: YEAR_2020_MS },
    { topic: 'keyless', records: RECORDS, nullKeyEvery: 50 },
    { topic: 'grown', records: RECORDS, beginTimestampMs: YEAR_2020_MS, compression: 'lz4' },
  ])
  await fillTopics(cluster, [
    { topic: 'grown', records: RECORDS, beginTimestampMs: Date.now() - RECORDS, compression: 'lz4' },
  ])
  await expectExit(0, backupArgs(cluster, archive, ['orders', 'keyless', 'grown']))
})

after(() => cluster?.close())

/** What a topic that does not exist yet would be created with, and why that is refused. */
const CREATED: readonly (readonly [source: string, name: string, value: string, says: string])[] = [
  ['orders', 'message.timestamp.type', 'LogAppendTime', 'would overwrite every timestamp'],
  ['orders', 'retention.ms', '604800000', 'retention.ms=604800000 and would delete restored records'],
  ['orders', 'retention.bytes', '1000', 'retention.bytes=1000 and would delete restored records'],
  // Only the archive knows that some are old.
  ['grown', 'retention.ms', '604800000', 'retention.ms=604800000 and would delete restored records'],
  ['orders', 'message.timestamp.before.max.ms', '3600000', 'would refuse records that are older'],
  ['keyless', 'cleanup.policy', 'compact', 'takes no record without a key'],
]

for (const [source, name, value, says] of CREATED) {
  test(`refuses to create a topic with ${name}=${value} for records that would not last in it`, async () => {
    const args = await restoreWith(source, `${source}-created`, { [name]: value })
    const refusal = { exitCode: 5, code: 'KB_TARGET_UNSUITABLE', says: [`topic ${source}-created `, says] }
    await refused(args, refusal)
    await refused([...args, '--dry-run'], refusal)
  })
}

test('splits batches for a topic that is created with a small limit', async () => {
  const args = await restoreWith('orders', 'orders-small', { 'max.message.bytes': '2000' })
  const end = await expectExit(0, [...args, '--verify'])
  assert.match(end.stderr + end.stdout, /orders-small/)
  await expectCopiesEqual(cluster, [new Map([['orders', 'orders-small']])])
})

test('reports a restore that has finished, whatever its target has become since', async () => {
  const args = [...restoreArgs(cluster, archive, new Map([['orders', 'orders-done']])), '--resume']
  await expectExit(0, args)
  await cluster.tools.alterTopicConfig('orders-done', { 'message.timestamp.type': 'LogAppendTime' })
  const again = await expectExit(0, args)
  assert.equal(again.json<{ already_finished: boolean }>().already_finished, true)
})

test('refuses transactions where records are to keep their offsets', async () => {
  const args = restoreArgs(cluster, archive, new Map([['orders', 'orders-kept']]))
  await refused([...args, '--keep-offsets', '--mode', 'transactions'], {
    exitCode: 2,
    code: 'KB_USAGE',
    says: ['markers of transactions would take offsets', 'restore.mode'],
  })
})

test('compares a restore as a whole, and refuses to be told of other topics or another commit', async () => {
  await expectExit(0, restoreArgs(cluster, archive, new Map([['keyless', 'keyless-whole']])))
  const place = ['--repo', pathToFileURL(archive.folder).href, '--backup-id', archive.backupId]
  const verify = ['verify', '--against-cluster', '--bootstrap-servers', cluster.bootstrap, ...place]
  await expectExit(0, verify)
  const end = await expectExit(2, [...verify, '--topics', 'orders'])
  assert.match(end.stderr, /had another choice, and is compared as a whole/)
  await expectExit(0, [...verify, '--as-of-commit', '1'])
  const other = await expectExit(2, [...verify, '--as-of-commit', '9'])
  assert.match(other.stderr, /is one of commit 1, and cannot be compared with commit 9/)
})

// The last ones: from here on the cluster has other defaults.
test('judges a topic that it creates by the defaults of the cluster', async () => {
  await setDefaults({ 'log.message.timestamp.before.max.ms': '3600000', 'log.cleanup.policy': 'compact' })
  const young = await restoreWith('orders', 'orders-young', {})
  const refusal = {
    exitCode: 5,
    code: 'KB_TARGET_UNSUITABLE',
    says: ['would be created so that it has message.timestamp.before.max.ms=3600000', 'beats the defaults'],
  }
  await refused(young, refusal)
  await refused([...young, '--dry-run'], refusal)
  await refused(await restoreWith('keyless', 'keyless-compact', {}), {
    exitCode: 5,
    code: 'KB_TARGET_UNSUITABLE',
    says: ['topic keyless-compact is compacted and takes no record without a key'],
  })
})

test('gives a topic that it creates room for what the defaults of the cluster would refuse', async () => {
  await setDefaults({ 'message.max.bytes': '2000' })
  const settings = { 'message.timestamp.before.max.ms': '9223372036854775807', 'cleanup.policy': 'delete' }
  await expectExit(0, [...(await restoreWith('orders', 'orders-room', settings)), '--verify'])
  await expectExit(0, [
    ...(await restoreWith('orders', 'orders-tight', { ...settings, 'max.message.bytes': '1900' })),
    '--verify',
  ])
  const client = openCluster({ bootstrapServers: cluster.bootstrapServers, clientId: 'test-evidence' })
  try {
    const names = ['orders-room', 'orders-tight']
    const limits = await client.topicConfigs(names, ['max.message.bytes'])
    const [room, tight] = names.map((name) => Number(limits.get(name)?.get('max.message.bytes')))
    assert.ok(room! > 2000, `${room}`)
    assert.equal(tight, 1900)
  } finally {
    await client.close()
  }
})

async function setDefaults(properties: Readonly<Record<string, string>>): Promise<void> {
  const added = Object.entries(properties).map((pair) => pair.join('='))
  const entity = ['--entity-type', 'brokers', '--entity-default', '--alter', '--add-config', added.join(',')]
  const args = ['--bootstrap-server', cluster.bootstrap, ...entity]
  const run = await cluster.tools.run('kafka.admin.ConfigCommand', args)
  if (run.exitCode !== 0) throw new Error(`the defaults were not changed:\n${run.stdout}${run.stderr}`)
}

test('refuses brokers that allow only transactions in which nothing can be done, and restores without any', async () => {
  const strict = await startKafkaCluster({ properties: { 'transaction.max.timeout.ms': '10000' } })
  try {
    const args = restoreArgs(strict, archive, new Map([['orders', 'orders-strict']]))
    const says = ['allows no transaction of 15000 ms', 'transaction.max.timeout.ms', '--mode idempotent']
    const refusal = { exitCode: 1, code: 'KB_BROKER_UNSUPPORTED', says }
    const scene = { folders: [archive.folder], clusters: [strict] }
    await expectRefused(args, refusal, scene)
    await expectRefused([...args, '--dry-run'], refusal, scene)
    const { mode } = (await expectExit(0, [...args, '--mode', 'idempotent'])).json<{ mode: string }>()
    assert.equal(mode, 'idempotent')
    await expectFenced(strict)
  } finally {
    await strict.close()
  }
})

/** Of a restore that was begun before the brokers became so strict: it can still be taken away from whoever runs it. */
async function expectFenced({ bootstrapServers }: Pick<KafkaCluster, 'bootstrapServers'>): Promise<void> {
  const clientId = 'test-evidence'
  const client = openCluster({ bootstrapServers, clientId })
  const opened = { backupId: archive.backupId, mode: 'transactions', request: {} } as LedgerState['opened']
  const { signal } = new AbortController()
  try {
    await fenceRestore(
      { cluster: client, clientId, clock: systemClock, signal },
      { opened, restoreId: 'left' },
    )
  } finally {
    await client.close()
  }
}

async function restoreWith(
  source: string,
  target: string,
  settings: Readonly<Record<string, string>>,
): Promise<string[]> {
  const path = join(cluster.folder, `${target}-${Object.keys(settings).join()}.yaml`)
  // JSON is YAML.
  await writeFile(path, JSON.stringify({ restore: { topic_config_overrides: { [target]: settings } } }))
  return [...restoreArgs(cluster, archive, new Map([[source, target]])), '--config', path]
}

function refused(args: readonly string[], refusal: Refusal) {
  return expectRefused(args, refusal, { folders: [archive.folder], clusters: [cluster] })
}
