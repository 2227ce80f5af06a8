import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type KafkaCluster, SourceDriver, startKafkaCluster } from '@kafka-backup/testkit'
import { MANY_COMMITS } from '../crash/source-data.ts'
import {
  type Archive,
  assertExit,
  backupArgs,
  expectExit,
  renamed,
  restoreArgs,
  validateArgs,
} from '../harness/archive.ts'
import { backupDocumentOf, type MissingDocument, missingLines } from '../harness/backup-document.ts'
import { SHORT_QUOTA_WINDOWS, throttleProgram } from '../harness/client-quota.ts'
import { committedEnd, readHistory } from '../harness/commit-history.ts'
import { assertSameRecords, recordDigests } from '../harness/record-digests.ts'
import { type RunningProgram, startProgram } from '../harness/run-program.ts'
import { readTopics } from '../harness/same-content.ts'
import { until } from '../harness/until.ts'

const BYTES_PER_SEC = 600_000
const LARGE_BYTES = 2_000
const HELD = 60
const ADDED = 60

// How far deletion has to come before it meets a run, and how fast it is at most.
const LEAD = 400
const DELETION_STEP = 50
const DELETION_INTERVAL_MS = 300
const SMALL_STEPS = [
  ...['--checkpoint-interval-secs', '1', '--segment-max-interval-ms', '100'],
  // Each connection has its own share of what the quota allows.
  ...['--fetch-max-bytes', '65536', '--connections-per-broker', '1'],
] as const

/** DeleteRecords between two runs, in batches of ten: the backup holds what is below 60, the log goes on to 120. */
const BETWEEN = [
  { what: 'past the checkpoint', deleted: 80, gap: '60-80' },
  { what: 'at the checkpoint', deleted: 60, gap: null },
  { what: 'inside a batch', deleted: 85, gap: '60-85' },
  { what: 'all that there is', deleted: 120, gap: '60-120' },
  { what: 'below the checkpoint', deleted: 30, gap: null },
  { what: 'inside the batch that was read last', deleted: 57, gap: null },
] as const

let cluster: KafkaCluster
let driver: SourceDriver

describe('records that the source deletes', () => {
  before(async () => {
    cluster = await startKafkaCluster({ properties: SHORT_QUOTA_WINDOWS })
    driver = new SourceDriver(cluster)
    await throttleProgram(cluster, { readBytesPerSec: BYTES_PER_SEC })
  })

  after(async () => {
    await driver?.[Symbol.asyncDispose]()
    await cluster?.close()
  })

  test('between two runs: the gap has exact bounds in report, commit and metrics', deletedBetweenRuns)
  test('in the middle of a run: reading goes on behind the gap', overtakenReader)
  test('before a partition had its turn: only what was not read is a gap', deletedBeforeFirstTurn)
  test('a partition that is about to lose records is announced, and read first', threatenedPartition)
})

async function deletedBetweenRuns(): Promise<void> {
  const topic = 'between'
  const archive = place(topic)
  await driver.createTopic(topic, { replicas: BETWEEN.length })
  await fill(
    topic,
    BETWEEN.map(() => HELD),
    'held',
  )
  await expectExit(0, backupArgs(cluster, archive, [topic]))
  await fill(
    topic,
    BETWEEN.map(() => ADDED),
    'added',
  )
  const all = await readTopics(cluster, [topic])
  await driver.deleteRecords(topic, new Map(BETWEEN.map(({ deleted }, at) => [at, BigInt(deleted)])))
  const metricsFile = join(cluster.folder, 'between.prom')
  const args = [...backupArgs(cluster, archive, [topic]), '--metrics-file', metricsFile]
  const report = backupDocumentOf(await expectExit(3, args))
  const gaps = BETWEEN.flatMap(({ gap }, at) =>
    gap === null ? [] : [`${topic}/${at}: ${gap} deleted_before_read`],
  )
  assert.deepEqual(missingLines(report.gaps), gaps)
  assert.deepEqual([report.outcome, report.recovery_point, report.unread], ['incomplete', null, []])
  assert.deepEqual(await committedGaps(archive), gaps)
  const metrics = await readFile(metricsFile, 'utf8')
  for (const [partition, { gap }] of BETWEEN.entries()) {
    const [first, end] = gap?.split('-').map(Number) ?? [0, 0]
    const sample = new RegExp(
      `^kafka_backup_offsets_skipped_total\\{.*partition="${partition}".*\\} (\\d+)$`,
      'm',
    )
    assert.equal(Number(sample.exec(metrics)?.[1] ?? 0), end! - first!, `metric of partition ${partition}`)
  }
  const validation = (await expectExit(3, validateArgs(archive))).json()
  assert.deepEqual([validation.verdict, validation.findings], ['incomplete', []])
  assert.equal(backupDocumentOf(await expectExit(0, backupArgs(cluster, archive, [topic]))).records, 0)
  await expectExit(3, restoreArgs(cluster, archive, renamed([topic], 'restored')))
  const now = await readTopics(cluster, [`${topic}-restored`])
  for (const [partition, { what, gap }] of BETWEEN.entries()) {
    const written = await recordDigests(all, topic, partition)
    const kept = [...written.slice(0, HELD), ...written.slice(Number(gap?.split('-')[1] ?? HELD))]
    assertSameRecords(await recordDigests(now, `${topic}-restored`, partition), kept, what)
  }
}

