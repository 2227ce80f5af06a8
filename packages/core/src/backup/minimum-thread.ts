import { Worker } from 'node:worker_threads'
import { hasUnknownMinimum } from '../format/frame-minimum.ts'
import { LIMITS } from '../runtime/limits.ts'
import type { SpareCores } from '../runtime/spare-cores.ts'
import { ByteRing, type RingPlace } from './byte-ring.ts'
import { FrameMinimum, type MinimumFinder, type SearchedFrame } from './minimum-finder.ts'
import type { MinimumAnswer, MinimumRequest } from './minimum-worker.ts'

/** What of {@link SpareCores} is asked. */
export type SpareCounter = Pick<SpareCores, 'count'>

interface Search {
  readonly id: number
  readonly place: RingPlace
  readonly maxTimestampMs: bigint
  readonly minimum: FrameMinimum
}

/** Less than that is no time to give away. */
const SPARE_CORES_MIN = 0.5
/** It decompresses one batch at a time, and holds nothing else. */
const HEAP_MAX_MB = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 }

/**
 * Looks for minima on a thread of its own, of the lowest priority, that decompresses what producers compressed. A frame is copied once, on
 * the calling thread, into memory that both share: the response buffer it lies in is wanted for the next fetch, and must not wait for idle
 * time. While the machine has no half a core to spare, and while that memory is full, frames are passed over without a copy: priority
 * alone is not enough, since a thread costs something before it steps back (docs/decisions/0012-deferred-minima.md). It is started when it
 * is first needed; once it ended, nothing is found any more.
 */
export class MinimumThread implements MinimumFinder {
  /** In the order of the ring: the worker answers in the order it was asked. */
  readonly #searches: Search[] = []
  #ring: ByteRing | undefined
  #worker: Worker | undefined
  #nextId = 0
  #hasEnded = false
  #cpuMs = 0
  readonly #spare: SpareCounter

  constructor(spare: SpareCounter) {
    this.#spare = spare
  }

  find({ chunks, rawBytes, statistics }: SearchedFrame): FrameMinimum | null {
    if (this.#hasEnded || !hasUnknownMinimum(statistics)) return null
    if (this.#spare.count(this.#cpuMs) < SPARE_CORES_MIN) return null
    this.#ring ??= new ByteRing(LIMITS.minimumQueueMaxBytes)
    const place = this.#ring.reserve(rawBytes)
    if (!place) return null
    const target = new Uint8Array(this.#ring.memory, place.begin, rawBytes)
    let at = 0
    for (const chunk of chunks) {
      target.set(chunk, at)
      at += chunk.length
    }
    const { maxTimestampMs } = statistics
    const search = { id: this.#nextId++, place, maxTimestampMs, minimum: new FrameMinimum() }
    this.#searches.push(search)
    const request: MinimumRequest = { id: search.id, begin: place.begin, bytes: rawBytes }
    this.#start(this.#ring.memory).postMessage(request)
    return search.minimum
  }

  async close(): Promise<void> {
    this.#end()
    await this.#worker?.terminate()
    this.#worker = undefined
  }

  #start(memory: SharedArrayBuffer): Worker {
    if (this.#worker) return this.#worker
    // Published packages carry JavaScript, a checkout runs TypeScript.
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const url = new URL(`./minimum-worker.${extension}`, import.meta.url)
    const worker = new Worker(url, { workerData: memory, resourceLimits: HEAP_MAX_MB })
    worker.on('message', (answer: MinimumAnswer) => this.#take(answer))
    worker.on('error', () => this.#end())
    worker.on('exit', () => this.#end())
    worker.unref()
    this.#worker = worker
    return worker
  }

  #take({ id, minTimestampMs, cpuMs }: MinimumAnswer): void {
    this.#cpuMs = cpuMs
    const search = this.#searches[0]
    if (search?.id !== id) return
    this.#searches.shift()
    this.#ring?.release(search.place)
    search.minimum.settle(minTimestampMs, search.maxTimestampMs)
  }

  #end(): void {
    this.#hasEnded = true
    for (const { minimum, maxTimestampMs } of this.#searches) minimum.settle(null, maxTimestampMs)
    this.#searches.length = 0
    this.#ring = undefined
  }
}
