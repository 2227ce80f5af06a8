import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  type KafkaCluster,
  missingS3Server,
  openFaultProxy,
  SequenceWriter,
  SourceDriver,
  startKafkaCluster,
  startS3Server,
  type WrittenSequence,
} from '@kafka-backup/testkit'
import { assertExit, expectExit, type ValidationDocument } from '../../harness/archive.ts'
import { type BackupDocument, backupDocumentOf } from '../../harness/backup-document.ts'
import { type RunningProgram, startProgram } from '../../harness/run-program.ts'
import { countRecords, expectCopiesEqual } from '../../harness/same-content.ts'
import { until } from '../../harness/until.ts'
import { leastOfEach, memorySlope, type ProcessSample, sampleProcess } from './process-samples.ts'

const MINUTES = Number(process.env.MINUTES ?? 3)
const FAULTS = Number(process.env.FAULTS ?? 0.05)
const RECORDS_PER_SECOND = Number(process.env.PER_SECOND ?? 300)
/** Shorter runs say nothing about a slope. */
const STEADY_MINUTES = 20
const SLOPE_MAX_MIB_PER_HOUR = 1
const FLOOR_MINUTES = 5
/** At any time, with what is mapped from the file of Node.js. */
const PEAK_MAX_MIB = 250
const MORE_DESCRIPTORS_MAX = 2
const PAUSE_MS = 5_000
const PATIENCE_MS = 20 * 60_000
const TOPIC = 'sequence'
const REPLICAS = [
  [1, 2, 3],
  [2, 3, 1],
  [3, 1, 2],
]

/** What the program is told, and where its figures are. */
interface Stage {
  readonly cluster: KafkaCluster
  readonly source: readonly string[]
  readonly place: readonly string[]
  readonly options: { readonly env: Readonly<Record<string, string>>; readonly timeoutMs: number }
  readonly metricsFile: string
}

/** What came of the run. */
interface Endurance {
  readonly rolls: number
  readonly written: WrittenSequence
  readonly samples: readonly ProcessSample[]
  readonly report: BackupDocument
}

test('a continuous run under broker rolls and store faults', { skip: missingS3Server() }, async (t) => {
  await using server = await startS3Server()
  await server.createBucket('endurance')
  await using cluster = await startKafkaCluster({ brokers: 3 })
  await using driver = new SourceDriver(cluster)
  await driver.createTopic(TOPIC, { replicas: REPLICAS, config: { 'min.insync.replicas': '2' } })
  const behaviour = { target: server.endpoint, seed: 1, probability: FAULTS, stallMs: 500 }
  await using proxy = await openFaultProxy(behaviour)
  const stage: Stage = {
    cluster,
    source: ['--bootstrap-servers', cluster.bootstrap, '--topics', TOPIC],
    place: [
      ...['--repo', `s3://endurance/p?endpoint=${proxy.endpoint}`, '--backup-id', 'live'],
      ...['--output-format', 'json'],
    ],
    options: {
      env: { AWS_ACCESS_KEY_ID: server.accessKey, AWS_SECRET_ACCESS_KEY: server.secretKey },
      timeoutMs: MINUTES * 60_000 + PATIENCE_MS,
    },
    metricsFile: join(cluster.folder, 'live.prom'),
  }
  const endurance = await endure(stage, driver)
  const { requests, done } = proxy
  t.diagnostic(JSON.stringify({ minutes: MINUTES, rolls: endurance.rolls, requests, faults: done }))
  await expectEverything(stage, endurance)
  assertSteady(t, endurance.samples)
})

/** Runs the backup while brokers are rolled and records are written, until all of them are committed; then stops it. */
async function endure(stage: Stage, driver: SourceDriver): Promise<Endurance> {
  const { cluster, source, place, options, metricsFile } = stage
  const args = ['backup', ...source, ...place, '--continuous', '--metrics-file', metricsFile]
  const running = startProgram(args, options)
  await using writer = new SequenceWriter(cluster, {
    topic: TOPIC,
    partitions: REPLICAS.length,
    recordsPerSecond: RECORDS_PER_SECOND,
  })
  const stop = new AbortController()
  try {
    const sampling = sampleProcess(running.child.pid ?? 0, stop.signal)
    sampling.catch(() => {})
    const rolls = await rollBrokers(cluster, driver)
    const written = await writer.finish()
    await untilCommitted(running, metricsFile, written.acknowledged)
    stop.abort()
    const samples = await sampling
    running.child.kill('SIGTERM')
    const ended = await running.ended
    assertExit(ended, 130)
    return { rolls, written, samples, report: backupDocumentOf(ended) }
  } finally {
    stop.abort()
    running.child.kill('SIGKILL')
  }
}

