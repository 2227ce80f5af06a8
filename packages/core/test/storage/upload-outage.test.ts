import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import type { RunEvent } from '../../src/events/run-event.ts'
import { CircuitBreaker } from '../../src/runtime/circuit-breaker.ts'
import { LIMITS } from '../../src/runtime/limits.ts'
import { RateLimiter } from '../../src/runtime/rate-limiter.ts'
import { type ObjectRequests, ObjectStoreBackend } from '../../src/storage/object-store-backend.ts'
import type { PartStore } from '../../src/storage/parts/part-upload.ts'
import type { RequestHooks } from '../../src/storage/request-gate.ts'
import { withResilience } from '../../src/storage/resilience.ts'
import { ResilientGate } from '../../src/storage/resilient-gate.ts'
import { STORAGE_RETRY, StoreRetry } from '../../src/storage/store-retry.ts'
import { SleepyClock } from './sleepy-clock.ts'

const PART_BYTES = 1_000
const UPLOADS = 30
const USUAL_PART_BYTES = 8 * 1024 * 1024

/** A store of parts that counts what reaches it, and answers nothing while it is down. */
class PartDouble implements PartStore {
  readonly partsMax = 100
  readonly partsUnderWayMax = 2
  readonly isBegunByRequest = true
  readonly partBytesOf: () => number
  readonly requests: string[] = []
  readonly objects = new Map<string, number>()
  isDown = () => false
  /** It takes a request to remove parts, and never answers. */
  isSilent = false
  /** The last part travels with the end, as in the store of Google. */
  keepsLastPart = false
  /** Awaited by every part when it has arrived. */
  onPart = async (_byteCount: number): Promise<void> => {}

  constructor(partBytes = PART_BYTES) {
    this.partBytesOf = () => partBytes
  }

  ask(kind: string): void {
    this.requests.push(kind)
    if (this.isDown()) throw new KafkaBackupError('KB_STORAGE_UNAVAILABLE', `no answer to ${kind}`)
  }

  async beginUpload(key: string) {
    this.ask('begin')
    let byteCount = 0
    const keepLastPart = (bytes: Buffer) => {
      byteCount += bytes.length
    }
    return {
      ...(this.keepsLastPart ? { keepLastPart } : {}),
      sendPart: async ({ bytes }: { readonly bytes: Buffer }) => {
        this.ask('part')
        await this.onPart(bytes.length)
        byteCount += bytes.length
      },
      complete: async () => {
        this.ask('complete')
        this.objects.set(key, byteCount)
      },
      abort: async (signal: AbortSignal) => {
        this.ask('abort')
        if (!this.isSilent) return
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      },
    }
  }

  async create(key: string, bytes: Uint8Array): Promise<void> {
    this.ask('create')
    this.objects.set(key, bytes.length)
  }

  count(kind: string): number {
    return this.requests.filter((name) => name === kind).length
  }
}

function openThrough(parts: PartDouble, rateLimitBytesPerSec?: number) {
  const clock = new SleepyClock()
  const events: RunEvent[] = []
  const requests = {
    parts,
    stat: async () => void parts.ask('stat'),
  } as unknown as ObjectRequests
  const open = (hooks: RequestHooks) =>
    new ObjectStoreBackend({ location: 'test', isSingleWriter: false, requests, hooks, clock })
  const observe = (event: RunEvent) => void events.push(event)
  const { storage } = withResilience(open, { clock, observe, rateLimitBytesPerSec })
  const states = () => events.flatMap((event) => (event.type === 'store_availability' ? event.state : []))
  return { clock, storage, states, events }
}

