import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { fillTopics, GUEST_USER, type SecureCluster, startSecureCluster } from '@kafka-backup/testkit'
import { expectRefused } from '../bad-input/evidence.ts'
import { type Archive, backupArgs, expectExit, restoreArgs } from '../harness/archive.ts'
import { createTopics } from '../harness/new-topics.ts'
import { deleteBelow, expectSameOffsets } from '../harness/same-offsets.ts'
import { configFor, prepareDoors } from './secure-doors.ts'

const TOPIC = 'orders'
const START = 150n
const CONFIG = { 'retention.ms': '-1' }
const OPERATIONS = ['Read', 'Write', 'Describe', 'DescribeConfigs']

let secured: SecureCluster
let archive: Archive
let config: string

before(async () => {
  secured = await startSecureCluster()
  const { cluster } = secured
  const folder = join(cluster.folder, 'conf')
  await mkdir(folder)
  const doors = await prepareDoors(secured, folder)
  const security = { ...doors.account('PLAIN', GUEST_USER.password), sasl_username: GUEST_USER.name }
  config = await configFor(secured, folder, 'target', { listener: 'PLAIN', security })
  archive = { folder: join(folder, 'archive'), backupId: 'daily' }
  const topics = [TOPIC, 'deletable', 'lasting']
  await createTopics(cluster, {
    ...Object.fromEntries(topics.map((topic) => [topic, { partitions: 2, config: CONFIG }])),
    compacted: { partitions: 2, config: { ...CONFIG, 'cleanup.policy': 'compact' } },
  })
  const transactions = { recordsPerTransaction: 20, abortEvery: 4 }
  await fillTopics(cluster, [{ topic: TOPIC, records: 600, valueBytes: 50, transactions }])
  await deleteBelow(cluster, TOPIC, START)
  await expectExit(0, backupArgs(cluster, archive, [TOPIC]))
  await secured.allow(GUEST_USER, [...OPERATIONS, 'Delete'], 'deletable')
  await secured.allow(GUEST_USER, OPERATIONS, 'lasting')
})

after(() => secured?.[Symbol.asyncDispose]())

function keepArgs(target: string): string[] {
  const place = ['--repo', pathToFileURL(archive.folder).href, '--backup-id', archive.backupId]
  const names = ['--topics', TOPIC, '--topic-mapping', `${TOPIC}=${target}`]
  return ['restore', '--config', config, ...place, ...names, '--keep-offsets', '--output-format', 'json']
}

interface Filled {
  readonly filled_offsets: {
    readonly filler: number
    readonly markers: number
    readonly transactions: number
  }
}

test('refuses an account that may neither write markers nor use transactions', async () => {
  await expectRefused(
    keepArgs('deletable'),
    {
      exitCode: 8,
      code: 'KB_CLUSTER_PERMISSION',
      says: ['topic deletable has offsets without a record', 'Grant ClusterAction on the cluster'],
    },
    { folders: [archive.folder], clusters: [secured.cluster] },
  )
})

test('takes offsets by empty transactions for an account that may not write markers', async () => {
  await secured.allowTransactions(GUEST_USER, 'kafka-backup-restore-')
  const { filled_offsets: filled } = (await expectExit(0, keepArgs('deletable'))).json<Filled>()
  assert.equal(filled.filler, Number(START))
  assert.equal(filled.markers, 0)
  assert.ok(filled.transactions > 100, `${filled.transactions} transactions`)
  await expectSameOffsets(secured.cluster, new Map([[TOPIC, 'deletable']]))
})

test('moves the start of a compacted topic up by markers, because brokers let nobody delete its records', async () => {
  const names = new Map([[TOPIC, 'compacted']])
  const end = await expectExit(0, [...restoreArgs(secured.cluster, archive, names), '--keep-offsets'])
  const { filled_offsets: filled } = end.json<Filled>()
  assert.deepEqual([filled.filler, filled.transactions], [0, 0])
  assert.ok(filled.markers > Number(START))
  await expectSameOffsets(secured.cluster, names, { isStartKept: false })
})

test('moves the start up without filler where the account may not delete records', async () => {
  const names = new Map([[TOPIC, 'lasting']])
  await expectRefused(
    [...keepArgs('lasting'), '--keep-offsets-max-gap', String(START)],
    {
      exitCode: 5,
      code: 'KB_TARGET_UNSUITABLE',
      says: ['its records cannot be deleted, so its start counts'],
    },
    { folders: [archive.folder], clusters: [secured.cluster] },
  )
  const { filled_offsets: filled } = (await expectExit(0, keepArgs('lasting'))).json<Filled>()
  assert.equal(filled.filler, 0)
  assert.ok(filled.transactions > Number(START))
  await expectSameOffsets(secured.cluster, names, { isStartKept: false })
})
