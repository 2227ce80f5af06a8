/**
 * Response buffers that are used again. A fetch response of many megabytes that is allocated anew each time costs page
 * faults and leaves memory to the garbage collector's mood; three buffers a connection are enough instead. They are shared memory,
 * so that a thread can digest what lies in them without a copy.
 */
export class ResponseBuffers {
  readonly #bufferBytes: number
  readonly #maxIdle: number
  readonly #idle: Buffer[] = []

  /** Buffers of `bufferBytes`; at most `maxIdle` of them are kept while nobody uses them. */
  constructor(bufferBytes: number, maxIdle: number) {
    this.#bufferBytes = bufferBytes
    this.#maxIdle = maxIdle
  }

  /** At least `bytes` bytes of undefined content. Larger requests than the pool's size are allocated for once. */
  acquire(bytes: number): Buffer {
    // Small responses would pin a large buffer for little.
    if (bytes > this.#bufferBytes || bytes < this.#bufferBytes / 64) return Buffer.allocUnsafeSlow(bytes)
    return this.#idle.pop() ?? Buffer.from(new SharedArrayBuffer(this.#bufferBytes))
  }

  /** Gives a buffer back. Nobody may read it afterwards: the next response overwrites it. */
  release(buffer: Buffer): void {
    if (buffer.length === this.#bufferBytes && this.#idle.length < this.#maxIdle) this.#idle.push(buffer)
  }
}
