import type { RecordHeader } from '../protocol/record.ts'

/** Names of the headers that say where a record comes from; the bytes are in docs/restore.md. */
export const ORIGINAL_OFFSET = 'x-original-offset'
export const ORIGINAL_TIMESTAMP = 'x-original-timestamp'
export const SOURCE_PARTITION = 'x-source-partition'
export const SOURCE_CLUSTER = 'x-source-cluster'

/** Where a record was in the topic that it was copied from. */
export interface RecordOrigin {
  readonly partition: number
  readonly offset: bigint
}

const INT64_BYTES = 8
const INT32_BYTES = 4
/** Digits of the largest int64. */
const DIGITS_MAX = 19
const INT64_MAX = 2n ** 63n - 1n
const INT32_MAX = 2n ** 31n - 1n
const ZERO = 0x30
const NINE = 0x39

/**
 * What the last header of each name says: a record that was copied twice has those of the first copy, too. undefined: one of them is not
 * there, or is neither an integer of docs/restore.md nor its decimal digits.
 */
export function originOf(headers: readonly RecordHeader[]): RecordOrigin | undefined {
  const offset = integerOf(lastValue(headers, ORIGINAL_OFFSET), INT64_BYTES, INT64_MAX)
  const partition = integerOf(lastValue(headers, SOURCE_PARTITION), INT32_BYTES, INT32_MAX)
  return offset === undefined || partition === undefined
    ? undefined
    : { offset, partition: Number(partition) }
}

function lastValue(headers: readonly RecordHeader[], name: string): Buffer | null {
  return headers.findLast((own) => own.name === name)?.value ?? null
}

/** Bytes that are all digits are digits: as a number they would be an offset or a partition that no log has. */
function integerOf(value: Buffer | null, bytes: number, max: bigint): bigint | undefined {
  if (value === null || value.length === 0 || value.length > DIGITS_MAX) return undefined
  if (value.every((byte) => byte >= ZERO && byte <= NINE)) {
    const read = BigInt(value.toString('latin1'))
    return read <= max ? read : undefined
  }
  if (value.length !== bytes) return undefined
  const read = bytes === INT64_BYTES ? value.readBigInt64BE() : BigInt(value.readInt32BE())
  return read >= 0n ? read : undefined
}
