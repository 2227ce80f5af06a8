import assert from 'node:assert/strict'
import { existsSync, rmSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type KafkaCluster, openKafkaProxy, SourceDriver, startKafkaCluster } from '@kafka-backup/testkit'
import {
  type Archive,
  archivePath,
  assertExit,
  backupArgs,
  expectComplete,
  expectExit,
  renamed,
  restoreArgs,
} from '../harness/archive.ts'
import { backupDocumentOf } from '../harness/backup-document.ts'
import { committedEnd, readHistory } from '../harness/commit-history.ts'
import { type RunningProgram, startProgram } from '../harness/run-program.ts'
import { expectCopiesEqual } from '../harness/same-content.ts'
import { until } from '../harness/until.ts'

const FIRST = ['live-busy', 'live-calm', 'live-doomed'] as const
const KEPT = ['live-busy', 'live-calm', 'live-late'] as const
const STEADY = ['live-busy', 'live-calm'] as const
const FAST = [
  ...['--continuous', '--checkpoint-interval-secs', '1', '--segment-max-interval-ms', '500'],
  ...['--topic-refresh-interval-secs', '1'],
]
// Much longer than any test waits: whoever ends in less did not wait for it.
const SHUTDOWN_TIMEOUT_SECS = '60'
const AT_ONCE_MS = 2_000
/** Brokers that say nothing are given up after 15 seconds. */
const SILENCE_MAX_MS = 8_000
const METADATA = 3
const QUIET_MS = 5_000
const WIDE = 30
const ROUNDS = Number(process.env.ROUNDS ?? 6)
const WARM_ROUNDS = 2
const GROWTH_MAX_BYTES = 64 * 1024 * 1024

let cluster: KafkaCluster
let driver: SourceDriver
const runs: RunningProgram[] = []

describe('a continuous backup', () => {
  before(async () => {
    cluster = await startKafkaCluster()
    driver = new SourceDriver(cluster)
    for (const topic of FIRST) await driver.createTopic(topic, { replicas: 2 })
    for (const topic of FIRST) await driver.write({ topic, label: topic, records: 100 })
  })

  after(async () => {
    // A test that failed has not stopped its run, which would go on.
    for (const { child } of runs) child.kill('SIGKILL')
    await driver?.[Symbol.asyncDispose]()
    await cluster?.close()
  })

  test('reads what is written, and what topics and partitions join, until it is told to stop', followAndStop)
  test(
    'partitions with little to say share objects, transactions and all, and both kinds restore',
    sharesObjects,
  )
  test('a quiet source costs no commits and no lag, and the recovery point stays young', staysQuiet)
  test('killed in the middle, and stopped by a second signal, it loses and doubles nothing', survivesKills)
  test('brokers that are silent keep nobody who wants to stop', stopsAmongSilentBrokers)
  test('without a checkpoint on shutdown the next run reads again what was not committed', leavesToTheNext)
})

/** The run has started itself again, where that helps. */
async function expectSteadyAllocator({ child }: RunningProgram): Promise<void> {
  if (process.platform !== 'linux') return
  const environment = await readFile(`/proc/${child.pid}/environ`, 'utf8')
  assert.match(
    environment,
    /\0MALLOC_ARENA_MAX=2\0/,
    'the allocator of a run without an end gives memory back',
  )
}

