// What a continuous run writes at a checkpoint is often this small; larger objects double it a few times more.
const FIRST_BYTES = 16 * 1024

/** Bytes of the part that is being filled: grows by doubling, so that small objects cost little memory. */
export class PartBuffer {
  #bytes = Buffer.alloc(0)
  #filled = 0

  get length(): number {
    return this.#filled
  }

  /** Copies from `chunk` until the part has `maxBytes`, and returns what is left of it. */
  fill(chunk: Uint8Array, maxBytes: number): Uint8Array {
    const byteCount = Math.min(chunk.byteLength, maxBytes - this.#filled)
    this.#reserve(this.#filled + byteCount, maxBytes)
    this.#bytes.set(chunk.subarray(0, byteCount), this.#filled)
    this.#filled += byteCount
    return chunk.subarray(byteCount)
  }

  /** Gives the bytes away and begins anew. */
  take(): Buffer {
    const bytes = this.#bytes.subarray(0, this.#filled)
    this.#bytes = Buffer.alloc(0)
    this.#filled = 0
    return bytes
  }

  #reserve(byteCount: number, maxBytes: number): void {
    if (byteCount <= this.#bytes.length) return
    const doubled = Math.max(byteCount, 2 * this.#bytes.length, FIRST_BYTES)
    const grown = Buffer.allocUnsafeSlow(Math.min(doubled, maxBytes))
    this.#bytes.copy(grown, 0, 0, this.#filled)
    this.#bytes = grown
  }
}
