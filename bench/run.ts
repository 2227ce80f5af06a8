import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type KafkaCluster, startKafkaCluster, writePayloadFile } from '@kafka-backup/testkit'
import { type MeasuredRun, median, runMeasured } from './measured-run.ts'

// Backup and restore beside the limits of the same broker in the same minutes: our raw fetch to nowhere, and Kafka's own
// consumer and producer perf tools. Usage: npm run bench [-- --runs 3 --megabytes 1000 --row lz4 --reencode --verify]
const RUNS = numberArgument('--runs', 3)
const MEGABYTES = numberArgument('--megabytes', 1_000)
/** Other ways to restore the same backup, each by a flag of its own. */
const WAYS = [
  // A header more in every record, so that nothing can be sent as it is stored.
  { flag: '--reencode', name: 'restore, re-encoded', args: ['--include-original-offset-header'] },
  { flag: '--verify', name: 'restore --verify', args: ['--verify'] },
].filter(({ flag }) => process.argv.includes(flag))
const PARTITIONS = 4
const PROGRAM = 'packages/cli/bin/kafka-backup.js'
const ROWS = [
  { name: '1 KB JSON, none', bytesPerRecord: 1_000, compression: 'none' },
  { name: '1 KB JSON, lz4', bytesPerRecord: 1_000, compression: 'lz4' },
  { name: '100 B JSON, none', bytesPerRecord: 100, compression: 'none' },
  { name: '100 B JSON, lz4', bytesPerRecord: 100, compression: 'lz4' },
] as const

const folder = await mkdtemp(join(process.env.BENCH_FOLDER ?? tmpdir(), 'kafka-backup-bench-'))
try {
  for (const row of ROWS.filter(isWanted)) await measureRow(row)
} finally {
  await rm(folder, { recursive: true, force: true })
}

async function measureRow(row: (typeof ROWS)[number]): Promise<void> {
  // A broker of its own for each row: page cache and disk of one row must not bear on the next.
  await using cluster = await startKafkaCluster({ heapMb: 1024, compiler: 'best' })
  const records = Math.round((MEGABYTES * 1e6) / row.bytesPerRecord / (row.bytesPerRecord < 500 ? 2 : 1))
  const payload = join(folder, 'payload')
  await writePayloadFile(payload, { records: 20_000, bytesPerRecord: row.bytesPerRecord, seed: 7 })
  const produced = await produce(cluster, 'source', row.compression, records, payload)
  const consumed = await cluster.tools.consumerPerformance({ topic: 'source', records, timeoutMs: 300_000 })
  const raw: MeasuredRun[] = []
  const rawToDisk: MeasuredRun[] = []
  const backups: MeasuredRun[] = []
  const restores: MeasuredRun[] = []
  const ways = WAYS.map((way) => ({ ...way, runs: [] as MeasuredRun[] }))
  const location = pathToFileURL(join(folder, 'repository')).href
  for (let at = 0; at < RUNS; at++) {
    raw.push(await runMeasured(folder, 'bench/raw-fetch.ts', [cluster.bootstrap, 'source']))
    rawToDisk.push(await runMeasured(folder, 'bench/raw-fetch.ts', [cluster.bootstrap, 'source', folder]))
    backups.push(await runMeasured(folder, PROGRAM, backupArgs(cluster, location, `run-${at}`)))
    restores.push(
      await runMeasured(folder, PROGRAM, restoreArgs(cluster, location, `run-${at}`, `restored-${at}`)),
    )
    await cluster.tools.deleteTopic(`restored-${at}`)
    for (const { args, runs } of ways) {
      const topic = `other-${at}`
      runs.push(
        await runMeasured(folder, PROGRAM, [...restoreArgs(cluster, location, `run-${at}`, topic), ...args]),
      )
      await cluster.tools.deleteTopic(topic)
    }
  }
  await rm(join(folder, 'repository'), { recursive: true, force: true })
  print(row.name, records, {
    produced,
    consumed: consumed.elapsedMs,
    raw,
    rawToDisk,
    backups,
    restores,
    ways,
  })
}

async function produce(
  cluster: KafkaCluster,
  topic: string,
  compression: string,
  records: number,
  payload: string,
): Promise<number> {
  await cluster.tools.createTopic(topic, { partitions: PARTITIONS })
  const result = await cluster.tools.producerPerformance({
    topic,
    records,
    payload: { file: payload },
    producerProps: {
      'compression.type': compression,
      'batch.size': '131072',
      'linger.ms': '20',
      acks: 'all',
    },
    timeoutMs: 300_000,
  })
  return result.elapsedMs
}

