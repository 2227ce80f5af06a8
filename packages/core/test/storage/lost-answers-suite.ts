import assert from 'node:assert/strict'
import diagnosticsChannel from 'node:diagnostics_channel'
import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  collect,
  expectBytes,
  expectCode,
  patternBytes,
} from '../../../testkit/src/conformance/storage-subject.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { describeForeignAnswers, describeForeignRefusals, KEY } from './foreign-answers-suite.ts'
import type { Fate, LossyProxy } from './lossy-proxy.ts'

/** An empty place, reached through a proxy that loses answers, and past it. */
export interface LossyPlace {
  readonly proxy: LossyProxy
  readonly backend: StorageBackend
  readonly direct: StorageBackend
  /** What the proxy leads to, where that has to be closed too. */
  readonly behind?: AsyncDisposable
}

/** How one store says what the suite is about. */
export interface LossyWire {
  /** The request that creates a small object. */
  isPut(method: string, path: string): boolean
  /** The request that makes an object of the parts of a stream; asked only when all but the last of them have arrived. */
  isEnd(method: string, path: string): boolean
  /** A question for an object without its bytes. */
  isLook(method: string, path: string): boolean
  /** The document of a store that is busy. */
  readonly busy: string
  /** The parameter by which a listing begins behind a key; absent: it always begins with the first one. */
  readonly listsBehind?: string
  /** A listing in which the first entry is there twice. */
  doubled(listing: string): string
}

export const MIB = 1024 * 1024
/** More steps than any SDK takes from the headers to whoever asked. */
const HOPS_MAX = 100
const HEADERS_ARRIVED = 'http.client.response.finish'

/** Loses the answer to the first request of a kind. */
export function loseFirst(proxy: LossyProxy, isMeant: (method: string, path: string) => boolean): void {
  let isDone = false
  proxy.decide = (method, path) => {
    if (isDone || !isMeant(method, path)) return 'pass'
    isDone = true
    return 'lose'
  }
}

/** A writer that has been given these bytes. */
export async function stream(backend: StorageBackend, bytes: Uint8Array) {
  const writer = await backend.openWrite(KEY)
  await writer.write([bytes])
  return writer
}

/** How many of the requests so far are meant. */
export function countSeen(proxy: LossyProxy, isMeant: (method: string, path: string) => boolean): number {
  return proxy.seen.filter((line) => {
    const [method = '', path = ''] = line.split(' ')
    return isMeant(method, path)
  }).length
}

/** The place of the test that runs. */
export interface CurrentPlace {
  readonly current: LossyPlace
}

/** What every store owes when its answers are lost, late or not its own. */
export function describeLostAnswers(wire: LossyWire, open: () => Promise<LossyPlace>): CurrentPlace {
  let place: LossyPlace | undefined
  const running: CurrentPlace = {
    get current() {
      assert.ok(place)
      return place
    },
  }
  beforeEach(async () => {
    place = await open()
  })
  afterEach(async () => {
    const { backend, direct, proxy, behind } = running.current
    await backend.close()
    await direct.close()
    await proxy[Symbol.asyncDispose]()
    await behind?.[Symbol.asyncDispose]()
  })
  describeLostPuts(wire, running)
  describeLostStreams(wire, running)
  describeLostReads(running)
  describeStoppedReads(running)
  describeListings(wire, running)
  describeForeignAnswers(wire, running)
  describeForeignRefusals(wire, running)
  return running
}

function describeListings({ listsBehind: parameter }: LossyWire, place: CurrentPlace): void {
  if (parameter === undefined) return
  it('does not ask for the begin of a listing that goes on behind a key', async () => {
    const { proxy, backend, direct } = place.current
    for (const key of ['a', 'b', 'c']) await direct.put(key, Buffer.from('x'))
    const entries = await collect(backend.list('', { after: 'b' }))
    assert.deepEqual(
      entries.map(({ key }) => key),
      ['c'],
    )
    assert.match(proxy.seen.at(-1) ?? '', new RegExp(`[?&]${parameter}=b(?:&|$)`))
  })
}