async function overtakenReader(): Promise<void> {
  const topic = 'overtaken'
  const archive = place(topic)
  const end = 1_500
  const deleted = 1_405
  await driver.createTopic(topic, { replicas: 1 })
  await fill(topic, [end], 'large', LARGE_BYTES)
  const all = await readTopics(cluster, [topic])
  const running = startProgram([...backupArgs(cluster, archive, [topic]), ...MANY_COMMITS])
  await untilRead(running, archive, { topic, partition: 0 }, 1n)
  await driver.deleteRecords(topic, new Map([[0, BigInt(deleted)]]))
  const ended = await running.ended
  assertExit(ended, 3)
  const report = backupDocumentOf(ended)
  const [gap, ...more] = report.gaps
  assert.ok(gap && more.length === 0, 'one gap is declared')
  const { first_offset, end_offset, reason } = gap
  assert.deepEqual([end_offset, reason, report.unread], [`${deleted}`, 'deleted_before_read', []])
  assert.match(ended.stderr, new RegExp(`Gap: ${topic}/0 offsets ${first_offset}-${deleted - 1} `))
  assert.deepEqual(await committedGaps(archive), missingLines(report.gaps))
  await expectExit(3, restoreArgs(cluster, archive, renamed([topic], 'restored')))
  const written = await recordDigests(all, topic, 0)
  const kept = [...written.slice(0, Number(first_offset)), ...written.slice(deleted)]
  const now = await readTopics(cluster, [`${topic}-restored`])
  assertSameRecords(await recordDigests(now, `${topic}-restored`, 0), kept, topic)
}

/**
 * The first request of each partition asks for the batch that was read last, to compare it. Where partitions wait long for their
 * turn, that batch may be deleted meanwhile.
 */
async function deletedBeforeFirstTurn(): Promise<void> {
  const topic = 'crowd'
  const archive = place(topic)
  const partitions = Array.from({ length: 8 }, (_, at) => at)
  const [overtaken, spared] = [6, 7] as const
  await driver.createTopic(topic, { replicas: partitions.length })
  await fill(
    topic,
    partitions.map(() => HELD),
    'held',
  )
  await expectExit(0, backupArgs(cluster, archive, [topic]))
  await fill(
    topic,
    partitions.map(() => 200),
    'large',
    LARGE_BYTES,
  )
  // Who stands farthest from the begin of the log is read last.
  await driver.deleteRecords(topic, new Map(partitions.slice(0, overtaken).map((at) => [at, 30n])))
  const running = startProgram([...backupArgs(cluster, archive, [topic]), '--fetch-max-bytes', '262144'])
  await until('the plan is made', () => running.output().stderr.includes('to read'))
  await driver.deleteRecords(
    topic,
    new Map([
      [overtaken, 85n],
      [spared, BigInt(HELD)],
    ]),
  )
  const ended = await running.ended
  assertExit(ended, 3)
  const report = backupDocumentOf(ended)
  assert.deepEqual(missingLines(report.gaps), [`${topic}/${overtaken}: 60-85 deleted_before_read`])
  assert.deepEqual([report.unread, report.divergences], [[], []])
  for (const partition of partitions) assert.equal(await committedEnd(archive, { topic, partition }), 260n)
}

/**
 * Of eight partitions that share a narrow line, one is deleted from its begin: three times as fast as another advances, so that
 * it would be overtaken if it had no more than its share.
 */
async function threatenedPartition(): Promise<void> {
  const topic = 'threatened'
  const archive = place(topic)
  const added = [600, ...Array.from({ length: 7 }, () => 400)]
  await driver.createTopic(topic, { replicas: added.length })
  await fill(
    topic,
    added.map(() => LEAD),
    'held',
  )
  await expectExit(0, backupArgs(cluster, archive, [topic]))
  await fill(topic, added, 'large', LARGE_BYTES)
  const running = startProgram([...backupArgs(cluster, archive, [topic]), ...SMALL_STEPS])
  let deleted = 0
  while (running.child.exitCode === null && running.child.signalCode === null) {
    const advance = Number(await committedEnd(archive, { topic, partition: 1 })) - LEAD
    const wanted = Math.min(advance * 3, deleted + DELETION_STEP, LEAD + added[0]! - 20)
    if (wanted > deleted) await driver.deleteRecords(topic, new Map([[0, BigInt(wanted)]]))
    deleted = Math.max(wanted, deleted)
    await delay(DELETION_INTERVAL_MS)
  }
  const ended = await running.ended
  assertExit(ended, 0)
  assert.ok(deleted > LEAD * 2, `the source deleted up to ${deleted}, far into what this run had to read`)
  assert.match(
    ended.stderr,
    new RegExp(`^Deletion is near: ${topic}/0 .* which it reaches in about \\d`, 'm'),
  )
  assert.deepEqual(backupDocumentOf(ended).gaps, [])
}

async function fill(
  topic: string,
  counts: readonly number[],
  label: string,
  valueBytes = 200,
): Promise<void> {
  for (const [partition, records] of counts.entries())
    await driver.write({ topic, partition, label: `${label}-${partition}`, records, valueBytes })
}

async function untilRead(
  program: RunningProgram,
  archive: Archive,
  where: { readonly topic: string; readonly partition: number },
  offset: bigint,
): Promise<void> {
  await until(`${where.topic} is committed up to ${offset}`, async () => {
    if (program.child.exitCode !== null) assertExit(await program.ended, 3)
    return (await committedEnd(archive, where)) >= offset
  })
}

async function committedGaps(archive: Archive): Promise<string[]> {
  const gaps = (await readHistory(archive)).flatMap((commit) => commit.gaps as readonly MissingDocument[])
  return missingLines(gaps)
}

function place(backupId: string): Archive {
  return { folder: join(cluster.folder, 'repository'), backupId }
}
