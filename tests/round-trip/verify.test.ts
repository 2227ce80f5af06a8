import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { fillTopics, type KafkaCluster, startKafkaCluster } from '@kafka-backup/testkit'
import {
  type Archive,
  backupArgs,
  expectComplete,
  expectExit,
  renamed,
  restoreArgs,
} from '../harness/archive.ts'
import { createTopics } from '../harness/new-topics.ts'
import { expectSameRecords, readTopics } from '../harness/same-content.ts'

const TOPICS = ['orders', 'payments'] as const
const RECORDS = 3_000

let cluster: KafkaCluster
let archive: Archive

before(async () => {
  cluster = await startKafkaCluster()
  archive = { folder: join(cluster.folder, 'repository'), backupId: 'daily' }
  await createTopics(cluster, { orders: { partitions: 2 }, payments: { partitions: 1 } })
  await fillTopics(cluster, [
    {
      topic: 'orders',
      records: RECORDS,
      maxHeaders: 3,
      nullKeyEvery: 7,
      tombstoneEvery: 11,
      compression: 'lz4',
    },
    { topic: 'payments', records: RECORDS, transactions: { recordsPerTransaction: 90, abortEvery: 4 } },
  ])
  await expectExit(0, backupArgs(cluster, archive, TOPICS))
})

after(() => cluster?.close())

function verifyArgs(...more: string[]): string[] {
  const place = ['--repo', pathToFileURL(archive.folder).href, '--backup-id', archive.backupId]
  return [
    'verify',
    '--against-cluster',
    '--bootstrap-servers',
    cluster.bootstrap,
    ...place,
    '--output-format',
    'json',
    ...more,
  ]
}

interface Verified {
  readonly topic: string
  readonly partition: number
  readonly records: number
  readonly sha256: string
}

test('a restore reads back what it wrote, and a later verification finds the same digests', async () => {
  const names = renamed(TOPICS, 'copy')
  const end = await expectExit(0, [...restoreArgs(cluster, archive, names), '--verify'])
  const { verified, records } = end.json<{ verified: Verified[]; records: number }>()
  assert.equal(verified.length, 3)
  assert.equal(
    verified.reduce((sum, entry) => sum + entry.records, 0),
    records,
  )
  const again = await expectExit(0, verifyArgs())
  assert.deepEqual(again.json<{ partitions: Verified[] }>().partitions, verified)
  const contents = await readTopics(cluster, [...TOPICS, ...names.values()])
  await expectSameRecords(names, contents, contents)
  await expectComplete(archive)
})

test('records that somebody else added behind are passed over', async () => {
  await fillTopics(cluster, [{ topic: 'orders-copy', records: 50, seed: 9 }])
  await expectExit(0, verifyArgs())
})

test('a record that is gone is named with both offsets, and the exit code is that of damage', async () => {
  await cluster.tools.deleteRecords('payments-copy', 0, 5)
  const end = await expectExit(4, verifyArgs())
  const { error } = end.json<{ error: { code: string; message: string } }>()
  assert.equal(error.code, 'KB_VALIDATION_FAILED')
  assert.match(
    error.message,
    /payments-copy\/0: the first record that differs has source offset \d+, target offset 0/,
  )
})

test('the offset map answers both ways what Kafka shows', async () => {
  const place = [
    '--repo',
    pathToFileURL(archive.folder).href,
    '--backup-id',
    archive.backupId,
    '--output-format',
    'json',
  ]
  const map = await expectExit(0, ['offset-map', ...place])
  const { runs } = map.json<{
    runs: {
      source_topic: string
      source_partition: number
      source_first_offset: string
      target_first_offset: string
      records: number
    }[]
  }>()
  assert.equal(runs.reduce((sum, run) => sum + run.records, 0) > RECORDS, true)
  const run = runs.find(({ source_topic: topic }) => topic === 'payments')
  assert.ok(run)
  const source = `payments/${run.source_partition}:${run.source_first_offset}`
  const answer = await expectExit(0, ['offset-map', ...place, '--source', source])
  assert.equal(answer.json<{ target: { offset: string } }>().target.offset, run.target_first_offset)
  const back = await expectExit(0, [
    'offset-map',
    ...place,
    '--target',
    `payments-copy/0:${run.target_first_offset}`,
  ])
  assert.equal(back.json<{ source: { offset: string } }>().source.offset, run.source_first_offset)
  const csv = await expectExit(0, ['offset-map', ...place.slice(0, 4), '--csv'])
  assert.equal(csv.stdout.trim().split('\n').length, runs.length + 1)
})

test('what is not said or does not exist is refused in words', async () => {
  const args = verifyArgs().filter((arg) => arg !== '--against-cluster')
  const usage = await expectExit(2, args)
  assert.match(usage.stderr, /validate .*--deep/)
  const absent = await expectExit(2, verifyArgs('--restore', '0000000000000000-0001'))
  assert.match(absent.stderr, /KB_RESTORE_NOT_FOUND/)
})
