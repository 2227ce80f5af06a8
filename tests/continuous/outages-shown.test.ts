import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  missingS3Server,
  openFaultProxy,
  SourceDriver,
  startKafkaCluster,
  startS3Server,
} from '@kafka-backup/testkit'
import { assertExit } from '../harness/archive.ts'
import { figureOf, readFigures } from '../harness/metric-text.ts'
import { runProgram, startProgram } from '../harness/run-program.ts'
import { until } from '../harness/until.ts'

interface LiveStatus {
  readonly live: { readonly store: { readonly state: string; readonly failures: number } }
}

test('status and metrics show that the store is away, and that it is back', {
  skip: missingS3Server(),
}, async () => {
  await using server = await startS3Server()
  await server.createBucket('kafka-backups')
  await using cluster = await startKafkaCluster()
  await using driver = new SourceDriver(cluster)
  await driver.createTopic('shown', { replicas: 1 })
  let isAway = false
  const beforeRequest = async () => {
    // The proxy breaks the connection when this fails.
    if (isAway) throw new Error('the store is away')
  }
  const fate = { seed: 1, probability: 0, stallMs: 0, beforeRequest }
  await using proxy = await openFaultProxy({ target: server.endpoint, ...fate })
  const place = ['--repo', `s3://kafka-backups/p?endpoint=${proxy.endpoint}`, '--backup-id', 'shown']
  const json = ['--output-format', 'json']
  const env = { AWS_ACCESS_KEY_ID: server.accessKey, AWS_SECRET_ACCESS_KEY: server.secretKey }
  const figures = join(cluster.folder, 'shown.prom')
  const source = ['--bootstrap-servers', cluster.bootstrap, '--topics', 'shown']
  const fast = ['--continuous', '--checkpoint-interval-secs', '1', '--segment-max-interval-ms', '500']
  const args = ['backup', ...source, ...place, ...json, ...fast, '--metrics-file', figures]
  const running = startProgram(args, { env })
  const write = (label: string) => driver.write({ topic: 'shown', label, records: 10 })
  const isFigure = async (state: string) =>
    figureOf(await readFigures(figures), 'kafka_backup_circuit_state', `target="store",state="${state}"`) ===
    1
  const statusOf = async () => (await runProgram(['status', ...place, ...json], { env })).json<LiveStatus>()
  try {
    await write('before')
    await until(
      'it commits',
      async () => figureOf(await readFigures(figures), 'kafka_backup_commits_total') >= 1,
    )
    isAway = true
    await write('meanwhile')
    await until('the metrics show the outage', () => isFigure('open'))
    const { store } = (await statusOf()).live
    assert.ok(['open', 'half_open'].includes(store.state) && store.failures >= 5, JSON.stringify(store))
    isAway = false
    await until('the metrics show that it is over', () => isFigure('closed'))
    await until('status shows it', async () => (await statusOf()).live.store.state === 'closed')
    assert.equal((await statusOf()).live.store.failures, 0)
    running.child.kill('SIGTERM')
    assertExit(await running.ended, 130)
  } finally {
    running.child.kill('SIGKILL')
  }
})
