import { createHash } from 'node:crypto'
import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { assertDocumentShape } from './document-shape.ts'

/** What canonical JSON can hold. A bigint is written as a bare integer (rendered documents only). */
export type JsonValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue | undefined }

/** Canonical form: sorted keys, no white space, integers only; undefined fields are left out. */
export function canonicalJson(value: JsonValue): string {
  if (typeof value === 'number') return canonicalNumber(value)
  if (typeof value === 'bigint') return value.toString()
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const fields = value as { readonly [key: string]: JsonValue | undefined }
  const members: string[] = []
  for (const key of Object.keys(fields).sort()) {
    const member = fields[key]
    if (member !== undefined) members.push(`${JSON.stringify(key)}:${canonicalJson(member)}`)
  }
  return `{${members.join(',')}}`
}

/** An array in a document whose entries are canonical text already, several at a time with commas between them. */
export class WrittenList {
  readonly texts: () => Iterable<string>

  /** `texts` is called for each pass over the document, and must give the same. */
  constructor(texts: () => Iterable<string>) {
    this.texts = texts
  }
}

/** Fields of a document that is too large to be held as one text. */
export interface LargeFields {
  readonly [key: string]: JsonValue | WrittenList | LargeFields | undefined
}

/** The canonical form piece by piece; lists as {@link WrittenList} gives them. */
export function* canonicalPieces(fields: LargeFields): Generator<string> {
  let before = '{'
  for (const key of Object.keys(fields).sort()) {
    const member = fields[key]
    if (member === undefined) continue
    yield `${before}${JSON.stringify(key)}:`
    before = ','
    if (member instanceof WrittenList) yield* listPieces(member)
    else if (isFields(member)) yield* canonicalPieces(member)
    else yield canonicalJson(member as JsonValue)
  }
  yield before === '{' ? '{}' : '}'
}

function* listPieces({ texts }: WrittenList): Generator<string> {
  let before = '['
  for (const text of texts()) {
    yield before
    yield text
    before = ','
  }
  yield before === '[' ? '[]' : ']'
}

function isFields(member: JsonValue | LargeFields): member is LargeFields {
  return member !== null && typeof member === 'object' && !Array.isArray(member)
}

/** Lower-case hex SHA-256. */
export function sha256Hex(...chunks: readonly (Uint8Array | string)[]): string {
  const hash = createHash('sha256')
  for (const chunk of chunks) hash.update(chunk)
  return hash.digest('hex')
}

/** Bytes of a document that is an object of its own: canonical form and one newline. */
export function encodeDocument(value: JsonValue): Buffer {
  return Buffer.from(`${canonicalJson(value)}\n`)
}

/** Adds `sha256`: the digest of the canonical form without that field. */
export function sealDocument(value: { readonly [key: string]: JsonValue | undefined }): Buffer {
  return encodeDocument({ ...value, sha256: sha256Hex(canonicalJson(value)) })
}

/** {@link sealDocument} piece by piece. */
export function* sealedPieces(fields: LargeFields): Generator<string> {
  const hash = createHash('sha256')
  for (const piece of canonicalPieces(fields)) hash.update(piece)
  yield* canonicalPieces({ ...fields, sha256: hash.digest('hex') })
  yield '\n'
}

/**
 * Parses bytes that must be in canonical form, so that no change of any bit can pass.
 * @throws Error (plain) with the reason; callers know which document it is and translate.
 */
export function parseCanonical(bytes: Uint8Array, hasNewline: boolean): Record<string, unknown> {
  assertDocumentShape(bytes)
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  const parsed: unknown = JSON.parse(text)
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) throw new Error('not an object')
  if (canonicalOrEmpty(parsed as JsonValue) + (hasNewline ? '\n' : '') !== text)
    throw new Error('not in canonical form')
  return parsed as Record<string, unknown>
}

/** A number that canonical JSON cannot hold is damage when it was read; only when we write it is it our defect. */
function canonicalOrEmpty(parsed: JsonValue): string {
  try {
    return canonicalJson(parsed)
  } catch {
    return ''
  }
}

/** Parses a sealed document and checks its own digest. @throws Error (plain) with the reason. */
export function parseSealed(bytes: Uint8Array): Record<string, unknown> {
  const { sha256, ...rest } = parseCanonical(bytes, true)
  if (sha256 !== sha256Hex(canonicalJson(rest as JsonValue))) throw new Error('its own SHA-256 differs')
  return rest
}

function canonicalNumber(value: number): string {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
    throw new KafkaBackupError('KB_INTERNAL', `not a safe integer in a document: ${value}`)
  }
  return String(value)
}
