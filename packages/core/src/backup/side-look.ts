import type { Clock } from '../runtime/clock.ts'
import { LIMITS } from '../runtime/limits.ts'

/** Looks of one kind beside the reading of records, which they neither delay nor fail. One is under way at a time. */
export class SideLook {
  readonly #clock: Clock
  #looking: Promise<void> | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get isUnderWay(): boolean {
    return this.#looking !== null
  }

  /** Begins to look, unless a look is under way. */
  begin(look: () => Promise<void>, onFailure: (error: unknown) => void): void {
    if (this.#looking) return
    this.#looking = look()
      .catch(onFailure)
      .finally(() => {
        this.#looking = null
      })
  }

  /** Waits for the look that is under way, but not for ever. */
  async settle(): Promise<void> {
    if (!this.#looking) return
    const done = new AbortController()
    const looking = this.#looking.finally(() => done.abort())
    const late = this.#clock.sleep(LIMITS.topicSettingsGraceMs, done.signal).catch(() => undefined)
    await Promise.race([looking, late])
    done.abort()
  }
}
