import { isUtf8 } from 'node:buffer'
import type { KafkaRecord } from '@kafka-backup/core'
import { quotedText } from './shown-name.ts'
import { formatTime } from './units.ts'

/** A record and where it lay. */
export interface PlacedRecord {
  readonly topic: string
  readonly partition: number
  readonly record: KafkaRecord
}

/** How bytes are shown: a key or a value, or what a name of a header has. */
export type ShowBytes = (bytes: Buffer | null) => string

// What a terminal shows as it is. Quotes and 0x say that the rest is something else.
const PLAIN = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]+$/u
const MARKED = /^(?:"|0x|null$| )| $/

/** Text as it is, in quotes where it would not be itself on a terminal, and bytes that are no text as `0x…`. */
export const shownBytes: ShowBytes = (bytes) => {
  if (bytes === null) return 'null'
  if (!isUtf8(bytes)) return `0x${bytes.toString('hex')}`
  const text = bytes.toString()
  return PLAIN.test(text) && !MARKED.test(text) ? text : quotedText(text)
}

/** Hex digits; `""` for none, so that it is not null. */
export const hexBytes: ShowBytes = (bytes) => {
  if (bytes === null) return 'null'
  return bytes.length === 0 ? '""' : bytes.toString('hex')
}

/** `orders/3  1200  2026-11-21T02:14:07.123Z  key  [trace=abc]  value` and a line end. */
export function recordLine(
  placed: PlacedRecord,
  shown: { key: string; value: string },
  show: ShowBytes,
): string {
  const { topic, partition, record } = placed
  const headers = record.headers.map(({ nameBytes, value }) => `${show(nameBytes)}=${show(value)}`)
  return `${[
    `${topic}/${partition}`,
    record.offset,
    formatTime(record.timestamp),
    shown.key,
    ...(headers.length === 0 ? [] : [`[${headers.join(' ')}]`]),
    shown.value,
  ].join('  ')}\n`
}
