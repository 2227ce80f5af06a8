import { Reader } from '@platformatic/kafka'

/**
 * The library's reader takes negative lengths, and lengths behind the end, for good: an answer whose texts lead backwards
 * would be read for ever, and fill the memory. This one throws a RangeError for them.
 */
export class ForwardReader extends Reader {
  static over(bytes: Buffer): ForwardReader {
    return new ForwardReader(Reader.from(bytes).buffer)
  }

  override skip(length: number): this {
    return this.#forward(() => super.skip(length))
  }

  override readNullableString(isCompact?: boolean, encoding?: BufferEncoding): string | null {
    return this.#forward(() => super.readNullableString(isCompact, encoding))
  }

  override readNullableBytes(isCompact?: boolean): Buffer | null {
    return this.#forward(() => super.readNullableBytes(isCompact))
  }

  #forward<T>(read: () => T): T {
    const begin = this.position
    const value = read()
    if (this.position >= begin && this.position <= this.length) return value
    throw new RangeError(`a length leads from byte ${begin} to ${this.position} of ${this.length}`)
  }
}