function describeLostPuts(wire: LossyWire, place: CurrentPlace): void {
  const puts = (): number => countSeen(place.current.proxy, wire.isPut)
  const onPut = (fate: Fate) => {
    place.current.proxy.decide = (method, path) => (wire.isPut(method, path) ? fate : 'pass')
  }

  it('takes a put for done when its own bytes are there', async () => {
    loseFirst(place.current.proxy, wire.isPut)
    await place.current.backend.put(KEY, Buffer.from('ours'))
    await expectObject(place, Buffer.from('ours'))
    assert.equal(puts(), 1, 'nothing is repeated')
  })

  it('takes a put for done when the store has it and says that it failed', async () => {
    onPut({ garble: 503, body: wire.busy })
    await place.current.backend.put(KEY, Buffer.from('ours'))
    assert.equal(puts(), 1)
  })

  it('does not take the bytes of somebody else for its own', async () => {
    await place.current.direct.put(KEY, Buffer.from('them'))
    for (const ours of ['ours', 'longer', 'us']) {
      loseFirst(place.current.proxy, wire.isPut)
      await expectCode(place.current.backend.put(KEY, Buffer.from(ours)), 'KB_OBJECT_EXISTS')
    }
    await expectObject(place, Buffer.from('them'))
  })

  it('calls a put that never arrived unavailable, so that it is tried again', async () => {
    onPut('drop')
    await expectCode(place.current.backend.put(KEY, Buffer.from('ours')), 'KB_STORAGE_UNAVAILABLE')
    assert.equal(await place.current.direct.stat(KEY), undefined)
    place.current.proxy.decide = () => 'pass'
    await place.current.backend.put(KEY, Buffer.from('ours'))
  })
}

function describeLostStreams(wire: LossyWire, place: CurrentPlace): void {
  it('commits a small stream through lost and late answers', async () => {
    const bytes = patternBytes(100_000, 3)
    const writer = await stream(place.current.backend, bytes)
    // The first put is carried out, and neither its answer nor the look at the object comes back.
    place.current.proxy.decide = (_method, _path, count) => (count <= 2 ? 'lose' : 'pass')
    await writer.commit()
    await expectObject(place, bytes)
  })

  it('commits a large stream through lost answers of its begin, its parts and its end', async () => {
    const bytes = patternBytes(20 * MIB, 5)
    let lost = 0
    let sent = 0
    // Every second request, so that each is carried out and heard of at last.
    place.current.proxy.decide = (method) => {
      if (method === 'GET' || method === 'HEAD' || ++sent % 2 === 0) return 'pass'
      lost++
      return 'lose'
    }
    const writer = await stream(place.current.backend, bytes)
    await writer.commit()
    assert.ok(lost >= 4, `${lost}`)
    await expectObject(place, bytes)
  })

  it('knows its upload again when its end was carried out and also the look was lost', async () => {
    const bytes = patternBytes(9 * MIB, 6)
    const writer = await stream(place.current.backend, bytes)
    let ends = 0
    let looks = 0
    place.current.proxy.decide = (method, path) => {
      if (wire.isEnd(method, path)) return ++ends === 1 ? 'lose' : 'pass'
      return wire.isLook(method, path) && ++looks === 1 ? 'drop' : 'pass'
    }
    await writer.commit()
    await expectObject(place, bytes)
    assert.ok(looks > 1 || ends > 1, 'it was asked again')
  })

  for (const [what, seed] of [
    ['other bytes', 8],
    ['the same bytes', 7],
  ] as const) {
    it(`does not take a large object of somebody else, of ${what}, for its own upload`, async () => {
      const writer = await stream(place.current.backend, patternBytes(9 * MIB, 7))
      const other = await stream(place.current.direct, patternBytes(9 * MIB, seed))
      await other.commit()
      loseFirst(place.current.proxy, wire.isEnd)
      await expectCode(writer.commit(), 'KB_OBJECT_EXISTS')
      await expectObject(place, patternBytes(9 * MIB, seed))
    })
  }
}

