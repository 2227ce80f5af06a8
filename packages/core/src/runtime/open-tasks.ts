/**
 * Tasks that begin others. None waits for what it has begun, so that a task that has ended leaves nothing behind, however long the others
 * go on: a chain of tasks that each wait for the next would hold all of them until the last one ends.
 */
export class OpenTasks {
  readonly #onFailure: (error: unknown) => void
  readonly #ended = Promise.withResolvers<void>()
  #count = 0
  #hasFailed = false
  #failure: unknown

  /** `onFailure` is told of the first failure, at once. */
  constructor(onFailure: (error: unknown) => void) {
    this.#onFailure = onFailure
  }

  /** Begins a task: the first one, or one more while another is open. */
  begin(task: () => Promise<void>): void {
    this.#count++
    void task()
      .catch((error: unknown) => this.#fail(error))
      .then(() => this.#end())
  }

  /** Resolves when none is open any more, whatever happened. @throws the first failure */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  #fail(error: unknown): void {
    if (this.#hasFailed) return
    this.#hasFailed = true
    this.#failure = error
    this.#onFailure(error)
  }

  #end(): void {
    if (--this.#count > 0) return
    if (this.#hasFailed) this.#ended.reject(this.#failure)
    else this.#ended.resolve()
  }
}
