import { isUtf8 } from 'node:buffer'
import type { PlacedRecord } from './record-text.ts'

/** A key or a value as it stands in a document: JSON, and what its bytes were read as. */
export interface ShownContent {
  readonly json: string
  readonly encoding: string | null
}

// JSON allows them as they are, and no terminal should be sent them: controls, line ends of other alphabets, and what turns the direction of writing.
const UNSAFE = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g
const NULL: ShownContent = { json: 'null', encoding: null }

/** Text where the bytes are UTF-8, and base64 otherwise. */
export function plainContent(bytes: Buffer | null): ShownContent {
  if (bytes === null) return NULL
  return isUtf8(bytes)
    ? { json: JSON.stringify(bytes.toString()), encoding: 'utf8' }
    : { json: `"${bytes.toString('base64')}"`, encoding: 'base64' }
}

/** The same JSON without characters that command a terminal. */
export function safeJson(json: string): string {
  return json.replace(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** One line: a JSON document of a record. Offsets and timestamps are decimal strings; headers stay in order. */
export function recordDocument(
  { topic, partition, record }: PlacedRecord,
  key: ShownContent,
  value: ShownContent,
): string {
  const headers = record.headers.map((header) => {
    const name = plainContent(header.nameBytes)
    const own = plainContent(header.value)
    return `{"name":${name.json},"name_encoding":"${name.encoding}",${fieldOf('value', own)}}`
  })
  const fields = [
    `{"topic":${JSON.stringify(topic)}`,
    `"partition":${partition}`,
    `"offset":"${record.offset}"`,
    `"timestamp":"${record.timestamp}"`,
    fieldOf('key', key),
    fieldOf('value', value),
    `"headers":[${headers.join(',')}]}`,
  ]
  return `${safeJson(fields.join(','))}\n`
}

function fieldOf(name: string, { json, encoding }: ShownContent): string {
  return `"${name}":${json},"${name}_encoding":${encoding === null ? 'null' : `"${encoding}"`}`
}
