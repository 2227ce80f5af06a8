import type { Clock } from '../../src/runtime/clock.ts'

/** Time that passes only while somebody sleeps; sleepers wake in the order of their times. */
export class SleepyClock implements Clock {
  #nowMs = 0
  #sleepers: { readonly atMs: number; readonly wake: () => void }[] = []
  #isTurning = false

  nowMs(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const sleeper = { atMs: this.#nowMs + durationMs, wake: resolve }
      signal?.addEventListener('abort', () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper)
        reject(signal.reason)
      })
      this.#sleepers.push(sleeper)
      this.#turn()
    })
  }

  /** Everything that can go on without time goes on first. */
  #turn(): void {
    if (this.#isTurning) return
    this.#isTurning = true
    setImmediate(() => {
      this.#isTurning = false
      const [first] = this.#sleepers.sort((a, b) => a.atMs - b.atMs)
      if (!first) return
      this.#sleepers.shift()
      this.#nowMs = Math.max(this.#nowMs, first.atMs)
      first.wake()
      this.#turn()
    })
  }
}