function backupArgs(cluster: KafkaCluster, location: string, backupId: string): string[] {
  return [
    'backup',
    '--bootstrap-servers',
    cluster.bootstrap,
    '--topics',
    'source',
    '--repo',
    location,
    '--backup-id',
    backupId,
    '--output-format',
    'json',
  ]
}

function restoreArgs(cluster: KafkaCluster, location: string, backupId: string, topic: string): string[] {
  return [
    'restore',
    '--bootstrap-servers',
    cluster.bootstrap,
    '--repo',
    location,
    '--backup-id',
    backupId,
    '--topic-mapping',
    `source=${topic}`,
    '--output-format',
    'json',
  ]
}

interface RowResult {
  readonly produced: number
  readonly consumed: number
  readonly raw: readonly MeasuredRun[]
  readonly rawToDisk: readonly MeasuredRun[]
  readonly backups: readonly MeasuredRun[]
  readonly restores: readonly MeasuredRun[]
  readonly ways: readonly { readonly name: string; readonly runs: readonly MeasuredRun[] }[]
}

function print(name: string, records: number, result: RowResult): void {
  const raw = median(result.raw)
  const rawToDisk = median(result.rawToDisk)
  const backup = median(result.backups)
  const megabytes = raw.report.raw_bytes / 1e6
  console.log(
    `\n${name}: ${records.toLocaleString('en-US')} records, ${megabytes.toFixed(0)} MB on the broker, ${PARTITIONS} partitions, ${RUNS} runs, median`,
  )
  line('raw fetch to nowhere', raw, megabytes)
  line('raw fetch to disk', rawToDisk, megabytes)
  line(
    'backup',
    backup,
    megabytes,
    `${percent(raw, backup)} of raw fetch, ${percent(rawToDisk, backup)} of raw fetch to disk, ${((backup.report.stored_bytes ?? 0) / 1e6).toFixed(0)} MB stored, spread ${spread(result.backups)}`,
  )
  const besideProducer = (runs: readonly MeasuredRun[]): string =>
    `${((result.produced / median(runs).report.duration_ms) * 100).toFixed(0)} % of the producer perf tool, spread ${spread(runs)}`
  const restore = median(result.restores)
  line('restore', restore, megabytes, besideProducer(result.restores))
  for (const { name: way, runs } of result.ways) {
    const times = (median(runs).report.duration_ms / restore.report.duration_ms).toFixed(2)
    line(way, median(runs), megabytes, `${times} times the restore, ${besideProducer(runs)}`)
  }
  console.log(`  consumer perf tool   ${(result.consumed / 1000).toFixed(2)} s`)
  console.log(`  producer perf tool   ${(result.produced / 1000).toFixed(2)} s`)
}

function line(what: string, run: MeasuredRun, megabytes: number, more = ''): void {
  const secondsTaken = run.report.duration_ms / 1000
  const rate = `${(megabytes / secondsTaken).toFixed(0)} MB/s`
  console.log(
    `  ${what.padEnd(20)} ${secondsTaken.toFixed(2)} s  ${rate}  process ${(run.wallMs / 1000).toFixed(2)} s  CPU ${run.cpuSeconds.toFixed(2)} s  peak RSS ${run.peakRssMb.toFixed(0)} MB  ${more}`,
  )
}

function percent(limit: MeasuredRun, run: MeasuredRun): string {
  return `${((limit.report.duration_ms / run.report.duration_ms) * 100).toFixed(0)} %`
}

function spread(runs: readonly MeasuredRun[]): string {
  const durations = runs.map((run) => run.report.duration_ms / 1000)
  return `${Math.min(...durations).toFixed(2)}-${Math.max(...durations).toFixed(2)} s`
}

/** `--row lz4` keeps the rows whose name holds that text. */
function isWanted(row: (typeof ROWS)[number]): boolean {
  const at = process.argv.indexOf('--row')
  return at < 0 || row.name.includes(process.argv[at + 1] ?? '')
}

function numberArgument(name: string, fallback: number): number {
  const at = process.argv.indexOf(name)
  const value = at < 0 ? fallback : Number(process.argv[at + 1])
  if (!(value > 0)) throw new Error(`${name} needs a number`)
  return value
}
