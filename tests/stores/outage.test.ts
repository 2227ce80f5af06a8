import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  type FaultProxy,
  type KafkaCluster,
  missingS3Server,
  openFaultProxy,
  type S3Server,
  startS3Server,
} from '@kafka-backup/testkit'
import { CRASH_TOPICS, MANY_COMMITS, startFilledCluster } from '../crash/source-data.ts'
import { assertExit, expectExit } from '../harness/archive.ts'
import { type RunningProgram, runProgram, startProgram } from '../harness/run-program.ts'
import { until } from '../harness/until.ts'

const BUCKET = 'kafka-backups'
const OUTAGE_MS = Number(process.env.OUTAGE_MS ?? '30000')
/** More than the five minutes for which the program repeats a call, and the time to clean up. */
const PATIENCE_MS = 500_000

/** Fifteen seconds without an answer, ten to clean up, and some to end on a busy machine. */
const STOP_MAX_MS = 35_000
/** Nothing is waited for; a busy machine takes a while to deliver a signal. */
const STOP_AT_ONCE_MAX_MS = 8_000

/** Two runs at a time are what is tried. */
const NO_LEASE = ['--lease=false']

type Behaviour = 'answers' | 'refuses' | 'is silent'

/** A store in front of which something stops answering, at the first upload of a segment, for a time. */
async function openOutage(server: S3Server, behaviour: Behaviour, durationMs: number) {
  const state = { behaviour: 'answers' as Behaviour, isArmed: true, refused: 0 }
  let end: Promise<void> | undefined
  const beforeRequest = async (method: string, path: string) => {
    if (state.isArmed && method === 'PUT' && path.includes('/segment-')) {
      state.isArmed = false
      state.behaviour = behaviour
      end = delay(durationMs, undefined, { ref: false }).then(() => {
        state.behaviour = 'answers'
      })
    }
    if (state.behaviour === 'answers') return
    state.refused++
    if (state.behaviour === 'is silent') await end
    // The proxy breaks the connection when this fails.
    throw new Error('the store is away')
  }
  const options = { seed: 1, probability: 0, stallMs: 0, beforeRequest }
  return { state, proxy: await openFaultProxy({ target: server.endpoint, ...options }) }
}

