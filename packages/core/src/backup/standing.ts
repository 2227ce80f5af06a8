/** What an answer of a leader says of the end of its log. Offsets are exclusive; `askedAtMs`: when it was asked for it, wall clock. */
export interface Sighting {
  readonly askedAtMs: number
  readonly highWatermark: bigint
  /** What may be read: the last stable offset, or the high watermark. */
  readonly readableEnd: bigint
}

/**
 * How far one partition of a backup is behind its source. What was acknowledged before a leader was asked lies below the end that
 * it then shows, so reading that has reached this end has all that was acknowledged before; a commit makes that a recovery point.
 * The moment passes three stages: reached by the reading, sealed in durable segments, committed.
 */
export class Standing {
  #lagOffsets: bigint | null = null
  #reachedAtMs: number | null = null
  #sealedAtMs: number | null = null
  #takenAtMs: number | null = null
  #recoveryPointMs: number | null

  /** `recoveryPointMs`: what is known of it before anything was read; null: nothing. */
  constructor(recoveryPointMs: number | null = null) {
    this.#recoveryPointMs = recoveryPointMs
  }

  /** Offsets between the reading and the readable end, by the last answer; null before the first. */
  get lagOffsets(): bigint | null {
    return this.#lagOffsets
  }

  /** True when the last answer led to the end of what may be read. */
  get isAtEnd(): boolean {
    return this.#lagOffsets === 0n
  }

  /** Everything acknowledged before it was read; null while nothing is known. */
  get reachedAtMs(): number | null {
    return this.#reachedAtMs
  }

  /** Everything acknowledged before it is committed, wall clock; null while nothing is known. */
  get recoveryPointMs(): number | null {
    return this.#recoveryPointMs
  }

  /** What the recovery point will be after the commit that {@link take} was for. */
  get committingPointMs(): number | null {
    return this.#takenAtMs ?? this.#recoveryPointMs
  }

  /** Takes an answer after its batches were taken. */
  note(sighting: Sighting, nextOffset: bigint): void {
    const lag = sighting.readableEnd - nextOffset
    this.#lagOffsets = lag > 0n ? lag : 0n
    if (lag <= 0n) this.#reachedAtMs = sighting.askedAtMs
  }

  /** What was read when `reachedAtMs` was reached is durable now. */
  seal(reachedAtMs: number | null): void {
    this.#sealedAtMs = reachedAtMs
  }

  /** What was sealed goes into a commit. */
  take(): void {
    this.#takenAtMs = this.#sealedAtMs
  }

  /** That commit was made, or there was nothing to commit. */
  settle(): void {
    this.#recoveryPointMs = this.committingPointMs
  }
}
