import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  type FaultProxy,
  type KafkaCluster,
  missingS3Server,
  openFaultProxy,
  type S3Server,
  startS3Server,
} from '@kafka-backup/testkit'
import { CRASH_TOPICS, MANY_COMMITS, startFilledCluster } from '../crash/source-data.ts'
import { expectExit, renamed } from '../harness/archive.ts'
import { expectCopiesEqual } from '../harness/same-content.ts'

/** Share of requests that something befalls: `FAULTS=0.2 npm test -- stores/faults` for a bad day. */
const SHARE = Number(process.env.FAULTS ?? '0.05')
/** Backups of the same topics; each asks the store for some sixty things. */
const ROUNDS = Number(process.env.ROUNDS ?? '3')
const SEED = Number(process.env.SEED ?? '20251127')
const BUCKET = 'kafka-backups'
// The program has two minutes of patience: a stall is a connection that breaks late.
const STALL_MS = 500

interface StorageReport {
  readonly storage: { readonly bytes_written: number; readonly requests: Record<string, number> }
}

describe(`the program when ${SHARE * 100} % of the requests go wrong`, { skip: missingS3Server() }, () => {
  let server: S3Server
  let cluster: KafkaCluster
  let proxy: FaultProxy

  before(async () => {
    server = await startS3Server()
    await server.createBucket(BUCKET)
    cluster = await startFilledCluster(0.4)
    const options = { seed: SEED, probability: SHARE, stallMs: STALL_MS }
    proxy = await openFaultProxy({ target: server.endpoint, ...options })
  })
  after(async () => {
    await proxy?.[Symbol.asyncDispose]()
    await cluster?.close()
    await server?.close()
  })

  const run = (args: readonly string[], round: number) => {
    const place = ['--repo', `s3://${BUCKET}/p?endpoint=${proxy.endpoint}`, '--backup-id', `daily-${round}`]
    const env = { AWS_ACCESS_KEY_ID: server.accessKey, AWS_SECRET_ACCESS_KEY: server.secretKey }
    return expectExit(0, [...args, ...place, '--output-format', 'json'], { env })
  }

  test('backs up, validates every byte and restores the same records', async (t) => {
    const source = ['--bootstrap-servers', cluster.bootstrap, '--topics', CRASH_TOPICS.join(',')]
    for (let round = 1; round <= ROUNDS; round++) {
      const before = proxy.requests
      const { storage } = (await run(['backup', ...source, ...MANY_COMMITS], round)).json<StorageReport>()
      const sent = Object.values(storage.requests).reduce((sum, count) => sum + count, 0)
      assert.equal(sent, proxy.requests - before, 'the report counts every request that was sent')
      await run(['backup', ...source, ...MANY_COMMITS], round)
      const validation = await run(['validate', '--deep'], round)
      assert.equal(validation.json<{ verdict: string }>().verdict, 'complete')
    }
    const names = renamed(CRASH_TOPICS, 'restored')
    const mapping = [...names].map(([from, to]) => `${from}=${to}`).join(',')
    await run(['restore', ...source, '--topic-mapping', mapping], ROUNDS)
    await expectCopiesEqual(cluster, [names])
    const { requests, done } = proxy
    t.diagnostic(JSON.stringify({ requests, done }))
    assert.ok(Object.keys(done).length >= 3, 'several kinds of faults were met')
  })

  test('refuses a store that ignores the condition, with what to do', async () => {
    // Headers are signed, so none can be taken away: instead the object is gone whenever it is put.
    const beforeRequest = async (method: string, path: string) => {
      const isWhole = method === 'PUT' && path.includes('/commits/')
      if (isWhole) await rm(join(server.rootFolder, path.split('?')[0] ?? ''), { force: true })
    }
    const options = { seed: 1, probability: 0, stallMs: STALL_MS, beforeRequest }
    await using ignoring = await openFaultProxy({ target: server.endpoint, ...options })
    const source = ['--bootstrap-servers', cluster.bootstrap, '--topics', 'orders']
    const place = ['--repo', `s3://${BUCKET}/q?endpoint=${ignoring.endpoint}`, '--backup-id', 'daily']
    const env = { AWS_ACCESS_KEY_ID: server.accessKey, AWS_SECRET_ACCESS_KEY: server.secretKey }
    for (const round of ['a new backup', 'one that has a commit']) {
      const end = await expectExit(7, ['backup', ...source, ...place], { env })
      assert.match(end.stderr, /KB_STORAGE_UNSUPPORTED/, round)
      assert.match(end.stderr, /storage\.single_writer/, round)
    }
  })
})