describe('the program when the store is away', { skip: missingS3Server(), concurrency: true }, () => {
  let server: S3Server
  let cluster: KafkaCluster

  before(async () => {
    server = await startS3Server()
    await server.createBucket(BUCKET)
    cluster = await startFilledCluster(0.4)
  })
  after(async () => {
    await cluster?.close()
    await server?.close()
  })

  const placeOf = (endpoint: string, id: string) => [
    ...['--repo', `s3://${BUCKET}/p?endpoint=${endpoint}`, '--backup-id', id],
    ...['--output-format', 'json'],
  ]
  const env = () => ({ AWS_ACCESS_KEY_ID: server.accessKey, AWS_SECRET_ACCESS_KEY: server.secretKey })
  const backup = (endpoint: string, id: string, topics: readonly string[] = CRASH_TOPICS) => [
    ...['backup', '--bootstrap-servers', cluster.bootstrap, '--topics', topics.join(',')],
    ...[...MANY_COMMITS, ...placeOf(endpoint, id)],
  ]
  const validate = async (id: string) => {
    const args = ['validate', '--deep', ...placeOf(server.endpoint, id)]
    const end = await expectExit(0, args, { env: env() })
    assert.equal(end.json<{ verdict: string }>().verdict, 'complete')
  }
  const sentBy = (end: { json<T>(): T }) =>
    Object.values(end.json<{ storage: { requests: Record<string, number> } }>().storage.requests)

  for (const behaviour of ['refuses', 'is silent'] as const) {
    test(`finishes a backup by itself when it ${behaviour} for a while`, async (t) => {
      const id = behaviour.replace(' ', '-')
      const { state, proxy } = await openOutage(server, behaviour, OUTAGE_MS)
      await using _: FaultProxy = proxy
      const beganMs = performance.now()
      const end = await expectExit(0, backup(proxy.endpoint, id), { env: env() })
      const tookMs = performance.now() - beganMs
      assert.equal(end.json<{ outcome: string }>().outcome, 'complete')
      assert.ok(tookMs > OUTAGE_MS, 'the outage was in the middle')
      assert.ok(tookMs < OUTAGE_MS + 60_000, `${tookMs} ms`)
      assert.equal(
        sentBy(end).reduce((sum, count) => sum + count, 0),
        proxy.requests,
      )
      t.diagnostic(JSON.stringify({ behaviour, tookMs: Math.round(tookMs), unanswered: state.refused }))
      if (behaviour === 'refuses') {
        assert.match(end.stderr, /The store does not answer; trying again in .*: cannot write /)
        assert.match(end.stderr, /The store answers again\./)
        assert.ok(state.refused <= 30, `${state.refused} requests to a store that is away`)
      }
      await validate(id)
    })
  }

  test('ends with what to do when it stays away, and the next run goes on', async (t) => {
    const id = 'stays-away'
    await expectExit(0, backup(server.endpoint, id, ['orders']), { env: env() })
    const { state, proxy } = await openOutage(server, 'refuses', 2 * PATIENCE_MS)
    await using _: FaultProxy = proxy
    const beganMs = performance.now()
    const run = startProgram(backup(proxy.endpoint, id), { env: env(), timeoutMs: PATIENCE_MS })
    // A status that had answers before would wait for the store as long as the run does.
    await until('the store is away', () => state.refused > 0)
    await until('status says that the run waits for the store', async () => {
      const status = await runProgram(['status', ...placeOf(proxy.endpoint, id)], { env: env() })
      return status.exitCode === 7 && status.json<{ state: string }>().state === 'paused'
    })
    const end = await run.ended
    const tookMs = performance.now() - beganMs
    t.diagnostic(JSON.stringify({ tookMs: Math.round(tookMs), unanswered: state.refused }))
    t.diagnostic(end.stderr)
    assertExit(end, 7)
    assert.match(end.stdout, /KB_STORAGE_UNAVAILABLE/)
    assert.match(end.stderr, /The store does not answer; trying again in /)
    const status = await runProgram(['status', ...placeOf(proxy.endpoint, id)], { env: env() })
    assert.equal(status.json<{ state: string }>().state, 'failed', 'it knows how the run ended')
    await validate(id)
    const next = await expectExit(0, backup(server.endpoint, id), { env: env() })
    assert.equal(next.json<{ outcome: string }>().outcome, 'complete')
    await validate(id)
  })

  test('tells of a conflict, although it was stopped before it met it', async () => {
    const id = 'conflict'
    const holder: { run?: RunningProgram } = {}
    let isBeaten = false
    const beforeRequest = async (method: string, path: string) => {
      if (isBeaten || method !== 'PUT' || !path.includes('/commits/')) return
      isBeaten = true
      await expectExit(0, [...backup(server.endpoint, id), ...NO_LEASE], { env: env() })
      holder.run?.child.kill('SIGINT')
      await delay(1_000)
    }
    const options = { seed: 1, probability: 0, stallMs: 0, beforeRequest }
    await using proxy = await openFaultProxy({ target: server.endpoint, ...options })
    holder.run = startProgram([...backup(proxy.endpoint, id), ...NO_LEASE], { env: env() })
    const end = await holder.run.ended
    assertExit(end, 5)
    assert.match(end.stdout, /KB_COMMIT_CONFLICT/)
    assert.match(end.stderr, /Stopping/)
    await validate(id)
  })

  for (const { times, maxMs } of [
    { times: 'first', maxMs: STOP_MAX_MS },
    { times: 'second', maxMs: STOP_AT_ONCE_MAX_MS },
  ] as const) {
    test(`is left after the ${times} Ctrl-C when it is silent, and the next run goes on`, async (t) => {
      const id = `stopped-${times}`
      await expectExit(0, backup(server.endpoint, id, ['orders']), { env: env() })
      const { state, proxy } = await openOutage(server, 'is silent', 2 * PATIENCE_MS)
      await using _: FaultProxy = proxy
      const run = startProgram(backup(proxy.endpoint, id), { env: env() })
      while (state.refused === 0) await delay(100)
      run.child.kill('SIGINT')
      if (times === 'second') {
        await delay(1_000)
        assert.equal(run.child.exitCode, null, 'the first one lets it try')
        run.child.kill('SIGINT')
      }
      const beganMs = performance.now()
      const end = await run.ended
      const tookMs = performance.now() - beganMs
      t.diagnostic(JSON.stringify({ tookMs: Math.round(tookMs) }))
      t.diagnostic(end.stderr)
      assertExit(end, 130)
      assert.ok(tookMs < maxMs, `${tookMs} ms`)
      await validate(id)
      await expectExit(0, backup(server.endpoint, id), { env: env() })
      await validate(id)
    })
  }
})
