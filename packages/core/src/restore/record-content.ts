import type { Hash } from 'node:crypto'
import type { KafkaRecord } from '../protocol/record.ts'

const NULL_LENGTH = -1

/**
 * Adds a record to a digest: timestamp (int64), key, value, count of headers (int32), and name and value of each header. A byte string
 * is its length (int32, -1 for null) and its bytes; all numbers are big endian. So no two lists of records give the same bytes.
 */
export function hashRecord(hash: Hash, record: KafkaRecord): void {
  const head = Buffer.allocUnsafe(8)
  head.writeBigInt64BE(record.timestamp)
  hash.update(head)
  hashBytes(hash, record.key)
  hashBytes(hash, record.value)
  hash.update(int32(record.headers.length))
  for (const { nameBytes, value } of record.headers) {
    hashBytes(hash, nameBytes)
    hashBytes(hash, value)
  }
}

/** What differs between two records, in words; undefined when nothing does. Offsets are not looked at. */
export function recordDifference(expected: KafkaRecord, found: KafkaRecord): string | undefined {
  if (expected.timestamp !== found.timestamp)
    return `its timestamp is ${found.timestamp}, expected ${expected.timestamp}`
  if (!isSame(expected.key, found.key)) return `its key differs (${lengths(expected.key, found.key)})`
  if (!isSame(expected.value, found.value))
    return `its value differs (${lengths(expected.value, found.value)})`
  if (expected.headers.length !== found.headers.length)
    return `it has ${found.headers.length} headers, expected ${expected.headers.length}`
  for (const [at, header] of expected.headers.entries()) {
    const other = found.headers[at]
    if (!other || !header.nameBytes.equals(other.nameBytes)) return `the name of its header ${at + 1} differs`
    if (!isSame(header.value, other.value))
      return `the value of its header ${at + 1} differs (${lengths(header.value, other.value)})`
  }
  return
}

function isSame(a: Buffer | null, b: Buffer | null): boolean {
  if (a === null || b === null) return a === b
  return a.equals(b)
}

function lengths(expected: Buffer | null, found: Buffer | null): string {
  const shown = (bytes: Buffer | null) => (bytes === null ? 'null' : `${bytes.length} bytes`)
  return `${shown(found)}, expected ${shown(expected)}`
}

function hashBytes(hash: Hash, bytes: Buffer | null): void {
  hash.update(int32(bytes === null ? NULL_LENGTH : bytes.length))
  if (bytes !== null) hash.update(bytes)
}

function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeInt32BE(value)
  return bytes
}
