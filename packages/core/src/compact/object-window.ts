import type { RangeSource } from '../repository/segment-reader.ts'
import type { ByteRange, CallOptions } from '../storage/storage-backend.ts'

/**
 * Reads one object by pieces that are larger than what is asked for, and answers from the last one: frames that follow each other cost one
 * request together. A range that is asked for twice is read again, because its bytes were found to be wrong.
 */
export class ObjectWindow implements RangeSource {
  readonly #source: RangeSource
  readonly #objectBytes: number
  readonly #pieceBytes: number
  readonly #answered = new Set<string>()
  #held: { readonly begin: number; readonly bytes: Buffer } = { begin: 0, bytes: Buffer.alloc(0) }

  /** `pieceBytes`: how much is read at a time; 0: what is asked for, but for what {@link hold} brings. */
  constructor(source: RangeSource, objectBytes: number, pieceBytes: number) {
    this.#source = source
    this.#objectBytes = objectBytes
    this.#pieceBytes = pieceBytes
  }

  async readRange(key: string, range: ByteRange, options?: CallOptions): Promise<Buffer> {
    const name = `${range.begin}-${range.end}`
    if (this.#answered.has(name)) return this.#source.readRange(key, range, options)
    this.#answered.add(name)
    if (!this.#holds(range)) {
      if (range.end - range.begin > this.#pieceBytes) return this.#source.readRange(key, range, options)
      await this.hold(key, this.#pieceAt(range), options)
    }
    const { begin, bytes } = this.#held
    return bytes.subarray(range.begin - begin, range.end - begin)
  }

  /** Reads a range that the next questions are about. */
  async hold(key: string, range: ByteRange, options?: CallOptions): Promise<void> {
    this.#held = { begin: range.begin, bytes: await this.#source.readRange(key, range, options) }
  }

  /** A small object is read whole, whatever of it is asked for first. */
  #pieceAt(range: ByteRange): ByteRange {
    if (this.#objectBytes <= this.#pieceBytes) return { begin: 0, end: this.#objectBytes }
    return { begin: range.begin, end: Math.min(this.#objectBytes, range.begin + this.#pieceBytes) }
  }

  #holds({ begin, end }: ByteRange): boolean {
    return begin >= this.#held.begin && end <= this.#held.begin + this.#held.bytes.length
  }
}
