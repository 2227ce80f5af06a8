import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { fillTopics, type KafkaCluster, startKafkaCluster } from '@kafka-backup/testkit'
import { type Archive, backupArgs, expectExit, restoreArgs } from '../harness/archive.ts'
import { createTopics } from '../harness/new-topics.ts'
import { expectSameRecords, readTopics } from '../harness/same-content.ts'
import { expectRefused, offsetsOf, type Refusal, treeOf } from './evidence.ts'

const RECORDS = 300
const YEAR_2020_MS = Date.UTC(2020, 0, 1)

let cluster: KafkaCluster
let archive: Archive

before(async () => {
  cluster = await startKafkaCluster()
  archive = { folder: join(cluster.folder, 'archive'), backupId: 'daily' }
  await createTopics(cluster, {
    orders: { partitions: 2 },
    payments: { partitions: 1 },
    // The broker would delete them at once otherwise.
    history: { partitions: 1, config: { 'retention.ms': '-1' } },
    occupied: { partitions: 2 },
    narrow: { partitions: 1 },
    stamped: { partitions: 1, config: { 'message.timestamp.type': 'LogAppendTime' } },
    shortlived: { partitions: 1, config: { 'retention.ms': '86400000' } },
    small: { partitions: 1, config: { 'max.message.bytes': '2000' } },
  })
  await fillTopics(cluster, [
    { topic: 'orders', records: RECORDS },
    { topic: 'payments', records: RECORDS },
    { topic: 'history', records: RECORDS, beginTimestampMs: YEAR_2020_MS },
    { topic: 'occupied', records: 1, partition: 1 },
  ])
  await expectExit(0, backupArgs(cluster, archive, ['orders', 'payments', 'history']))
})

after(() => cluster?.close())

test('refuses a backup and topics that do not exist', async () => {
  await refused(restoreArgs(cluster, { ...archive, backupId: 'dayli' }, new Map([['orders', 'x']])), {
    exitCode: 2,
    code: 'KB_BACKUP_NOT_FOUND',
    says: ['"dayli"', pathToFileURL(archive.folder).href, 'kafka-backup list --repo'],
  })
  await refused(plain('--topics', 'ordesr,paymnets'), {
    exitCode: 2,
    code: 'KB_TOPIC_NOT_FOUND',
    says: ['"ordesr", "paymnets"', 'in backup daily'],
  })
  await refused(plain('--topic-mapping', 'ordesr=orders-copy'), {
    exitCode: 2,
    code: 'KB_TOPIC_NOT_FOUND',
    says: ['"ordesr"', 'history, orders, payments'],
  })
})

test('refuses to put two topics into one', async () => {
  await refused(plain('--topic-mapping', 'orders=copy,payments=copy'), {
    exitCode: 2,
    code: 'KB_USAGE',
    says: ['orders and payments', 'restored into copy', '--allow-many-to-one'],
  })
  await refused(plain('--topics', 'orders,payments', '--topic-mapping', 'orders=payments'), {
    exitCode: 2,
    code: 'KB_USAGE',
    says: ['orders and payments', 'restored into payments'],
  })
})

const unsuitable: readonly (readonly [target: string, source: string, says: string])[] = [
  ['narrow', 'orders', 'has 1 partition, the backup of orders has 2'],
  ['stamped', 'payments', 'message.timestamp.type=LogAppendTime'],
  ['shortlived', 'history', 'retention.ms=86400000'],
  ['small', 'payments', 'max.message.bytes=2000'],
  ['absent', 'payments', 'does not exist'],
]

for (const [target, source, says] of unsuitable) {
  test(`refuses the target topic ${target}`, async () => {
    const args = [...restoreArgs(cluster, archive, new Map([[source, target]])), '--create-topics', 'false']
    const refusal = { exitCode: 5, code: 'KB_TARGET_UNSUITABLE', says: [`topic ${target} `, says] }
    await refused(args, refusal)
    await refused([...args, '--dry-run'], refusal)
  })
}

test('refuses a target that holds records, and restores beside it as the hint says', async () => {
  const names = new Map([['orders', 'occupied']])
  const { error } = await refused(restoreArgs(cluster, archive, names), {
    exitCode: 5,
    code: 'KB_TARGET_NOT_EMPTY',
    says: ['topic occupied is not empty: it holds 1 offset', cluster.clusterId],
  })
  const [, mapping] = /--topic-mapping (\S+)/.exec(error.hint) ?? []
  assert.equal(mapping, 'orders=orders-restored')
  await expectExit(0, plain('--topics', 'orders', '--topic-mapping', mapping ?? ''))
  await expectSameContent(new Map([['orders', 'orders-restored']]))
})

test('tells all refusals at once', async () => {
  const names = new Map([
    ['history', 'shortlived'],
    ['orders', 'occupied'],
    ['payments', 'stamped'],
  ])
  const { error } = await refused(restoreArgs(cluster, archive, names), {
    exitCode: 5,
    code: 'KB_TARGET_NOT_EMPTY',
    says: ['topic occupied is not empty', 'topic shortlived has retention.ms', 'topic stamped has message'],
  })
  assert.equal(error.message.match(/^- topic /gm)?.length, 3)
})

test('restores into the same topics once nothing speaks against them any more', async () => {
  const { tools } = cluster
  await tools.alterTopicConfig('stamped', { 'message.timestamp.type': 'CreateTime' })
  await tools.alterTopicConfig('shortlived', { 'retention.ms': '-1' })
  const names = new Map([
    ['history', 'shortlived'],
    ['payments', 'stamped'],
  ])
  await expectExit(0, restoreArgs(cluster, archive, names))
  await expectSameContent(names)
})

test('a dry run of a restore shows the plan and writes nothing', async () => {
  const before = [await offsetsOf(cluster), await treeOf(archive.folder)]
  const end = await expectExit(0, [
    ...restoreArgs(cluster, archive, new Map([['orders', 'orders-plan']])),
    '--dry-run',
  ])
  const plan = end.json<{ kind: string; records: number; topics: { topic: string; created: boolean }[] }>()
  assert.deepEqual([plan.kind, plan.records, plan.topics[0]?.created], ['restore_plan', RECORDS, true])
  assert.deepEqual([await offsetsOf(cluster), await treeOf(archive.folder)], before)
})

function plain(...more: readonly string[]): string[] {
  const place = ['--repo', pathToFileURL(archive.folder).href, '--backup-id', archive.backupId]
  return ['restore', '--bootstrap-servers', cluster.bootstrap, ...place, ...more]
}

function refused(args: readonly string[], refusal: Refusal) {
  return expectRefused(args, refusal, { folders: [archive.folder], clusters: [cluster] })
}

async function expectSameContent(names: ReadonlyMap<string, string>): Promise<void> {
  const contents = await readTopics(cluster, [...names.keys(), ...names.values()])
  await expectSameRecords(names, contents, contents)
}
