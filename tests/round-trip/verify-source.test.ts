import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { fillTopics, type KafkaCluster, plantLogs, startKafkaCluster } from '@kafka-backup/testkit'
import { ALTERED_AT, logOf, recordsAt } from '../harness/altered-logs.ts'
import { type Archive, assertExit, backupArgs, expectExit } from '../harness/archive.ts'
import { SHORT_QUOTA_WINDOWS, throttleProgram } from '../harness/client-quota.ts'
import { createTopics } from '../harness/new-topics.ts'
import { startProgram } from '../harness/run-program.ts'

const TOPICS = ['events', 'payments', 'reborn', 'rewritten', 'table'] as const
const RECORDS = 2_000
const DELETED = 300
const LARGE_RECORDS = 3_000
const TIME_MS = 1_700_000_000_000n
const COMMON = 12
const PLANTED = recordsAt(
  Array.from({ length: 20 }, (_, at) => BigInt(at)),
  TIME_MS,
)

let cluster: KafkaCluster
let archive: Archive

before(async () => {
  cluster = await startKafkaCluster({ properties: SHORT_QUOTA_WINDOWS })
  archive = { folder: join(cluster.folder, 'repository'), backupId: 'daily' }
  await createTopics(cluster, {
    events: { partitions: 2 },
    payments: { partitions: 1 },
    reborn: { partitions: 1 },
    rewritten: { partitions: 1, config: { 'retention.ms': '-1' } },
    table: { partitions: 1, config: { 'cleanup.policy': 'compact' } },
    large: { partitions: 1 },
    holed: { partitions: 1, config: { 'retention.ms': '-1' } },
  })
  await fillTopics(cluster, [
    { topic: 'events', records: RECORDS, maxHeaders: 3, nullKeyEvery: 7, tombstoneEvery: 11 },
    { topic: 'payments', records: RECORDS, transactions: { recordsPerTransaction: 90, abortEvery: 4 } },
    { topic: 'reborn', records: 100 },
    { topic: 'large', records: LARGE_RECORDS, valueBytes: 2_000, batchBytes: 16_384 },
  ])
  const bytes = logOf(PLANTED)
  await plantLogs(
    cluster,
    ['rewritten', 'table'].map((topic) => ({ topic, partition: 0, bytes })),
  )
  await expectExit(0, backupArgs(cluster, archive, [...TOPICS, 'large']))
})

after(() => cluster?.close())

function verifyArgs(...more: string[]): string[] {
  const place = ['--repo', pathToFileURL(archive.folder).href, '--backup-id', archive.backupId]
  const where = ['--bootstrap-servers', cluster.bootstrap, ...place]
  return ['verify', '--against-cluster', ...where, '--output-format', 'json', ...more]
}

interface Report {
  readonly compared_with: string
  readonly outcome: string
  readonly records: number
  readonly only_in_archive: number
  readonly partitions: readonly {
    readonly topic: string
    readonly partition: number
    readonly verdict: string
    readonly records: number
    readonly sha256: string
    readonly cluster_sha256: string
    readonly begin_offset: string
    readonly end_offset: string
    readonly only_in_archive: number
    readonly remarks: readonly { readonly kind: string; readonly offset?: string }[]
  }[]
}

async function verify(exitCode: number, topics: readonly string[] = TOPICS): Promise<Report> {
  return (await expectExit(exitCode, verifyArgs('--topics', topics.join(',')))).json<Report>()
}

function partitionsOf(report: Report, topic: string) {
  return report.partitions.filter((entry) => entry.topic === topic)
}

test('a source that goes on growing is compared up to the end of the backup', async () => {
  const before = await verify(0)
  assert.deepEqual([before.compared_with, before.outcome, before.only_in_archive], ['source', 'equal', 0])
  assert.equal(
    partitionsOf(before, 'events').reduce((sum, entry) => sum + entry.records, 0),
    RECORDS,
  )
  await fillTopics(cluster, [{ topic: 'events', records: 500, seed: 5 }])
  const now = await verify(0)
  assert.deepEqual(now.partitions, before.partitions)
})

test('what was deleted or compacted at the source since is counted, and is no difference', async () => {
  const before = await verify(0)
  await cluster.tools.deleteRecords('events', 0, DELETED)
  const kept = PLANTED.toSpliced(ALTERED_AT, 1)
  await plantLogs(cluster, [{ topic: 'table', partition: 0, bytes: logOf(kept) }])
  const report = await verify(0)
  assert.deepEqual([report.outcome, report.only_in_archive], ['equal', DELETED + 1])
  const [deleted, other] = partitionsOf(report, 'events')
  assert.deepEqual([deleted?.only_in_archive, deleted?.begin_offset], [DELETED, `${DELETED}`])
  assert.equal(deleted?.records, Number(partitionsOf(before, 'events')[0]?.records) - DELETED)
  assert.deepEqual(other, partitionsOf(before, 'events')[1])
  const [table] = partitionsOf(report, 'table')
  assert.deepEqual([table?.verdict, table?.records, table?.only_in_archive], ['equal', PLANTED.length - 1, 1])
  assert.equal(table?.cluster_sha256, table?.sha256)
  const shown = await expectExit(0, [
    ...verifyArgs('--topics', TOPICS.join()).map((arg) => (arg === 'json' ? 'table' : arg)),
  ])
  assert.match(shown.stdout, /^Equal .* 301 records are only in the archive: deleted or compacted/ms)
})

