import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Clock } from './clock.ts'
import { LIMITS } from './limits.ts'

/** What of the collector is asked. */
export interface Collector {
  /** Bytes of the heap, with what it has in reserve, and of the buffers outside of it; garbage included. */
  heldBytes(): number
  /** Collects everything; blocks for some tens of milliseconds. */
  collect(): void
  /** The same more than once, and gives back what the heap has in reserve, too; blocks for some hundreds. */
  shrink(): void
}

/**
 * Has garbage collected whenever there is more than `LIMITS.garbageMaxBytes` of it, and the heap made small every `LIMITS.heapMaxAgeMs`,
 * until the end of what it returns. V8 waits until its heap has grown by half or more, or buffers by 64 MiB, and knows little of what
 * OpenSSL and zstd keep for objects that nobody needs any more. A run that allocates slowly would take an hour to come to that, and hold
 * what it needed to start all the while; one that allocates fast is collected more often than this looks. A collection leaves holes in
 * the pages of the heap: without making it small a run of half an hour came from 44 to 56 MiB of heaps, of which 36 were alive at any
 * time.
 */
export function boundGarbage(clock: Clock, collector: Collector = collectorOfV8()): Disposable {
  const over = new AbortController()
  void watch(clock, collector, over.signal).catch((error: unknown) => {
    if (error !== over.signal.reason) throw error
  })
  return { [Symbol.dispose]: () => over.abort(new Error('nothing is collected any more')) }
}

async function watch(clock: Clock, collector: Collector, signal: AbortSignal): Promise<void> {
  await clock.sleep(LIMITS.garbageLookMs, signal)
  // What was needed to start is garbage now, and the young generation is as large as it had to be for it.
  collector.shrink()
  let leastBytes = collector.heldBytes()
  let shrunkMs = clock.monotonicMs()
  for (;;) {
    await clock.sleep(LIMITS.garbageLookMs, signal)
    // Buffers are freed on another thread, so that right after a collection some of them still count.
    const heldBytes = collector.heldBytes()
    leastBytes = Math.min(leastBytes, heldBytes)
    if (clock.monotonicMs() - shrunkMs >= LIMITS.heapMaxAgeMs) {
      collector.shrink()
      shrunkMs = clock.monotonicMs()
    } else if (heldBytes - leastBytes > LIMITS.garbageMaxBytes) {
      collector.collect()
    } else {
      continue
    }
    leastBytes = collector.heldBytes()
  }
}

/** The collector of this thread. */
export function collectorOfV8(): Collector {
  // A context that is made now has the function; V8 gives it to no module.
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: object) => void
  return {
    heldBytes: () => {
      // "external" has them too, but learns what was freed from the next collection only.
      const { heapTotal, arrayBuffers } = process.memoryUsage()
      return heapTotal + arrayBuffers
    },
    collect: () => collect({ type: 'major' }),
    shrink: () => collect({ type: 'major', flavor: 'last-resort' }),
  }
}
