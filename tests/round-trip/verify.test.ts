import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { fillTopics, type KafkaCluster, startKafkaCluster } from '@kafka-backup/testkit'
import {
  type Archive,
  assertExit,
  backupArgs,
  expectComplete,
  expectExit,
  renamed,
  restoreArgs,
} from '../harness/archive.ts'
import { endOffsets } from '../harness/end-offsets.ts'
import { createTopics } from '../harness/new-topics.ts'
import { startProgram } from '../harness/run-program.ts'
import { expectSameRecords, readTopics } from '../harness/same-content.ts'
import { until } from '../harness/until.ts'

const TOPICS = ['orders', 'payments'] as const
const RECORDS = 3_000
/** Of others, while a restore goes on. */
const MEANWHILE = 50
/** Of no record at all. */
const NOTHING_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

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

interface Difference {
  readonly kind: string
  readonly source_offset: string | null
  readonly cluster_offset: string | null
  readonly detail: string
}

interface Report {
  readonly compared_with: string
  readonly outcome: string
  readonly other_restores: number
  readonly partitions: readonly (Verified & {
    readonly verdict: string
    readonly cluster_sha256: string
    readonly differences: number
    readonly first_difference: Difference | null
    readonly passed_over: number
    readonly behind: { readonly records: number; readonly at_least: boolean }
  })[]
}

function behindOf({ partitions }: Report, topic: string): number {
  return partitions
    .filter((entry) => entry.topic === topic)
    .reduce((sum, { behind }) => sum + behind.records, 0)
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
  const finished = await expectExit(0, [...restoreArgs(cluster, archive, names), '--resume', '--verify'])
  const repeated = finished.json<{
    already_finished: boolean
    written_records: number
    verified: Verified[]
  }>()
  assert.deepEqual([repeated.already_finished, repeated.written_records], [true, 0])
  assert.deepEqual(repeated.verified, verified)
  const again = (await expectExit(0, verifyArgs())).json<Report>()
  assert.deepEqual([again.compared_with, again.outcome, again.other_restores], ['restore', 'equal', 0])
  const digests = again.partitions.map((entry) => {
    const { topic, partition, records: own, sha256, passed_over, behind } = entry
    return { topic, partition, records: own, sha256, passed_over, behind }
  })
  assert.deepEqual(digests, verified)
  for (const entry of again.partitions) assert.equal(entry.cluster_sha256, entry.sha256)
  const contents = await readTopics(cluster, [...TOPICS, ...names.values()])
  await expectSameRecords(names, contents, contents)
  await expectComplete(archive)
})

test('records that somebody else added behind are counted, and are no difference', async () => {
  await fillTopics(cluster, [{ topic: 'orders-copy', records: 50, seed: 9 }])
  const report = (await expectExit(0, verifyArgs())).json<Report>()
  assert.deepEqual(
    [report.outcome, behindOf(report, 'orders-copy'), behindOf(report, 'payments-copy')],
    ['equal', 50, 0],
  )
  const end = await expectExit(0, verifyArgs('--output-format', 'table'))
  assert.match(end.stdout, /^ +not compared: 50 records behind the last one of the restore$/m)
})

test('a record that is gone is named with both offsets, and the exit code is that of damage', async () => {
  await cluster.tools.deleteRecords('payments-copy', 0, 5)
  const report = (await expectExit(4, verifyArgs())).json<Report>()
  assert.equal(report.outcome, 'differs')
  const [first, second, wrong] = report.partitions
  assert.deepEqual([first?.verdict, second?.verdict, wrong?.verdict], ['equal', 'equal', 'differs'])
  assert.deepEqual([wrong?.topic, wrong?.differences], ['payments-copy', 5])
  assert.notEqual(wrong?.cluster_sha256, wrong?.sha256)
  const { kind, source_offset: source, cluster_offset: target, detail } = wrong?.first_difference ?? {}
  assert.deepEqual([kind, target], ['missing', '0'])
  assert.match(String(source), /^\d+$/)
  assert.equal(detail, 'it is not in the target, whose log begins at offset 5')
})

test('a target that was created again is compared to its end, empty or with fewer records', async () => {
  await cluster.tools.deleteTopic('payments-copy')
  await cluster.tools.deleteTopic('orders-copy')
  const absent = (await expectExit(4, verifyArgs())).json<Report>()
  assert.deepEqual(
    absent.partitions.map(({ first_difference: first }) => first?.detail),
    Array(3).fill('it is not in the target: there is no such topic or partition'),
  )
  await createTopics(cluster, { 'payments-copy': { partitions: 1 }, 'orders-copy': { partitions: 2 } })
  await fillTopics(cluster, [{ topic: 'orders-copy', records: 100, seed: 3 }])
  const report = (await expectExit(4, verifyArgs())).json<Report>()
  const [first, second, empty] = report.partitions
  assert.equal(empty?.first_difference?.detail, 'it is not in the target, whose log ends at offset 0')
  assert.equal(empty?.first_difference?.cluster_offset, '0')
  assert.equal(empty?.differences, empty?.records)
  assert.equal(empty?.cluster_sha256, NOTHING_SHA256)
  for (const shorter of [first, second]) {
    assert.equal(shorter?.first_difference?.kind, 'content')
    assert.equal(shorter?.differences, shorter?.records)
    assert.notEqual(shorter?.cluster_sha256, NOTHING_SHA256)
  }
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

test('everything twice is equal for neither restore without a word', async () => {
  const names = renamed(TOPICS, 'twice')
  const first = (await expectExit(0, restoreArgs(cluster, archive, names))).json<{ restore_id: string }>()
  const append = ['--existing-topics', 'append', '--yes', '--rate-limit-records-per-sec', '500']
  const endOf = async () => (await endOffsets(cluster, ['payments-twice'])).get('payments-twice/0') ?? 0n
  const before = await endOf()
  const again = startProgram([...restoreArgs(cluster, archive, names), ...append])
  await until('it writes', async () => again.child.exitCode !== null || (await endOf()) > before)
  // It stands still while others write, so that they are surely among its records.
  again.child.kill('SIGSTOP')
  await fillTopics(cluster, [{ topic: 'payments-twice', records: MEANWHILE, seed: 4 }])
  again.child.kill('SIGCONT')
  assertExit(await again.ended, 0)
  const second = (await expectExit(0, verifyArgs())).json<Report>()
  const [one, two, shared] = second.partitions
  assert.deepEqual(
    [one, two, shared].map((entry) => entry?.verdict),
    Array(3).fill('equal'),
  )
  assert.deepEqual([one?.passed_over, two?.passed_over, behindOf(second, 'orders-twice')], [0, 0, 0])
  const among = shared?.passed_over ?? 0
  assert.ok(among > 0, 'others wrote while it was restored')
  assert.equal(among + behindOf(second, 'payments-twice'), MEANWHILE)
  assert.equal(second.other_restores, 2)
  const told = await expectExit(0, verifyArgs('--output-format', 'table'))
  assert.match(told.stdout, /^ +passed over: [\d,]+ records that others wrote meanwhile/m)
  assert.match(
    told.stdout,
    /^ +2 other finished restores into this cluster were not compared; offset-map --list/m,
  )
  const earlier = (await expectExit(0, verifyArgs('--restore', first.restore_id))).json<Report>()
  assert.equal(earlier.outcome, 'equal')
  for (const { behind } of earlier.partitions) assert.deepEqual(behind, { records: 1_000, at_least: true })
  await cluster.tools.deleteTopic('orders-twice')
  await cluster.tools.deleteTopic('payments-twice')
})