async function followAndStop(): Promise<void> {
  const archive = archiveOf('followed')
  const running = start(archive)
  await untilCommitted(running, archive, 'live-busy', 0, 100n)
  await expectSteadyAllocator(running)
  await driver.growTopic('live-calm', 3)
  await driver.createTopic('live-late', { replicas: 1 })
  await driver.createTopic('other', { replicas: 1 })
  await until('that they joined is committed, although nothing was written to them', async () => {
    const begins = (await readHistory(archive)).flatMap((commit) => commit.begins)
    return (
      failed(running) ||
      ['live-late/0', 'live-calm/2'].every((name) =>
        begins.some((entry) => `${entry.topic}/${entry.partition}` === name),
      )
    )
  })
  let end = 100n
  for (let round = 0; round < 10; round++) {
    end = await driver.write({ topic: 'live-busy', label: `busy-${round}`, records: 50 })
    await driver.write({ topic: 'live-late', label: `late-${round}`, records: 10 })
  }
  await driver.write({ topic: 'live-calm', partition: 2, label: 'third', records: 5 })
  await driver.write({ topic: 'other', label: 'other', records: 5 })
  await untilCommitted(running, archive, 'live-busy', 0, end)
  await untilCommitted(running, archive, 'live-late', 0, 100n)
  await untilCommitted(running, archive, 'live-calm', 2, 5n)
  await cluster.tools.alterTopicConfig('live-calm', { 'retention.ms': '987654321' })
  await until('another setting of a topic is in the backup', async () => {
    return failed(running) || /^live-calm +retention\.ms +987654321$/m.test(await describedText(archive))
  })
  await driver.deleteTopic('live-doomed')
  await until('the deletion is noticed', () => /Left: live-doomed\/0 /.test(running.output().stderr))
  await driver.write({ topic: 'live-busy', label: 'last', records: 30 })
  await until('the last records were seen', async () => (await lag(archive)).records >= 765)
  running.child.kill('SIGTERM')
  const ended = await running.ended
  assertExit(ended, 130)
  const report = backupDocumentOf(ended)
  assert.deepEqual(
    [report.outcome, report.gaps, report.divergences, report.unread],
    ['interrupted', [], [], []],
  )
  await expectComplete(archive)
  assert.match(ended.stderr, /^Joined: live-late\/0 is read from offset 0 on$/m)
  const commits = await readHistory(archive)
  assert.equal(commits.at(-1)?.run.outcome, 'interrupted')
  assert.ok(
    !commits.some(({ segments }) =>
      segments.some(({ parts }) => parts.some(({ topic }) => topic === 'other')),
    ),
  )
  await expectExit(0, ['status', ...placeOf(archive)])
  await expectSameAsSource(archive, 'followed')
}

async function describedText(archive: Archive): Promise<string> {
  const args = placeOf(archive).filter((arg) => arg !== '--output-format' && arg !== 'json')
  return (await expectExit(0, ['describe', ...args])).stdout
}

async function sharesObjects(): Promise<void> {
  const archive = archiveOf('bundled')
  await driver.createTopic('wide', { replicas: WIDE })
  const topics = ['wide', 'live-busy']
  // Old enough at every other checkpoint only, so that what the writes of a round bring is flushed together.
  const running = start(archive, topics, ['--segment-max-interval-ms', '2000'])
  await until('it commits', async () => failed(running) || (await lag(archive)).records > 0)
  let end = 0n
  let warmBytes = 0
  for (let round = 0; round < ROUNDS; round++) {
    if (round === WARM_ROUNDS) warmBytes = await residentBytes(running)
    const transaction = await driver.beginTransaction('wide', 60_000)
    for (let partition = 0; partition < WIDE; partition++)
      end = await transaction.write({ topic: 'wide', partition, label: `wide-${round}`, records: 10 })
    await transaction.end(round % 2 === 0 ? 'abort' : 'commit')
    await driver.write({ topic: 'live-busy', label: `big-${round}`, records: 1_500, valueBytes: 1_000 })
    for (let partition = 0; partition < WIDE; partition++)
      await untilCommitted(running, archive, 'wide', partition, end)
  }
  const grownBytes = (await residentBytes(running)) - warmBytes
  assert.ok(grownBytes < GROWTH_MAX_BYTES, `it grew by ${grownBytes} bytes`)
  running.child.kill('SIGTERM')
  assertExit(await running.ended, 130)
  const objects = (await readHistory(archive)).flatMap(({ segments }) => segments)
  const bundles = objects.filter(({ parts }) => parts.length > 1)
  const parts = bundles.reduce((sum, entry) => sum + entry.parts.length, 0)
  assert.ok(bundles.every(({ key }) => key.startsWith('bundled/bundles/')))
  assert.ok(
    parts >= WIDE * ROUNDS && bundles.length <= 5 * ROUNDS,
    `${parts} parts in ${bundles.length} bundles`,
  )
  const alone = objects.filter(({ key }) => key.includes('/live-busy/partition=0/'))
  assert.ok(
    alone.some(({ bytes }) => bytes > 100_000),
    'what is big has segments of its own',
  )
  await expectSameAsSource(archive, 'bundled', topics)
}

