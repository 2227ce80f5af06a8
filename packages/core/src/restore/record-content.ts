import { createHash, type Hash } from 'node:crypto'
import type { KafkaRecord } from '../protocol/record.ts'

/** What of a record can differ. */
export type RecordField = 'timestamp' | 'key' | 'value' | 'headers'

/** What differs between two records, and how, in words. */
export interface ContentDifference {
  readonly fields: readonly RecordField[]
  readonly detail: string
}

const NULL_LENGTH = -1
const SCRATCH_BYTES = 16 * 1024
/** Longer byte strings are digested where they lie. */
const COPIED_MAX_BYTES = 2 * 1024

/**
 * SHA-256 over records, in order. Of each: timestamp (int64), key, value, count of headers (int32), and name and value of each header. A
 * byte string is its length (int32, -1 for null) and its bytes; all numbers are big endian. So no two lists of records give the same bytes.
 */
export class RecordDigest {
  readonly #hash: Hash
  // Small pieces are gathered: each call of the hash costs more than digesting a few bytes.
  readonly #scratch = Buffer.allocUnsafe(SCRATCH_BYTES)
  #used = 0

  constructor(hash: Hash = createHash('sha256')) {
    this.#hash = hash
  }

  add({ timestamp, key, value, headers }: KafkaRecord): void {
    this.#reserve(8)
    this.#used = this.#scratch.writeBigInt64BE(timestamp, this.#used)
    this.#addBytes(key)
    this.#addBytes(value)
    this.#addInt32(headers.length)
    for (const header of headers) {
      this.#addBytes(header.nameBytes)
      this.#addBytes(header.value)
    }
  }

  /** One that goes its own way from here. */
  copy(): RecordDigest {
    this.#flush()
    return new RecordDigest(this.#hash.copy())
  }

  /** Lower-case hex; the last call. */
  finish(): string {
    this.#flush()
    return this.#hash.digest('hex')
  }

  #addBytes(bytes: Buffer | null): void {
    this.#addInt32(bytes === null ? NULL_LENGTH : bytes.length)
    if (bytes === null) return
    if (bytes.length > COPIED_MAX_BYTES) {
      this.#flush()
      this.#hash.update(bytes)
      return
    }
    this.#reserve(bytes.length)
    this.#used += bytes.copy(this.#scratch, this.#used)
  }

  #addInt32(value: number): void {
    this.#reserve(4)
    this.#used = this.#scratch.writeInt32BE(value, this.#used)
  }

  #reserve(bytes: number): void {
    if (this.#used + bytes > SCRATCH_BYTES) this.#flush()
  }

  #flush(): void {
    this.#hash.update(this.#scratch.subarray(0, this.#used))
    this.#used = 0
  }
}

/** What differs between two records; undefined when nothing does. Offsets are not looked at. */
export function contentDifference(expected: KafkaRecord, found: KafkaRecord): ContentDifference | undefined {
  const fields: RecordField[] = []
  const details: string[] = []
  const note = (field: RecordField, detail: string | undefined): void => {
    if (detail === undefined) return
    fields.push(field)
    details.push(detail)
  }
  note('timestamp', timestampDifference(expected, found))
  note('key', bytesDifference('its key', expected.key, found.key))
  note('value', bytesDifference('its value', expected.value, found.value))
  note('headers', headersDifference(expected, found))
  return fields.length === 0 ? undefined : { fields, detail: details.join('; ') }
}

function timestampDifference(expected: KafkaRecord, found: KafkaRecord): string | undefined {
  if (expected.timestamp === found.timestamp) return
  return `its timestamp is ${found.timestamp}, expected ${expected.timestamp}`
}

function headersDifference(expected: KafkaRecord, found: KafkaRecord): string | undefined {
  if (expected.headers.length !== found.headers.length)
    return `it has ${found.headers.length} headers, expected ${expected.headers.length}`
  for (const [at, header] of expected.headers.entries()) {
    const other = found.headers[at]
    if (!other || !header.nameBytes.equals(other.nameBytes)) return `the name of its header ${at + 1} differs`
    const inValue = bytesDifference(`the value of its header ${at + 1}`, header.value, other.value)
    if (inValue !== undefined) return inValue
  }
  return
}

function bytesDifference(what: string, expected: Buffer | null, found: Buffer | null): string | undefined {
  if (expected === null || found === null || expected.length !== found.length) {
    return expected === found ? undefined : `${what} differs (${sizeOf(found)}, expected ${sizeOf(expected)})`
  }
  if (expected.equals(found)) return
  const at = expected.findIndex((byte, index) => byte !== found[index])
  return `${what} differs (${sizeOf(found)}, from byte ${at} on)`
}

function sizeOf(bytes: Buffer | null): string {
  return bytes === null ? 'null' : `${bytes.length} bytes`
}