function describeLostReads(place: CurrentPlace): void {
  it('reports a body that breaks off, and never gives the half of it', async () => {
    await place.current.direct.put(KEY, patternBytes(1_000, 13))
    place.current.proxy.decide = (method) => (method === 'GET' ? 'cut' : 'pass')
    const { backend } = place.current
    await expectCode(backend.readRange(KEY, { begin: 0, end: 1_000 }), 'KB_STORAGE_UNAVAILABLE')
    await expectCode(backend.read(KEY, 1_000), 'KB_STORAGE_UNAVAILABLE')
    assert.equal(
      countSeen(place.current.proxy, (method) => method === 'GET'),
      2,
      'nothing is repeated',
    )
  })

  it('stops in the middle of a body with the reason of its signal', async () => {
    await place.current.direct.put(KEY, patternBytes(MIB, 19))
    const reason = new Error('stopped by the test')
    const abortion = new AbortController()
    const { signal } = abortion
    place.current.proxy.decide = () => {
      abortion.abort(reason)
      return 'pass'
    }
    await assert.rejects(place.current.backend.read(KEY, MIB, { signal }), (error) => error === reason)
    await assert.rejects(
      place.current.backend.put('other', Buffer.from('x'), { signal }),
      (error) => error === reason,
    )
  })
}

function describeStoppedReads(place: CurrentPlace): void {
  it('stops in the middle of a body that does not go on, with the reason of its signal', async () => {
    await place.current.direct.put(KEY, patternBytes(MIB, 20))
    const reason = new Error('stopped by the test')
    place.current.proxy.decide = (method) => (method === 'GET' ? 'stall' : 'pass')
    for (const read of [
      (signal: AbortSignal) => place.current.backend.read(KEY, MIB, { signal }),
      (signal: AbortSignal) => place.current.backend.readRange(KEY, { begin: 0, end: MIB }, { signal }),
    ]) {
      const abortion = new AbortController()
      const reading = assert.rejects(read(abortion.signal), (error) => error === reason)
      // Longer than the begin of the answer takes, so that the body is what is waited for.
      await delay(1_000)
      abortion.abort(reason)
      const late = delay(15_000, 'late', { ref: false })
      assert.notEqual(await Promise.race([reading, late]), 'late')
    }
  })

  it('stops at every moment between the headers of an answer and its body, and nothing fails unseen', async (t) => {
    await place.current.direct.put(KEY, patternBytes(MIB, 22))
    place.current.proxy.decide = (method) => (method === 'GET' ? 'withhold' : 'pass')
    const reason = new Error('stopped by the test')
    for (let hops = 0; hops < HOPS_MAX; hops++) {
      const abortion = new AbortController()
      // Each hop is one step of a promise later.
      const hop = (left: number): void => {
        if (left === 0) abortion.abort(reason)
        else queueMicrotask(() => hop(left - 1))
      }
      const onHeaders = () => hop(hops)
      diagnosticsChannel.subscribe(HEADERS_ARRIVED, onHeaders)
      t.after(() => diagnosticsChannel.unsubscribe(HEADERS_ARRIVED, onHeaders))
      const read = place.current.backend.read(KEY, MIB, { signal: abortion.signal })
      await assert.rejects(read, (error) => error === reason)
      diagnosticsChannel.unsubscribe(HEADERS_ARRIVED, onHeaders)
      // What nobody listens to fails after the read has ended.
      await delay(5)
    }
  })

  it('leaves nothing on the signal of a run, which has many reads', async () => {
    await place.current.direct.put(KEY, patternBytes(1_000, 21))
    const { signal } = new AbortController()
    const reads = async () => {
      await place.current.backend.read(KEY, 1_000, { signal })
      await place.current.backend.readRange(KEY, { begin: 0, end: 10 }, { signal })
    }
    await reads()
    const few = getEventListeners(signal, 'abort').length
    for (let at = 0; at < 5; at++) await reads()
    assert.equal(getEventListeners(signal, 'abort').length, few)
  })
}

async function expectObject({ current: { direct } }: CurrentPlace, bytes: Buffer): Promise<void> {
  expectBytes(await direct.read(KEY, bytes.length), bytes)
}