async function staysQuiet(): Promise<void> {
  const archive = archiveOf('quiet')
  const running = start(archive, STEADY)
  await until('it is up to date', async () => (await lag(archive)).recoveryPointSecs > 0)
  const before = await readdir(archivePath(archive, 'commits'))
  const point = (await lag(archive)).recoveryPointSecs
  await delay(QUIET_MS)
  const { offsets, recoveryPointSecs } = await lag(archive)
  assert.equal(offsets, 0)
  assert.ok(recoveryPointSecs > point + 2, 'the recovery point moves although nothing is written')
  assert.deepEqual(await readdir(archivePath(archive, 'commits')), before)
  await driver.write({ topic: 'live-calm', label: 'again', records: 3 })
  await until('a record makes a commit', async () => (await readHistory(archive)).length > before.length)
  running.child.kill('SIGINT')
  assertExit(await running.ended, 130)
}

async function survivesKills(): Promise<void> {
  const archive = archiveOf('killed')
  for (const [round, signals] of [['SIGKILL'], ['SIGTERM', 'SIGINT'], ['SIGKILL']].entries()) {
    const running = start(archive, STEADY)
    await until('it commits', async () => (await lag(archive)).records > 0 || failed(running))
    const end = await driver.write({ topic: 'live-busy', label: `kill-${round}`, records: 100 })
    if (round === 0) await untilCommitted(running, archive, 'live-busy', 0, end)
    await driver.write({ topic: 'live-busy', partition: 1, label: `rest-${round}`, records: 100 })
    const sentMs = performance.now()
    for (const signal of signals) running.child.kill(signal as NodeJS.Signals)
    const ended = await running.ended
    assert.deepEqual([ended.exitCode, ended.signal], signals[1] ? [130, null] : [null, 'SIGKILL'])
    assert.ok(performance.now() - sentMs < AT_ONCE_MS, 'it ends at once')
  }
  await expectSameAsSource(archive, 'killed', STEADY)
}

async function stopsAmongSilentBrokers(): Promise<void> {
  await using proxy = await openKafkaProxy(cluster)
  const stopped = async (running: RunningProgram, maxMs: number) => {
    const sentMs = performance.now()
    running.child.kill('SIGTERM')
    const ended = await running.ended
    assertExit(ended, 130)
    assert.ok(performance.now() - sentMs < maxMs, `${performance.now() - sentMs} ms`)
    return ended
  }
  const archive = archiveOf('silent')
  let asked = 0
  proxy.setFate(
    () => 'hold',
    () => void asked++,
  )
  const early = start(archive, STEADY, [], proxy.bootstrap)
  await until('the first broker is asked', () => failed(early) || asked > 0)
  await stopped(early, SILENCE_MAX_MS)
  proxy.release()
  proxy.setFate(() => 'pass')
  const running = start(archive, STEADY, [], proxy.bootstrap)
  await until('it commits', async () => (await lag(archive)).records > 0 || failed(running))
  asked = 0
  proxy.setFate(
    ({ apiKey }) => (apiKey === METADATA ? 'hold' : 'pass'),
    () => void asked++,
  )
  await until('it looks for new partitions', () => failed(running) || asked > 0)
  await driver.write({ topic: 'live-busy', label: 'silent', records: 10 })
  await until('it has read on', async () => (await lag(archive)).offsets === 0)
  assert.equal(backupDocumentOf(await stopped(running, SILENCE_MAX_MS)).outcome, 'interrupted')
  assert.equal((await readHistory(archive)).at(-1)?.run.outcome, 'interrupted')
  proxy.release()
  await expectExit(0, backupArgs(cluster, archive, STEADY))
  await expectComplete(archive)
}

