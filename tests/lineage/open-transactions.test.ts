import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type KafkaCluster, SourceDriver, startKafkaCluster } from '@kafka-backup/testkit'
import {
  type Archive,
  assertExit,
  backupArgs,
  expectComplete,
  expectExit,
  renamed,
  restoreArgs,
  validateArgs,
} from '../harness/archive.ts'
import { backupDocumentOf, missingLines } from '../harness/backup-document.ts'
import { assertSameRecords, recordDigests } from '../harness/record-digests.ts'
import { startProgram } from '../harness/run-program.ts'
import { expectCopiesEqual, expectSameRecords, readTopics } from '../harness/same-content.ts'
import { until } from '../harness/until.ts'

const LONG_MS = 900_000
const WAIT_SECS = 8
// Starting the program and asking the brokers, on a machine that is busy.
const SLACK_MS = 30_000

let cluster: KafkaCluster
let driver: SourceDriver

describe('transactions that are open when a run reaches them', () => {
  before(async () => {
    cluster = await startKafkaCluster()
    driver = new SourceDriver(cluster)
  })

  after(async () => {
    await driver?.[Symbol.asyncDispose]()
    await cluster?.close()
  })

  test('a producer that crashed is named, and the run ends as incomplete when its patience ends', hangs)
  test('a transaction that ends while the run waits is waited for', endsInTime)
  test(
    'read_uncommitted takes open and aborted records for data, and a backup keeps to its level',
    uncommitted,
  )
})

async function hangs(): Promise<void> {
  const archive = place('hanging')
  const topics = ['blocked', 'free']
  for (const topic of topics) await driver.createTopic(topic, { replicas: 1 })
  await inTransaction('writer-1', 'blocked', { label: 'committed', records: 20, end: 'commit' })
  const stuck = await driver.beginTransaction('stuck-writer', LONG_MS)
  await stuck.write({ topic: 'blocked', label: 'stuck', records: 10 })
  await stuck.forsake()
  await driver.write({ topic: 'blocked', label: 'behind', records: 15 })
  await driver.write({ topic: 'free', label: 'free', records: 30 })
  const beganMs = performance.now()
  const end = await expectExit(3, [
    ...backupArgs(cluster, archive, topics),
    '--transaction-wait-secs',
    `${WAIT_SECS}`,
  ])
  const tookMs = performance.now() - beganMs
  assert.ok(tookMs >= WAIT_SECS * 1_000 && tookMs < WAIT_SECS * 1_000 + SLACK_MS, `it took ${tookMs} ms`)
  const blame =
    /Waiting for a transaction: blocked\/0 from offset 21 is held back by producer \d+ \(transactional\.id stuck-writer\) since \d{4}-\d\d-\d\dT\S+Z/
  assert.match(end.stderr, blame)
  const report = backupDocumentOf(end)
  assert.deepEqual(missingLines(report.unread), ['blocked/0: 21-46 open_transaction'])
  assert.match(
    report.unread[0]?.detail ?? '',
    /^producer \d+ \(stuck-writer\) has a transaction open at offset 21/,
  )
  assert.deepEqual([report.outcome, report.recovery_point, report.gaps], ['incomplete', null, []])
  const validation = (await expectExit(3, validateArgs(archive))).json()
  assert.deepEqual([validation.verdict, validation.findings], ['incomplete', []])
  await restoreAs(archive, topics, 'below')
  // The same transactional id again: the coordinator aborts what was left open.
  await (await driver.beginTransaction('stuck-writer', LONG_MS)).forsake()
  const next = backupDocumentOf(await expectExit(0, backupArgs(cluster, archive, topics)))
  assert.deepEqual([next.outcome, next.unread], ['complete', []])
  await expectComplete(archive)
  const whole = await restoreAs(archive, topics, 'whole')
  const contents = await readTopics(cluster, [...whole.keys(), ...whole.values(), 'blocked-below'])
  await expectSameRecords(whole, contents, contents)
  assertSameRecords(
    await recordDigests(contents, 'blocked-below', 0),
    (await recordDigests(contents, 'blocked', 0)).slice(0, 20),
    'what was committed below the open transaction',
  )
}

