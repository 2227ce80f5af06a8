import { Reader } from '@platformatic/kafka'

/** Of a text: one of -2 would otherwise lead back to its own begin, and an array of such texts would never end. */
const LENGTH_MIN_BYTES = 1

/**
 * The library's reader takes negative lengths, and lengths behind the end, for good: an answer whose texts lead backwards
 * would be read for ever, and fill the memory. This one throws a RangeError for them.
 */
export class ForwardReader extends Reader {
  static over(bytes: Buffer): ForwardReader {
    return new ForwardReader(Reader.from(bytes).buffer)
  }

  override skip(length: number): this {
    return this.#forward(() => super.skip(length), 0)
  }

  override readNullableString(isCompact?: boolean, encoding?: BufferEncoding): string | null {
    return this.#forward(() => super.readNullableString(isCompact, encoding), LENGTH_MIN_BYTES)
  }

  override readNullableBytes(isCompact?: boolean): Buffer | null {
    return this.#forward(() => super.readNullableBytes(isCompact), LENGTH_MIN_BYTES)
  }

  #forward<T>(read: () => T, leastBytes: number): T {
    const begin = this.position
    const value = read()
    if (this.position >= begin + leastBytes && this.position <= this.length) return value
    throw new RangeError(`a length leads from byte ${begin} to ${this.position} of ${this.length}`)
  }
}
