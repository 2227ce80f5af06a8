// Run it with: node --test tests/stores/long/s3-memory.test.ts
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  fillTopics,
  type KafkaCluster,
  missingS3Server,
  type S3Server,
  startKafkaCluster,
  startS3Server,
} from '@kafka-backup/testkit'
import { assertExit } from '../../harness/archive.ts'
import { createTopics } from '../../harness/new-topics.ts'
import { startProgram } from '../../harness/run-program.ts'

const MIB = 1024 * 1024
const DATA_BYTES = Number(process.env.DATA_MIB ?? 600) * MIB
const VALUE_BYTES = 20_000
const ROUNDS = 3
const TOLERANCE = 0.1
const SAMPLE_INTERVAL_MS = 20
const TIMEOUT_MS = 20 * 60_000

/** A segment is streamed: its size must not show in the memory of the process. */
describe('memory of a backup to S3', { skip: missingS3Server(), timeout: TIMEOUT_MS }, () => {
  let server: S3Server
  let cluster: KafkaCluster

  before(async () => {
    server = await startS3Server()
    await server.createBucket('memory')
    cluster = await startKafkaCluster()
    await createTopics(cluster, { blobs: { partitions: 1 } })
    await fillTopics(cluster, [
      { topic: 'blobs', records: Math.ceil(DATA_BYTES / VALUE_BYTES), valueBytes: VALUE_BYTES, seed: 1 },
    ])
  })
  after(async () => {
    await cluster?.close()
    await server?.close()
  })

  test('is the same for segments of 1 GiB and of 16 MiB', async (t) => {
    const peaks = { small: [] as number[], large: [] as number[] }
    for (let round = 0; round < ROUNDS; round++) {
      peaks.small.push(await peakBytes(`small-${round}`, 16 * MIB))
      peaks.large.push(await peakBytes(`large-${round}`, 1024 * MIB))
    }
    const small = median(peaks.small)
    const large = median(peaks.large)
    t.diagnostic(
      `peak of ${DATA_BYTES / MIB} MiB: 16 MiB segments ${mib(peaks.small)}, 1 GiB segments ${mib(peaks.large)}`,
    )
    assert.ok(
      large <= small * (1 + TOLERANCE),
      `${large} bytes with large segments, ${small} with small ones`,
    )
  })

  async function peakBytes(backupId: string, segmentMaxBytes: number): Promise<number> {
    const args = ['backup', '--bootstrap-servers', cluster.bootstrap, '--topics', 'blobs']
    const place = ['--repo', `s3://memory?endpoint=${server.endpoint}`, '--backup-id', backupId]
    const tuning = ['--segment-max-bytes', String(segmentMaxBytes), '--segment-max-interval-ms', '3600000']
    const { child, ended } = startProgram(
      [...args, ...place, ...tuning, '--compression', 'none', '--checkpoint-interval-secs', '3600'],
      {
        env: { AWS_ACCESS_KEY_ID: server.accessKey, AWS_SECRET_ACCESS_KEY: server.secretKey },
        timeoutMs: TIMEOUT_MS,
      },
    )
    let peak = 0
    while (child.exitCode === null && child.signalCode === null) {
      peak = Math.max(peak, await highWaterBytes(child.pid ?? 0))
      await delay(SAMPLE_INTERVAL_MS)
    }
    assertExit(await ended, 0)
    return peak
  }
})

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