async function endsInTime(): Promise<void> {
  const archive = place('waiting')
  const fates = { 'will-commit': 'commit', 'will-abort': 'abort' } as const
  const topics = Object.keys(fates)
  const open = []
  for (const [topic, fate] of Object.entries(fates)) {
    await driver.createTopic(topic, { replicas: 1 })
    await driver.write({ topic, label: 'before', records: 10 })
    const transaction = await driver.beginTransaction(`${topic}-writer`, LONG_MS)
    await transaction.write({ topic, label: fate, records: 20 })
    open.push({ transaction, fate })
    await driver.write({ topic, label: 'behind', records: 10 })
  }
  const running = startProgram([...backupArgs(cluster, archive, topics), '--transaction-wait-secs', '90'])
  await until('the run says that it waits', () => /Waiting for a transaction/.test(running.output().stderr))
  for (const { transaction, fate } of open) await transaction.end(fate)
  const end = await running.ended
  assertExit(end, 0)
  assert.deepEqual(backupDocumentOf(end).unread, [])
  const now = await restoreAs(archive, topics, 'now')
  await expectExit(0, backupArgs(cluster, archive, topics))
  await expectComplete(archive)
  await expectCopiesEqual(cluster, [now, await restoreAs(archive, topics, 'later')])
}

async function uncommitted(): Promise<void> {
  const archive = place('uncommitted')
  const topic = 'mixed'
  const raw = ['--isolation-level', 'read_uncommitted']
  await driver.createTopic(topic, { replicas: 1 })
  await driver.write({ topic, label: 'plain', records: 10 })
  await inTransaction('mixed-1', topic, { label: 'aborted', records: 20, end: 'abort' })
  await inTransaction('mixed-2', topic, { label: 'committed', records: 20, end: 'commit' })
  const open = await driver.beginTransaction('mixed-3', LONG_MS)
  await open.write({ topic, label: 'open', records: 10 })
  await driver.write({ topic, label: 'behind', records: 10 })
  const report = backupDocumentOf(await expectExit(0, [...backupArgs(cluster, archive, [topic]), ...raw]))
  assert.deepEqual([report.outcome, report.unread], ['complete', []])
  await expectComplete(archive)
  await expectExit(0, restoreArgs(cluster, archive, renamed([topic], 'raw')))
  const source = await readUncommitted(topic, 70)
  assert.equal(source.length, 70)
  assert.deepEqual(await readUncommitted(`${topic}-raw`, 70), source)
  const refused = await expectExit(2, backupArgs(cluster, archive, [topic]))
  assert.match(refused.stderr + refused.stdout, /KB_ISOLATION_CHANGED/)
  const committedOnly = place('committed-only')
  await open.end('abort')
  await expectExit(0, backupArgs(cluster, committedOnly, [topic]))
  await expectExit(2, [...backupArgs(cluster, committedOnly, [topic]), ...raw])
  await expectExit(0, [...backupArgs(cluster, archive, [topic]), ...raw])
  await expectCopiesEqual(cluster, [await restoreAs(committedOnly, [topic], 'committed')])
}

async function inTransaction(
  id: string,
  topic: string,
  what: { readonly label: string; readonly records: number; readonly end: 'commit' | 'abort' },
): Promise<void> {
  const transaction = await driver.beginTransaction(id, LONG_MS)
  await transaction.write({ topic, label: what.label, records: what.records })
  await transaction.end(what.end)
}

/** Every record with its key, time and value, in order, as the console consumer prints them. */
function readUncommitted(topic: string, records: number): Promise<string[]> {
  return cluster.tools.consoleConsumer({
    ...{ topic, partition: 0, maxRecords: records + 1, idleMs: 3_000, isolation: 'read_uncommitted' },
    properties: { 'print.key': 'true', 'print.timestamp': 'true' },
  })
}

/** Returns the names of the copies. */
async function restoreAs(
  archive: Archive,
  topics: readonly string[],
  suffix: string,
): Promise<Map<string, string>> {
  const names = renamed(topics, suffix)
  await expectExit(0, restoreArgs(cluster, archive, names))
  return names
}

function place(backupId: string): Archive {
  return { folder: join(cluster.folder, 'repository'), backupId }
}
