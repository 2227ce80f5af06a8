import type { KafkaRecord } from '../protocol/record.ts'

/** What a record needs beside its byte strings, roughly. */
const RECORD_OVERHEAD_BYTES = 16
const HEADER_OVERHEAD_BYTES = 4

/** Size of a record before compression, roughly; a function of its content. */
export function recordBytes({ key, value, headers }: KafkaRecord): number {
  let bytes = RECORD_OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0)
  for (const header of headers) {
    bytes += HEADER_OVERHEAD_BYTES + header.nameBytes.length + (header.value?.length ?? 0)
  }
  return bytes
}

/**
 * The same records in memory of their own. One record that waits must not keep the whole batch that it was read from: by key, or with a time
 * window, few of many stay.
 */
export function copyRecords(records: readonly KafkaRecord[]): readonly KafkaRecord[] {
  const room = Buffer.allocUnsafe(records.reduce((sum, record) => sum + contentBytes(record), 0))
  let position = 0
  const copy = (bytes: Buffer): Buffer => {
    const begin = position
    position += bytes.copy(room, begin)
    return room.subarray(begin, position)
  }
  return records.map((record) => ({
    ...record,
    key: record.key && copy(record.key),
    value: record.value && copy(record.value),
    headers: record.headers.map((header) => ({
      name: header.name,
      nameBytes: copy(header.nameBytes),
      value: header.value && copy(header.value),
    })),
  }))
}

/** Of key, value and headers. */
export function contentBytes({ key, value, headers }: KafkaRecord): number {
  return headers.reduce(
    (sum, header) => sum + header.nameBytes.length + (header.value?.length ?? 0),
    (key?.length ?? 0) + (value?.length ?? 0),
  )
}
