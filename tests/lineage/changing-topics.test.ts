import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type KafkaCluster, SourceDriver, startKafkaCluster } from '@kafka-backup/testkit'
import { MANY_COMMITS } from '../crash/source-data.ts'
import { type Archive, assertExit, backupArgs, expectExit, renamed, restoreArgs } from '../harness/archive.ts'
import { backupDocumentOf } from '../harness/backup-document.ts'
import { SHORT_QUOTA_WINDOWS, throttleProgram } from '../harness/client-quota.ts'
import { committedEnd } from '../harness/commit-history.ts'
import { startProgram } from '../harness/run-program.ts'
import { expectCopiesEqual } from '../harness/same-content.ts'
import { until } from '../harness/until.ts'

const TOPICS = ['growing', 'steady', 'doomed', 'forbidden'] as const
const KEPT = ['growing', 'steady'] as const
const RECORDS = 600
const VALUE_BYTES = 2_000
const BYTES_PER_SEC = 600_000
const EVERYBODY = 'User:ANONYMOUS'

let cluster: KafkaCluster
let driver: SourceDriver
let archive: Archive

describe('topics that change while they are backed up', () => {
  before(async () => {
    cluster = await startKafkaCluster({
      properties: {
        ...SHORT_QUOTA_WINDOWS,
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'allow.everyone.if.no.acl.found': 'true',
      },
    })
    driver = new SourceDriver(cluster)
    archive = { folder: join(cluster.folder, 'repository'), backupId: 'changing' }
    for (const topic of TOPICS) {
      await driver.createTopic(topic, { replicas: 1 })
      await driver.write({ topic, label: topic, records: RECORDS, valueBytes: VALUE_BYTES })
    }
  })

  after(async () => {
    await driver?.[Symbol.asyncDispose]()
    await cluster?.close()
  })

  test(
    'a topic that is deleted, and one that may no longer be read, are declared; the others are read',
    changeInTheMiddle,
  )
  test('partitions that were added join with the next run, from the begin of their logs', addedPartitions)
  test('without a single topic that may be read there is no backup', nothingAllowed)
})

async function changeInTheMiddle(): Promise<void> {
  const unthrottle = await throttleProgram(cluster, { readBytesPerSec: BYTES_PER_SEC })
  const running = startProgram([...backupArgs(cluster, archive, TOPICS), ...MANY_COMMITS])
  await until('something of each is committed', async () => {
    if (running.child.exitCode !== null) assertExit(await running.ended, 3)
    const ends = await Promise.all(TOPICS.map((topic) => committedEnd(archive, { topic, partition: 0 })))
    return ends.every((end) => end > 0n)
  })
  await driver.growTopic('growing', 2)
  await driver.deleteTopic('doomed')
  await driver.denyRead(EVERYBODY, 'forbidden')
  const end = await running.ended
  await unthrottle()
  assertExit(end, 3)
  const report = backupDocumentOf(end)
  const ends = new Map<string, bigint>()
  for (const topic of TOPICS) ends.set(topic, await committedEnd(archive, { topic, partition: 0 }))
  for (const topic of KEPT) assert.equal(ends.get(topic), BigInt(RECORDS), topic)
  assert.deepEqual(
    report.unread.map((entry) => [entry.topic, entry.reason, entry.first_offset, entry.end_offset]).sort(),
    [
      ['doomed', 'topic_deleted', `${ends.get('doomed')}`, `${RECORDS}`],
      ['forbidden', 'access_denied', `${ends.get('forbidden')}`, `${RECORDS}`],
    ],
  )
  assert.deepEqual([report.outcome, report.gaps, report.divergences], ['incomplete', [], []])
  assert.match(end.stderr, /^Not read: doomed\/0 offsets \d+-599: /m)
  assert.match(end.stderr, /^Not read: forbidden\/0 offsets \d+-599: /m)
}

async function addedPartitions(): Promise<void> {
  await driver.write({ topic: 'growing', partition: 1, label: 'second', records: 40 })
  await driver.deleteRecords('growing', new Map([[1, 15n]]))
  const second = backupDocumentOf(await expectExit(0, backupArgs(cluster, archive, KEPT)))
  assert.deepEqual([second.gaps, second.records], [[], 25])
  await driver.growTopic('growing', 3)
  await driver.write({ topic: 'growing', partition: 2, label: 'third', records: 30 })
  await driver.write({ topic: 'growing', partition: 0, label: 'more', records: 10 })
  const third = backupDocumentOf(await expectExit(0, backupArgs(cluster, archive, KEPT)))
  assert.deepEqual([third.gaps, third.records], [[], 40])
  const names = renamed(KEPT, 'restored')
  await expectExit(0, restoreArgs(cluster, archive, names))
  await expectCopiesEqual(cluster, [names])
}

async function nothingAllowed(): Promise<void> {
  const alone = { ...archive, backupId: 'alone' }
  const end = await expectExit(8, backupArgs(cluster, alone, ['forbidden']))
  assert.match(end.stdout + end.stderr, /KB_CLUSTER_PERMISSION/)
  const mixed = { ...archive, backupId: 'mixed' }
  const report = backupDocumentOf(await expectExit(3, backupArgs(cluster, mixed, ['steady', 'forbidden'])))
  assert.deepEqual(
    report.unread.map((entry) => [entry.topic, entry.reason, entry.first_offset]),
    [['forbidden', 'access_denied', '0']],
  )
  assert.equal(report.records, RECORDS)
}
