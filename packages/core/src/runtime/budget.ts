/**
 * Counting semaphore over a budget of units (bytes, slots). `acquire` waits in order of arrival; one request
 * larger than the whole budget is granted alone, so that nothing can wait for ever.
 */
export class Budget {
  readonly #capacity: number
  #used = 0
  readonly #waiting: { units: number; grant: () => void; fail: (reason: unknown) => void }[] = []

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get used(): number {
    return this.#used
  }

  /** Resolves when `units` are reserved; pair with {@link release}. */
  acquire(units: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    if (this.#waiting.length === 0 && this.#fits(units)) {
      this.#used += units
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => {
      const abandon = () => this.#abandon(entry, signal?.reason)
      const grant = () => {
        signal?.removeEventListener('abort', abandon)
        resolve()
      }
      const entry = { units, grant, fail: reject }
      this.#waiting.push(entry)
      signal?.addEventListener('abort', abandon, { once: true })
    })
  }

  release(units: number): void {
    this.#used -= units
    this.#grantWaiting()
  }

  #grantWaiting(): void {
    for (let next = this.#waiting[0]; next && this.#fits(next.units); next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#used += next.units
      next.grant()
    }
  }

  #fits(units: number): boolean {
    return this.#used === 0 || this.#used + units <= this.#capacity
  }

  #abandon(
    entry: { units: number; grant: () => void; fail: (reason: unknown) => void },
    reason: unknown,
  ): void {
    const at = this.#waiting.indexOf(entry)
    if (at < 0) return
    this.#waiting.splice(at, 1)
    entry.fail(reason)
    // It may have been the one that the others waited behind.
    this.#grantWaiting()
  }
}
