// Run it with: node --test tests/stores/long/store-memory.test.ts; STORE=s3, azure or gcs for one of them, DATA_MIB=200 for less.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { ContainerClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import {
  fillTopics,
  type KafkaCluster,
  missingGcsServer,
  missingS3Server,
  startAzureServer,
  startGcsServer,
  startKafkaCluster,
  startS3Server,
} from '@kafka-backup/testkit'
import { assertExit } from '../../harness/archive.ts'
import { createTopics } from '../../harness/new-topics.ts'
import { startProgram } from '../../harness/run-program.ts'

const MIB = 1024 * 1024
const DATA_BYTES = Number(process.env.DATA_MIB ?? 600) * MIB
const VALUE_BYTES = 20_000
const ROUNDS = Number(process.env.ROUNDS ?? 3)
const PLACE = 'memory'
const TOLERANCE = 0.1
const SAMPLE_INTERVAL_MS = 20
const TIMEOUT_MS = 60 * 60_000

/** A store, as the program is told of it. */
interface LongStore {
  readonly repo: string
  readonly env: Readonly<Record<string, string>>
  close(): Promise<void>
}

const STORES: Readonly<
  Record<string, { readonly skip: string | false; readonly open: () => Promise<LongStore> }>
> = {
  s3: { skip: missingS3Server(), open: openS3 },
  azure: { skip: false, open: openAzure },
  gcs: { skip: missingGcsServer(), open: openGcs },
}
const WANTED = process.env.STORE?.split(',') ?? Object.keys(STORES)

describe('memory of a backup', { timeout: TIMEOUT_MS }, () => {
  let cluster: KafkaCluster

  before(async () => {
    cluster = await startKafkaCluster()
    await createTopics(cluster, { blobs: { partitions: 1 } })
    await fillTopics(cluster, [
      { topic: 'blobs', records: Math.ceil(DATA_BYTES / VALUE_BYTES), valueBytes: VALUE_BYTES, seed: 1 },
    ])
  })
  after(() => cluster?.close())

  for (const name of WANTED) describeMemory(name, () => cluster)
})

/** A segment is streamed: its size must not show in the memory of the process. */
function describeMemory(name: string, clusterOf: () => KafkaCluster): void {
  const { skip, open } = STORES[name] ?? assert.fail(`STORE is one of ${Object.keys(STORES)}`)
  test(`is the same on ${name} for segments of 1 GiB and of 16 MiB`, { skip }, async (t) => {
    const store = await open()
    try {
      const peak = (id: string, segmentMaxBytes: number) =>
        peakBytes({ store, cluster: clusterOf(), id, segmentMaxBytes })
      const peaks = { small: [] as number[], large: [] as number[] }
      for (let round = 0; round < ROUNDS; round++) {
        peaks.small.push(await peak(`small-${round}`, 16 * MIB))
        peaks.large.push(await peak(`large-${round}`, 1024 * MIB))
      }
      const small = median(peaks.small)
      const large = median(peaks.large)
      t.diagnostic(
        `${name}, peak of ${DATA_BYTES / MIB} MiB: 16 MiB segments ${mib(peaks.small)}, 1 GiB segments ${mib(peaks.large)}`,
      )
      assert.ok(
        large <= small * (1 + TOLERANCE),
        `${large} bytes with large segments, ${small} with small ones`,
      )
    } finally {
      await store.close()
    }
  })
}

async function openS3(): Promise<LongStore> {
  const server = await startS3Server()
  await server.createBucket(PLACE)
  return {
    repo: `s3://${PLACE}?endpoint=${server.endpoint}`,
    env: { AWS_ACCESS_KEY_ID: server.accessKey, AWS_SECRET_ACCESS_KEY: server.secretKey },
    close: () => server.close(),
  }
}

async function openAzure(): Promise<LongStore> {
  const server = await startAzureServer()
  const { endpoint, account, accountKey } = server
  const credential = new StorageSharedKeyCredential(account, accountKey)
  await new ContainerClient(`${endpoint}/${PLACE}`, credential).create()
  return {
    repo: `azure://${account}/${PLACE}?endpoint=${endpoint}`,
    env: { KAFKA_BACKUP_STORAGE_ACCOUNT_KEY: accountKey },
    close: () => server.close(),
  }
}

async function openGcs(): Promise<LongStore> {
  const server = await startGcsServer()
  await server.createBucket(PLACE)
  return { repo: `gs://${PLACE}?endpoint=${server.endpoint}`, env: {}, close: () => server.close() }
}

interface MeasuredRun {
  readonly store: LongStore
  readonly cluster: KafkaCluster
  readonly id: string
  readonly segmentMaxBytes: number
}

async function peakBytes({ store, cluster, id, segmentMaxBytes }: MeasuredRun): Promise<number> {
  const args = ['backup', '--bootstrap-servers', cluster.bootstrap, '--topics', 'blobs']
  const place = ['--repo', store.repo, '--backup-id', id]
  const tuning = ['--segment-max-bytes', String(segmentMaxBytes), '--segment-max-interval-ms', '3600000']
  const { child, ended } = startProgram(
    [...args, ...place, ...tuning, '--compression', 'none', '--checkpoint-interval-secs', '3600'],
    { env: store.env, timeoutMs: TIMEOUT_MS },
  )
  let peak = 0
  while (child.exitCode === null && child.signalCode === null) {
    peak = Math.max(peak, await highWaterBytes(child.pid ?? 0))
    await delay(SAMPLE_INTERVAL_MS)
  }
  assertExit(await ended, 0)
  return peak
}

/** The most memory that a process ever had, of Linux; 0 when it is gone. */
async function highWaterBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

function mib(values: readonly number[]): string {
  return `${values.map((value) => Math.round(value / MIB)).join(', ')} MiB`
}
