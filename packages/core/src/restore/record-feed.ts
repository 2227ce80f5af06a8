/** Takes items one by one from something that comes in portions; waits only where a portion ends. */
export class RecordFeed<T> {
  readonly #portions: AsyncGenerator<readonly T[], void, undefined>
  #portion: readonly T[] = []
  #at = 0

  constructor(portions: AsyncGenerator<readonly T[], void, undefined>) {
    this.#portions = portions
  }

  /** The next item of the portion at hand; undefined at its end, where {@link load} knows whether there is another one. */
  ready(): T | undefined {
    return this.#portion[this.#at++]
  }

  /** The first item of the next portion; undefined at the end. */
  async load(): Promise<T | undefined> {
    for (;;) {
      const { done, value } = await this.#portions.next()
      if (done) return undefined
      this.#portion = value
      this.#at = 0
      if (value.length > 0) return this.ready()
    }
  }

  async close(): Promise<void> {
    await this.#portions.return()
  }
}
