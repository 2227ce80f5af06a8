import type { Clock } from '@kafka-backup/core'

const FLUSH_BYTES = 64 * 1024
const FLUSH_MS = 100

/**
 * Writes what is printed on the way to stdout, a portion at a time: the next one waits until the reader has taken the last. What is
 * printed is never held back for long.
 */
export class RecordOutput {
  readonly #stream: NodeJS.WritableStream
  readonly #clock: Clock
  #waiting: (string | Buffer)[] = []
  #waitingBytes = 0
  #flushedMs = Number.NEGATIVE_INFINITY
  #isClosed = false

  constructor(stream: NodeJS.WritableStream, clock: Clock) {
    this.#stream = stream
    this.#clock = clock
  }

  /** True when nobody reads any more: who listens to the stream says why, where that is worth saying. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  add(piece: string | Buffer): void {
    this.#waiting.push(piece)
    this.#waitingBytes += piece.length
  }

  /** Writes what is there, once it is enough or has waited for long enough. */
  async settle(): Promise<void> {
    if (this.#waitingBytes === 0) return
    const isDue = this.#clock.monotonicMs() - this.#flushedMs >= FLUSH_MS
    if (isDue || this.#waitingBytes >= FLUSH_BYTES) await this.flush()
  }

  /** Writes what is there. */
  async flush(): Promise<void> {
    const pieces = this.#waiting
    this.#waiting = []
    this.#waitingBytes = 0
    for (const piece of joined(pieces)) {
      if (this.#isClosed) return
      await new Promise<void>((resolve) => {
        this.#stream.write(piece, (error) => {
          if (error) this.#isClosed = true
          resolve()
        })
      })
    }
    this.#flushedMs = this.#clock.monotonicMs()
  }
}

/** Texts together, up to some size: one that is large already is not copied into a larger one. */
function* joined(pieces: readonly (string | Buffer)[]): Generator<Buffer> {
  let batch: Buffer[] = []
  let bytes = 0
  for (const piece of pieces) {
    const own = typeof piece === 'string' ? Buffer.from(piece) : piece
    batch.push(own)
    bytes += own.length
    if (bytes < FLUSH_BYTES) continue
    yield batch.length === 1 ? own : Buffer.concat(batch)
    batch = []
    bytes = 0
  }
  if (batch.length > 0) yield Buffer.concat(batch)
}