test('what is deleted at the source while it is being read is counted too', async () => {
  const lift = await throttleProgram(cluster, { readBytesPerSec: 1_000_000 })
  const program = startProgram(verifyArgs('--topics', 'large'))
  while (program.child.exitCode === null && program.output().stderr === '') await delay(10)
  await delay(1_000)
  await cluster.tools.deleteRecords('large', 0, LARGE_RECORDS - 10)
  const end = await program.ended
  await lift()
  assertExit(end, 0)
  const { outcome, records, only_in_archive: dropped } = end.json<Report>()
  assert.deepEqual([outcome, records + dropped], ['equal', LARGE_RECORDS])
  assert.ok(records > 10 && dropped > 10, `${records} compared, ${dropped} only in the archive`)
  await cluster.tools.deleteRecords('large', 0, LARGE_RECORDS)
  const nothing = await expectExit(
    3,
    verifyArgs('--topics', 'large').map((arg) => (arg === 'json' ? 'table' : arg)),
  )
  assert.match(nothing.stdout, /^Incomplete .*: nothing was compared/m)
})

test('records of the source that lie in a declared gap of the backup are counted, and nothing is called equal', async () => {
  const holed = { ...archive, backupId: 'holed' }
  const bytes = logOf(PLANTED.slice(0, 5))
  await plantLogs(cluster, [
    { topic: 'holed', partition: 0, bytes: Buffer.concat([bytes, logOf(PLANTED.slice(8))]) },
  ])
  await expectExit(3, backupArgs(cluster, holed, ['holed']))
  await plantLogs(cluster, [{ topic: 'holed', partition: 0, bytes: logOf(PLANTED) }])
  const args = verifyArgs().map((arg) => (arg === archive.backupId ? holed.backupId : arg))
  const report = (await expectExit(3, args)).json<Report>()
  assert.equal(report.outcome, 'incomplete')
  assert.deepEqual(report.partitions[0]?.remarks, [{ kind: 'declared_gap', records: 3 }])
  assert.equal(report.records, PLANTED.length - 3)
})

test('a topic that was created again, or was truncated and written anew, is declared and not compared', async () => {
  await cluster.tools.deleteTopic('reborn')
  await createTopics(cluster, { reborn: { partitions: 1 } })
  await fillTopics(cluster, [{ topic: 'reborn', records: 200, seed: 8 }])
  const common = logOf(PLANTED.slice(0, COMMON))
  const anew = PLANTED.slice(COMMON).map((record) => ({ ...record, value: Buffer.from('anew') }))
  await plantLogs(cluster, [
    { topic: 'rewritten', partition: 0, bytes: Buffer.concat([common, logOf(anew, 1)]) },
  ])
  const report = await verify(3, ['reborn', 'rewritten'])
  assert.equal(report.outcome, 'incomplete')
  const [reborn, rewritten] = report.partitions
  assert.deepEqual([reborn?.verdict, reborn?.records], ['incomplete', 0])
  assert.deepEqual(reborn?.remarks, [{ kind: 'topic_recreated' }])
  assert.deepEqual([rewritten?.verdict, rewritten?.records], ['incomplete', COMMON])
  assert.deepEqual(rewritten?.remarks, [{ kind: 'log_truncated', offset: `${COMMON}` }])
  await cluster.tools.deleteTopic('reborn')
  const gone = await verify(3, ['reborn'])
  assert.deepEqual(gone.partitions[0]?.remarks, [{ kind: 'topic_missing' }])
})

test('what is not said clearly, or cannot be compared, is refused in words', async () => {
  const both = await expectExit(2, verifyArgs('--source', '--restore', '0000000000000000-0001'))
  assert.match(both.stderr, /two different comparisons/)
  for (const option of [
    '--from=2025-01-01T00:00:00Z',
    '--keep-offsets',
    '--include-original-offset-header',
  ]) {
    const refused = await expectExit(2, verifyArgs('--source', option))
    assert.match(refused.stderr, new RegExp(`unknown option '${option.replace(/=.*/, '')}`))
  }
  const window = await expectExit(2, verifyArgs('--source'), {
    env: { KAFKA_BACKUP_RESTORE_TIME_WINDOW_START: '2025-01-01T00:00:00Z' },
  })
  assert.match(window.stderr, /times and offsets are for restores/)
  const nosuch = await expectExit(2, verifyArgs('--source', '--topics', 'nosuch'))
  assert.match(nosuch.stderr, /nosuch/)
  await using other = await startKafkaCluster()
  const args = verifyArgs().map((arg) => (arg === cluster.bootstrap ? other.bootstrap : arg))
  const wrong = await expectExit(5, [...args, '--source'])
  assert.match(wrong.stderr, /KB_WRONG_CLUSTER/)
  const unknown = await expectExit(2, args)
  assert.match(unknown.stderr, /KB_RESTORE_NOT_FOUND/)
})