describe('uploads to a store that is down', () => {
  const upload = async (
    storage: ReturnType<typeof openThrough>['storage'],
    key: string,
    byteCount: number,
  ) => {
    const writer = await storage.openWrite(key)
    await writer.write([Buffer.alloc(byteCount)])
    await writer.commit()
  }

  it('send few requests, open the breaker, try with one at a time, and end whole', async () => {
    const parts = new PartDouble()
    const { clock, storage, states } = openThrough(parts)
    await storage.stat('warm')
    parts.isDown = () => clock.monotonicMs() < 30_000
    const before = parts.requests.length
    const work = Array.from({ length: UPLOADS }, (_, at) => upload(storage, `many/${at}`, 2.5 * PART_BYTES))
    let duringOutage = 0
    void clock.sleep(29_999).then(() => {
      duringOutage = parts.requests.length - before
    })
    await Promise.all(work)
    // Each of the thirty once, before the breaker is open, and then one try after each pause of 1, 2, 4, 8, 16 s.
    assert.ok(duringOutage >= UPLOADS && duringOutage <= UPLOADS + 8, `${duringOutage} requests`)
    assert.ok(clock.monotonicMs() < 90_000, `${clock.monotonicMs()} ms`)
    assert.deepEqual(states().slice(0, 2), ['open', 'trying'])
    assert.equal(states().at(-1), 'closed')
    assert.deepEqual([...parts.objects.values()], Array(UPLOADS).fill(2.5 * PART_BYTES))
    assert.equal(parts.count('part'), UPLOADS * 3)
    assert.equal(parts.count('complete'), UPLOADS)
  })

  it('end after the time of the one policy, and ask no more than it allows', async () => {
    const parts = new PartDouble()
    const { clock, storage } = openThrough(parts)
    await storage.stat('warm')
    parts.isDown = () => true
    await assert.rejects(upload(storage, 'a', 10 * PART_BYTES), /no answer to begin/)
    const spentMs = clock.monotonicMs()
    assert.ok(spentMs > 250_000 && spentMs <= STORAGE_RETRY.giveUpAfterMs, `${spentMs} ms`)
    // Five open the breaker, which then lets one through in up to 30 s.
    assert.ok(parts.count('begin') < 30, `${parts.count('begin')} requests`)
  })

  it('wait for their share of the rate with every part, also with those that are sent again', async () => {
    const parts = new PartDouble()
    const { clock, storage } = openThrough(parts, PART_BYTES)
    let failures = 0
    parts.isDown = () => parts.requests.at(-1) === 'part' && failures++ < 3
    await upload(storage, 'a', 10 * PART_BYTES)
    assert.equal(parts.count('part'), 13)
    // 13,000 bytes at 1,000 a second, of which the first were a burst and the last are a debt.
    assert.ok(clock.monotonicMs() >= 10_900 && clock.monotonicMs() < 20_000, `${clock.monotonicMs()} ms`)
  })

  it('take nothing of the rate for a part that the breaker keeps back', async () => {
    const clock = new SleepyClock()
    const policy = { failures: 1, firstPauseMs: 5_000, maxPauseMs: 5_000 }
    const breaker = new CircuitBreaker({ policy, clock })
    const limiter = new RateLimiter({ unitsPerSec: PART_BYTES }, clock)
    const retry = new StoreRetry({ clock })
    const gate = new ResilientGate({ retry, limiter, breaker, location: () => 'test' })
    const failed = breaker.admit()
    assert.ok(typeof failed === 'object')
    failed.fail(new KafkaBackupError('KB_STORAGE_UNAVAILABLE', 'no answer'))
    const part = gate.pass({ sentBytes: 5 * PART_BYTES, signal: undefined }, async () => clock.monotonicMs())
    for (let at = 0; at < 2; at++) await limiter.take(1)
    assert.equal(clock.monotonicMs(), 0, 'others need not wait for what is not sent')
    assert.ok((await part) > 0)
  })

  it('wait for their share also with a last part that travels with the end', async () => {
    const parts = new PartDouble()
    parts.keepsLastPart = true
    const { clock, storage } = openThrough(parts, PART_BYTES)
    await upload(storage, 'a', 1.9 * PART_BYTES)
    assert.equal(clock.monotonicMs(), 0, 'the first of them were a burst, and the last are a debt')
    await upload(storage, 'b', 1)
    assert.deepEqual([parts.objects.get('a'), parts.objects.get('b')], [1.9 * PART_BYTES, 1])
    assert.ok(clock.monotonicMs() >= 900 && clock.monotonicMs() < 1_000, `${clock.monotonicMs()} ms`)
  })

  it('have no more under way than eight parts of the usual size, however many they are', async () => {
    const parts = new PartDouble(USUAL_PART_BYTES)
    const { promise: arrival, resolve: arrive } = Promise.withResolvers<void>()
    let underWay = 0
    let mostUnderWay = 0
    parts.onPart = async (byteCount) => {
      underWay += byteCount
      mostUnderWay = Math.max(mostUnderWay, underWay)
      await arrival
      underWay -= byteCount
    }
    const { storage } = openThrough(parts)
    const work = Array.from({ length: 12 }, (_, at) => upload(storage, `many/${at}`, USUAL_PART_BYTES))
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(mostUnderWay, 64 * 1024 * 1024)
    arrive()
    await Promise.all(work)
    assert.equal(mostUnderWay, 64 * 1024 * 1024)
    assert.deepEqual([...parts.objects.values()], Array(12).fill(USUAL_PART_BYTES))
  })

  it('are given up within a grace when the store is silent, and what is left is told', async () => {
    const parts = new PartDouble()
    const { clock, storage, events } = openThrough(parts)
    parts.isSilent = true
    const writer = await storage.openWrite('daily/segment')
    await writer.write([Buffer.alloc(2 * PART_BYTES)])
    await writer.abort()
    assert.equal(clock.monotonicMs(), LIMITS.cleanupGraceMs)
    const left = events.flatMap((event) => (event.type === 'left_behind' ? event.what : []))
    assert.deepEqual(left, ['parts of an upload that did not end, of daily/segment'])
  })
})
