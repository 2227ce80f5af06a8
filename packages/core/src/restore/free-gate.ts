import type { OnDurable, WriteGate } from './write-gate.ts'

/**
 * Without transactions what a broker confirmed is there for good. One batch of a partition is under way at a time: brokers
 * forget a producer whose records are old, and then nothing would hold a second batch back when the first one failed.
 */
export class FreeGate implements WriteGate {
  readonly windowMax = 1
  readonly #onDurable: OnDurable
  #failure: { readonly error: unknown } | undefined

  constructor(onDurable: OnDurable) {
    this.#onDurable = onDurable
  }

  async admit(): Promise<void> {
    if (this.#failure) throw this.#failure.error
  }

  settled(): void {
    this.#onDurable()
  }

  fail(error: unknown): void {
    this.#failure ??= { error }
  }

  async finish(): Promise<void> {
    if (this.#failure) throw this.#failure.error
    this.#onDurable()
  }
}
