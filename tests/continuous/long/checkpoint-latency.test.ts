// Run it on an idle machine with: node --test tests/continuous/long/checkpoint-latency.test.ts; COMMITS=1000 for more.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import {
  type KafkaCluster,
  missingS3Server,
  type S3Server,
  SourceDriver,
  startKafkaCluster,
  startS3Server,
} from '@kafka-backup/testkit'
import { assertExit } from '../../harness/archive.ts'
import { backupDocumentOf } from '../../harness/backup-document.ts'
import { figureOf, readFigures } from '../../harness/metric-text.ts'
import { startProgram } from '../../harness/run-program.ts'
import { until } from '../../harness/until.ts'

/** Of that many, one in a hundred may be slow: the 99th percentile is the second slowest. */
const COMMITS = Number(process.env.COMMITS ?? 101)
const P99_MAX_MS = 100
const TIMEOUT_MS = 60_000 + COMMITS * 3_000
const TOPICS = ['latency-wide', 'latency-busy']
const PARTITIONS = 12
/** A steady load; one as fast as it goes measures the brokers beside the run. */
const PACE_MS = 500
const FAST = ['--continuous', '--checkpoint-interval-secs', '1', '--segment-max-interval-ms', '500']
const BUCKET = 'kafka-backups'

/** Both kinds of objects: what is little goes into one bundle, and what is a frame or more into a segment of its own. */
async function writeRound(driver: SourceDriver, round: number): Promise<void> {
  for (let partition = 0; partition < PARTITIONS; partition++) {
    await driver.write({ topic: 'latency-wide', partition, label: `wide-${round}`, records: 10 })
  }
  await driver.write({ topic: 'latency-busy', label: `busy-${round}`, records: 1_500, valueBytes: 1_000 })
  await delay(PACE_MS)
}

describe('a checkpoint, from the decision until the commit is acknowledged', () => {
  let cluster: KafkaCluster
  let driver: SourceDriver
  let server: S3Server

  before(async () => {
    cluster = await startKafkaCluster()
    driver = new SourceDriver(cluster)
    await driver.createTopic('latency-wide', { replicas: PARTITIONS })
    await driver.createTopic('latency-busy', { replicas: 1 })
  })
  after(async () => {
    await driver?.[Symbol.asyncDispose]()
    await cluster?.close()
    await server?.close()
  })

  const measure = async (
    note: (text: string) => void,
    where: { name: string; repo: string; env?: Record<string, string> },
  ) => {
    const figures = join(cluster.folder, `${where.name}.prom`)
    const place = ['--repo', where.repo, '--backup-id', where.name, '--output-format', 'json']
    const source = ['--bootstrap-servers', cluster.bootstrap, '--topics', TOPICS.join(',')]
    const running = startProgram(['backup', ...source, ...place, ...FAST, '--metrics-file', figures], {
      ...(where.env ? { env: where.env } : {}),
      timeoutMs: TIMEOUT_MS,
    })
    try {
      let round = 0
      await until('it commits', async () => (await commitsOf(figures)) > 0)
      while ((await commitsOf(figures)) < COMMITS) {
        assert.equal(running.child.exitCode, null, running.output().stderr)
        await writeRound(driver, round++)
      }
      running.child.kill('SIGTERM')
      const ended = await running.ended
      assertExit(ended, 130)
      const { count, p50_ms, p99_ms, max_ms, upload, commit, histogram } = backupDocumentOf(ended).checkpoints
      note(JSON.stringify({ store: where.name, count, p50_ms, p99_ms, max_ms, upload, commit, histogram }))
      const text = await readFigures(figures)
      const family = 'kafka_backup_checkpoint_duration_seconds'
      assert.equal(figureOf(text, `${family}_count`), count, 'the file of figures has them all, too')
      for (const bucket of histogram) {
        const le = `le="${bucket.le_ms / 1_000}"`
        assert.equal(figureOf(text, `${family}_bucket`, le), bucket.count, le)
      }
      assert.ok(count >= COMMITS && p50_ms > 0 && p50_ms <= p99_ms && p99_ms <= max_ms)
      assert.ok(upload.p50_ms > 0 && commit.p50_ms > 0, 'both parts take their time')
      assert.ok(p99_ms < P99_MAX_MS, `99 of 100 took less than ${p99_ms} ms`)
    } finally {
      running.child.kill('SIGKILL')
    }
  }

  test('takes less than 100 ms on the file system', (t) => {
    const repo = pathToFileURL(join(cluster.folder, 'repository')).href
    return measure((text) => t.diagnostic(text), { name: 'filesystem', repo })
  })

  test('takes less than 100 ms on S3 over loopback', { skip: missingS3Server() }, async (t) => {
    server = await startS3Server()
    await server.createBucket(BUCKET)
    const repo = `s3://${BUCKET}/p?endpoint=${server.endpoint}`
    const env = { AWS_ACCESS_KEY_ID: server.accessKey, AWS_SECRET_ACCESS_KEY: server.secretKey }
    return measure((text) => t.diagnostic(text), { name: 's3', repo, env })
  })
})

async function commitsOf(path: string): Promise<number> {
  return figureOf(await readFigures(path), 'kafka_backup_commits_total') || 0
}