async function leavesToTheNext(): Promise<void> {
  const archive = archiveOf('unflushed')
  const slow = ['--checkpoint-on-shutdown', 'false', '--segment-max-interval-ms', '3600000']
  const running = start(archive, STEADY, slow)
  await until('everything was read', async () => (await lag(archive)).offsets === 0)
  running.child.kill('SIGTERM')
  const ended = await running.ended
  assertExit(ended, 130)
  assert.equal(backupDocumentOf(ended).outcome, 'interrupted')
  const commits = await readHistory(archive)
  assert.deepEqual(
    commits.flatMap(({ segments }) => segments),
    [],
    'nothing of it was committed',
  )
  assert.notEqual(commits.at(-1)?.run.outcome, 'interrupted')
  await expectSameAsSource(archive, 'unflushed', STEADY)
}

/** A run to the end, which must be one log with the continuous ones, and a restored copy. */
async function expectSameAsSource(
  archive: Archive,
  suffix: string,
  topics: readonly string[] = KEPT,
): Promise<void> {
  const report = backupDocumentOf(await expectExit(0, backupArgs(cluster, archive, topics)))
  assert.equal(report.outcome, 'complete')
  await expectComplete(archive)
  const names = renamed(topics, suffix)
  await expectExit(0, restoreArgs(cluster, archive, names))
  await expectCopiesEqual(cluster, [names])
}

function start(
  archive: Archive,
  topics: readonly string[] = ['live-*'],
  more: readonly string[] = [],
  bootstrap = cluster.bootstrap,
): RunningProgram {
  // Of a run before this one.
  rmSync(figuresOf(archive), { force: true })
  const figures = ['--metrics-file', figuresOf(archive), '--shutdown-timeout-secs', SHUTDOWN_TIMEOUT_SECS]
  const running = startProgram([...backupArgs({ bootstrap }, archive, topics), ...FAST, ...figures, ...more])
  runs.push(running)
  return running
}

async function untilCommitted(
  running: RunningProgram,
  archive: Archive,
  topic: string,
  partition: number,
  end: bigint,
): Promise<void> {
  await until(`${topic}/${partition} is committed up to ${end}`, async () => {
    return failed(running) || (await committedEnd(archive, { topic, partition })) >= end
  })
}

/** False while it runs; fails when it has ended. */
function failed({ child, output }: RunningProgram): false {
  assert.equal(child.exitCode, null, `the backup has ended: ${output().stderr}`)
  return false
}

async function residentBytes({ child }: RunningProgram): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
  return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]) * 1024
}

interface Figures {
  readonly offsets: number
  readonly recoveryPointSecs: number
  readonly records: number
}

async function lag(archive: Archive): Promise<Figures> {
  const text = existsSync(figuresOf(archive)) ? await readFile(figuresOf(archive), 'utf8') : ''
  const figure = (name: string) =>
    Number(new RegExp(`^${name}\\{.*\\} (.+)$`, 'm').exec(text)?.[1] ?? Number.NaN)
  return {
    offsets: figure('kafka_backup_lag_offsets'),
    recoveryPointSecs: figure('kafka_backup_recovery_point_timestamp_seconds'),
    records: figure('kafka_backup_records_total'),
  }
}

function figuresOf(archive: Archive): string {
  return join(archive.folder, `${archive.backupId}.prom`)
}

function archiveOf(backupId: string): Archive {
  return { folder: join(cluster.folder, 'repository'), backupId }
}

function placeOf(archive: Archive): string[] {
  return backupArgs(cluster, archive, []).slice(5)
}
