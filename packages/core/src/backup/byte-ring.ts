/** A place in a {@link ByteRing}. `skippedBytes` are left free in front of it, at the end of the memory. */
export interface RingPlace {
  readonly begin: number
  readonly bytes: number
  readonly skippedBytes: number
}

/** Shared memory of a fixed size, given out and taken back in the same order. */
export class ByteRing {
  readonly memory: SharedArrayBuffer
  readonly #capacity: number
  #next = 0
  #used = 0

  constructor(capacityBytes: number) {
    this.memory = new SharedArrayBuffer(capacityBytes)
    this.#capacity = capacityBytes
  }

  /** A place in one piece; undefined when there is no room. */
  reserve(bytes: number): RingPlace | undefined {
    const atEnd = this.#capacity - this.#next
    const isWrapping = bytes > atEnd
    const skippedBytes = isWrapping ? atEnd : 0
    if (this.#used + skippedBytes + bytes > this.#capacity) return undefined
    const begin = isWrapping ? 0 : this.#next
    this.#next = begin + bytes
    this.#used += skippedBytes + bytes
    return { begin, bytes, skippedBytes }
  }

  /** Takes back the place that was given out first. */
  release({ bytes, skippedBytes }: RingPlace): void {
    this.#used -= bytes + skippedBytes
    if (this.#used === 0) this.#next = 0
  }
}