/** Stops or kills one broker after the other; each is in sync again before the next. */
async function rollBrokers(cluster: KafkaCluster, driver: SourceDriver): Promise<number> {
  const endMs = performance.now() + MINUTES * 60_000
  let rolls = 0
  while (performance.now() < endMs) {
    const broker = cluster.broker(1 + (rolls % REPLICAS.length))
    await (rolls % 2 === 0 ? broker.stop() : broker.kill())
    await broker.start()
    await until(`broker ${broker.id} is in sync`, async () =>
      (await driver.inSync(TOPIC).catch(() => [0])).every((count) => count === REPLICAS.length),
    )
    rolls++
    await delay(PAUSE_MS)
  }
  return rolls
}

async function untilCommitted(
  running: RunningProgram,
  metricsFile: string,
  acknowledged: number,
): Promise<void> {
  await until('everything is committed', async () => {
    assert.equal(running.child.exitCode, null, running.output().stderr)
    const text = existsSync(metricsFile) ? await readFile(metricsFile, 'utf8') : ''
    return (
      metric(text, 'kafka_backup_lag_offsets') === 0 &&
      metric(text, 'kafka_backup_records_total') >= acknowledged
    )
  })
}

/** Of the samples, the first third is warming up. */
function assertSteady(t: TestContext, samples: readonly ProcessSample[]): void {
  const warm = samples.slice(Math.floor(samples.length / 3))
  const { mibPerHour, standardError } = memorySlope(warm)
  const peakMib = samples.at(-1)?.peakMib ?? 0
  const descriptors = [warm[0]?.descriptors ?? 0, warm.at(-1)?.descriptors ?? 0] as const
  t.diagnostic(JSON.stringify({ samples: samples.length, peakMib, mibPerHour, standardError, descriptors }))
  // The heap is made small as often: what is left right after that, a line through which has no sawtooth in it.
  const floors = leastOfEach(samples, FLOOR_MINUTES)
  const ofFloors = memorySlope(floors.slice(Math.floor(floors.length / 3)))
  t.diagnostic(
    `least MiB of each ${FLOOR_MINUTES} minutes: ${floors.map(({ mib }) => mib.toFixed(1)).join(' ')}; ${JSON.stringify(ofFloors)}`,
  )
  assert.ok(peakMib <= PEAK_MAX_MIB, `${peakMib} MiB were resident`)
  if (MINUTES < STEADY_MINUTES) return
  const leastMibPerHour = mibPerHour - 2 * standardError
  assert.ok(leastMibPerHour < SLOPE_MAX_MIB_PER_HOUR, `${mibPerHour} MiB an hour, error ${standardError}`)
  const more = descriptors[1] - descriptors[0]
  assert.ok(more <= MORE_DESCRIPTORS_MAX, `descriptors went from ${descriptors.join(' to ')}`)
}

/** Nothing is declared missing, every byte is right, and a copy has every acknowledged record once. */
async function expectEverything(stage: Stage, { report, written }: Endurance): Promise<void> {
  const { cluster, source, place, options } = stage
  const { acknowledged, failed } = written
  assert.deepEqual([report.gaps, report.divergences, report.unread, failed], [[], [], [], 0])
  const checked = await expectExit(0, ['validate', ...place, '--deep'], options)
  const { findings, records } = checked.json<ValidationDocument>()
  assert.equal(Number(records), acknowledged, 'the archive has every record once')
  assert.deepEqual(
    findings.filter(({ severity }) => severity !== 'note'),
    [],
  )
  const mapping = ['--topic-mapping', `${TOPIC}=${TOPIC}-copy`]
  await expectExit(0, ['restore', ...source, ...place, ...mapping], options)
  const contents = await expectCopiesEqual(cluster, [new Map([[TOPIC, `${TOPIC}-copy`]])])
  assert.equal(countRecords(contents, [TOPIC]), acknowledged, 'every acknowledged record, once')
}

function metric(text: string, name: string): number {
  return Number(new RegExp(`^${name}\\{.*\\} (.+)$`, 'm').exec(text)?.[1] ?? Number.NaN)
}
