import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { describeStorageEntries } from '../../../testkit/src/conformance/storage-entries.ts'
import { describeObjectWriter } from '../../../testkit/src/conformance/storage-object-writer.ts'
import { describeStorageReads } from '../../../testkit/src/conformance/storage-reads.ts'
import { describeStorageReplace } from '../../../testkit/src/conformance/storage-replace.ts'
import { FAULTS, type FaultProxy, openFaultProxy } from '../../../testkit/src/stores/fault-proxy.ts'
import { missingS3Server, type S3Server, startS3Server } from '../../../testkit/src/stores/versity-gateway.ts'
import { settleAll } from '../../src/runtime/settle-all.ts'
import type { RequestHooks } from '../../src/storage/request-gate.ts'
import { withResilience } from '../../src/storage/resilience.ts'
import { openS3 } from '../../src/storage/s3/location.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import type { StorageCredentials } from '../../src/storage/storage-credentials.ts'
import { STORAGE_RETRY } from '../../src/storage/store-retry.ts'
import { freshBucket, openBucket } from './s3-subject.ts'
import { newTally, StoreModel } from './store-model.ts'

/** Share of requests that something befalls: `FAULTS=0.2 npm test -- s3-faults` for a bad day. */
const SHARE = Number(process.env.FAULTS ?? '0.05')
const SEED = Number(process.env.SEED ?? '20251127')
const LANES = 4
const STEPS = Number(process.env.STEPS ?? '300')
const SILENCE_MS = 1_000
const FAST_RETRY = {
  ...STORAGE_RETRY,
  firstDelayMs: 5,
  maxDelayMs: 200,
  giveUpAfterMs: 30_000,
  retriesPerSec: 1_000,
}
const FAST_BREAKER = { failures: 5, firstPauseMs: 20, maxPauseMs: 200 }
// Fetched credentials are made anew when they have expired; those that were given are not.
const AMBIENT: StorageCredentials = new Map()

describe(`S3 when ${SHARE * 100} % of the requests go wrong`, { skip: missingS3Server() }, () => {
  let server: S3Server
  const kept = { ...process.env }

  before(async () => {
    server = await startS3Server()
    process.env.AWS_ACCESS_KEY_ID = server.accessKey
    process.env.AWS_SECRET_ACCESS_KEY = server.secretKey
  })
  after(async () => {
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) {
      if (kept[name] === undefined) delete process.env[name]
      else process.env[name] = kept[name]
    }
    await server?.close()
  })

  function openThrough(proxy: FaultProxy, place: string): StorageBackend {
    const url = new URL(`s3://${place}?endpoint=${proxy.endpoint}`)
    const open = (hooks: RequestHooks) => openS3(url, AMBIENT, hooks, { silenceTimeoutMs: SILENCE_MS })
    return withResilience(open, { retry: FAST_RETRY, breaker: FAST_BREAKER }).storage
  }

  it('does what the contract says or throws what it allows, over random operations', async (t) => {
    const bucket = await freshBucket(server)
    const options = { seed: SEED, probability: SHARE, stallMs: 3 * SILENCE_MS }
    await using proxy = await openFaultProxy({ target: server.endpoint, ...options })
    const direct = openBucket(server, bucket)
    const backend = openThrough(proxy, bucket)
    const tally = newTally()
    const lanes = Array.from({ length: LANES }, (_, at) =>
      new StoreModel(backend, direct, { prefix: `lane-${at}`, seed: SEED + at, tally }).run(STEPS),
    )
    // All have ended before the proxy does.
    await settleAll(lanes)
    const { requests, done } = proxy
    t.diagnostic(JSON.stringify({ ...tally, requests, done }))
    assert.ok(Object.keys(done).length >= FAULTS.length - 4, 'nearly every fault was met')
    // Errors are the exception: what can pass is waited for.
    assert.ok(tally.errors <= tally.operations * SHARE, `${tally.errors} errors`)
    await backend.close()
    await direct.close()
  })

  const open = async () => {
    const place = `${await freshBucket(server)}/some/prefix`
    // What the suite asserts word by word cannot hold when the proxy lies: a refusal of one's own write, or other bytes in a range.
    const faults = FAULTS.filter((name) => name !== 'spurious412' && name !== 'flippedByte')
    const options = { seed: SEED, probability: SHARE, stallMs: 3 * SILENCE_MS, faults }
    const proxy = await openFaultProxy({ target: server.endpoint, ...options })
    const backend = openThrough(proxy, place)
    return {
      backend,
      reopen: async () => openThrough(proxy, place),
      close: async () => {
        await backend.close()
        await proxy[Symbol.asyncDispose]()
      },
    }
  }
  describeObjectWriter(open)
  describeStorageReads(open)
  describeStorageEntries(open)
  describeStorageReplace(open)
})
