import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import {
  type KafkaCluster,
  missingS3Server,
  type S3Server,
  startKafkaCluster,
  startS3Server,
  writePayloadFile,
} from '@kafka-backup/testkit'
import { type MeasuredRun, median, runMeasured } from './measured-run.ts'

// Backup and restore on a folder and on S3 (VersityGW on the loopback), in turns, with the same topic and the same disk.
// Usage: node bench/stores.ts [--runs 5] [--megabytes 1000] [--compression none|lz4] [--target 70]
// Exit code 1 when S3 has less than the target, in percent of the speed of the folder.
const RUNS = numberArgument('--runs', 5)
const MEGABYTES = numberArgument('--megabytes', 1_000)
const TARGET_PERCENT = numberArgument('--target', 70)
const COMPRESSION = textArgument('--compression', 'none')
const PARTITIONS = 4
const BYTES_PER_RECORD = 1_000
const BUCKET = 'bench'
const TOPIC = 'source'
const PROGRAM = 'packages/cli/bin/kafka-backup.js'
const STORES = ['folder', 's3'] as const
const VERBS = ['backup', 'restore'] as const
/** The first run of each store warms the page cache of the broker and counts for nothing. */
const WARM_UP_RUNS = 1

type Store = (typeof STORES)[number]
type Verb = (typeof VERBS)[number]
type Measured = Record<Store, Record<Verb, MeasuredRun[]>>

const missing = missingS3Server()
if (missing !== false) throw new Error(missing)
const folder = await mkdtemp(join(process.env.BENCH_FOLDER ?? tmpdir(), 'kafka-backup-stores-'))
// The server of S3 and its files lie in temporary folders too: all on the same disk.
process.env.TMPDIR = folder
try {
  await using server = await startS3Server()
  await expectSameDisk(server)
  await using cluster = await startKafkaCluster({ heapMb: 1024, compiler: 'best' })
  await server.createBucket(BUCKET)
  process.env.AWS_ACCESS_KEY_ID = server.accessKey
  process.env.AWS_SECRET_ACCESS_KEY = server.secretKey
  await produce(cluster)
  const measured = await measureInTurns(cluster, server)
  process.exitCode = print(measured) ? 0 : 1
} finally {
  await rm(folder, { recursive: true, force: true })
}

async function expectSameDisk(server: S3Server): Promise<void> {
  const [ours, theirs] = await Promise.all([stat(folder), stat(server.rootFolder)])
  if (ours.dev !== theirs.dev) throw new Error(`${folder} and ${server.rootFolder} are on different disks`)
}

async function produce(cluster: KafkaCluster): Promise<void> {
  const payload = join(folder, 'payload')
  await writePayloadFile(payload, { records: 20_000, bytesPerRecord: BYTES_PER_RECORD, seed: 7 })
  await cluster.tools.createTopic(TOPIC, { partitions: PARTITIONS })
  await cluster.tools.producerPerformance({
    topic: TOPIC,
    records: Math.round((MEGABYTES * 1e6) / BYTES_PER_RECORD),
    payload: { file: payload },
    producerProps: {
      'compression.type': COMPRESSION,
      'batch.size': '131072',
      'linger.ms': '20',
      acks: 'all',
    },
    timeoutMs: 600_000,
  })
}

async function measureInTurns(cluster: KafkaCluster, server: S3Server): Promise<Measured> {
  const measured: Measured = { folder: { backup: [], restore: [] }, s3: { backup: [], restore: [] } }
  for (let at = 0; at < RUNS + WARM_UP_RUNS; at++) {
    // Who begins takes turns too: what is left to write of one run bears on the next.
    for (const store of at % 2 === 0 ? STORES : STORES.toReversed()) {
      const place = placeOf(store, server, `run-${at}`)
      const copy = `copy-${store}-${at}`
      const backup = await runMeasured(folder, PROGRAM, [
        ...['backup', '--bootstrap-servers', cluster.bootstrap, '--topics', TOPIC],
        ...place.args,
      ])
      const restore = await runMeasured(folder, PROGRAM, [
        ...['restore', '--bootstrap-servers', cluster.bootstrap, '--topic-mapping', `${TOPIC}=${copy}`],
        ...place.args,
      ])
      await cluster.tools.deleteTopic(copy)
      await rm(place.path, { recursive: true, force: true })
      if (at < WARM_UP_RUNS) continue
      measured[store].backup.push(backup)
      measured[store].restore.push(restore)
    }
  }
  return measured
}

function placeOf(store: Store, server: S3Server, run: string): { args: string[]; path: string } {
  const path = store === 's3' ? join(server.rootFolder, BUCKET, run) : join(folder, run)
  const repo = store === 's3' ? `s3://${BUCKET}/${run}?endpoint=${server.endpoint}` : pathToFileURL(path).href
  return { path, args: ['--repo', repo, '--backup-id', 'bench', '--output-format', 'json'] }
}

/** False when a target is missed. */
function print(measured: Measured): boolean {
  console.log(
    `\n1 KB JSON, ${COMPRESSION}: ${MEGABYTES} MB, ${PARTITIONS} partitions, ${RUNS} runs in turns, median`,
  )
  let isReached = true
  for (const verb of VERBS) {
    for (const store of STORES) line(`${verb}, ${store}`, measured[store][verb])
    const ofFolder = median(measured.folder[verb]).report.duration_ms
    const percent = (ofFolder / median(measured.s3[verb]).report.duration_ms) * 100
    const isEnough = percent >= TARGET_PERCENT
    isReached &&= isEnough
    console.log(
      `  ${verb}: S3 has ${percent.toFixed(0)} % of the speed of the folder; ${isEnough ? 'at least' : 'LESS THAN'} ${TARGET_PERCENT} %`,
    )
  }
  return isReached
}

function line(what: string, runs: readonly MeasuredRun[]): void {
  const middle = median(runs)
  const seconds = runs.map((run) => run.report.duration_ms / 1000)
  const rate = MEGABYTES / (middle.report.duration_ms / 1000)
  console.log(
    `  ${what.padEnd(16)} ${(middle.report.duration_ms / 1000).toFixed(2)} s  ${rate.toFixed(0)} MB/s  CPU ${middle.cpuSeconds.toFixed(2)} s  peak RSS ${middle.peakRssMb.toFixed(0)} MB  spread ${Math.min(...seconds).toFixed(2)}-${Math.max(...seconds).toFixed(2)} s`,
  )
}

function textArgument(name: string, fallback: string): string {
  const at = process.argv.indexOf(name)
  return at < 0 ? fallback : (process.argv[at + 1] ?? fallback)
}

function numberArgument(name: string, fallback: number): number {
  const value = Number(textArgument(name, String(fallback)))
  if (!(value > 0)) throw new Error(`${name} needs a number`)
  return value
}
