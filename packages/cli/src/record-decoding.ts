import { KafkaBackupError } from '@kafka-backup/core/errors'
import { decodeGroupKey, decodeGroupValue } from '@kafka-backup/core/read'
import { compactJson } from './render/compact-json.ts'
import { groupKeyDocument, groupValueDocument } from './render/group-record-document.ts'
import { plainContent, type ShownContent } from './render/record-document.ts'

/** Key and value of a record as they are shown. */
export interface DecodedContent {
  readonly key: ShownContent
  readonly value: ShownContent
}

/** What the bytes of keys and values are read as. */
export type RecordDecoding = (content: {
  readonly key: Buffer | null
  readonly value: Buffer | null
}) => DecodedContent

/** As text, or as base64. */
export const plainDecoding: RecordDecoding = ({ key, value }) => {
  return { key: plainContent(key), value: plainContent(value) }
}

/** As JSON documents where they are some. */
const jsonDecoding: RecordDecoding = ({ key, value }) => ({
  key: jsonContent(key),
  value: jsonContent(value),
})

/** As records of `__consumer_offsets`. A record without a key is none. */
const groupDecoding: RecordDecoding = ({ key, value }) => {
  if (key === null) return plainDecoding({ key, value })
  const decodedKey = decodeGroupKey(key)
  return {
    key: documentContent(groupKeyDocument(decodedKey, key)),
    value:
      value === null
        ? plainContent(null)
        : documentContent(groupValueDocument(decodeGroupValue(decodedKey, value), value)),
  }
}

/** The decoding that was asked for; undefined: none. @throws KB_USAGE */
export function decodingOf(asked: unknown): RecordDecoding | undefined {
  if (asked === undefined) return
  if (asked === 'json') return jsonDecoding
  if (asked === 'consumer-offsets') return groupDecoding
  throw new KafkaBackupError('KB_USAGE', `--decode takes json or consumer-offsets, not "${asked}"`)
}

function jsonContent(bytes: Buffer | null): ShownContent {
  const json = bytes === null ? undefined : compactJson(bytes)
  return json === undefined ? plainContent(bytes) : { json, encoding: 'json' }
}

function documentContent(document: object): ShownContent {
  return { json: JSON.stringify(document), encoding: 'consumer-offsets' }
}
