import { RE2JS, RE2JSException } from 're2js'
import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { KafkaRecord } from '../protocol/record.ts'
import { LIMITS } from '../runtime/limits.ts'

/** Where a pattern is looked for. */
export type SearchedPart = 'key' | 'value' | 'headers'

/** What a record must have; what is absent asks for nothing. */
export interface RecordCriteria {
  /** The whole key, as text. */
  readonly key?: string | undefined
  /** Each of them must be there: a name, and its whole value as text. */
  readonly headers: readonly { readonly name: string; readonly value: string }[]
  /** A text, or after a tilde a regular expression (RE2), somewhere in one of the parts. */
  readonly pattern?: string | undefined
  /** Parts that the pattern is looked for in. */
  readonly searched: readonly SearchedPart[]
}

const EXPRESSION_MARK = '~'

/**
 * A test of records. Its time is linear in what it looks at, whatever the pattern: texts are compared as bytes, and expressions
 * run on automata that do not backtrack.
 * @throws KB_USAGE for an expression that is none, or too large
 */
export function recordTest({
  key,
  headers,
  pattern,
  searched,
}: RecordCriteria): (record: KafkaRecord) => boolean {
  const keyBytes = key === undefined ? undefined : Buffer.from(key)
  const wanted = headers.map(({ name, value }) => ({ name: Buffer.from(name), value: Buffer.from(value) }))
  const isIn = pattern === undefined ? undefined : bytesTest(pattern)
  const isFound = (record: KafkaRecord): boolean => {
    if (!isIn) return true
    if (searched.includes('key') && record.key && isIn(record.key)) return true
    if (searched.includes('value') && record.value && isIn(record.value)) return true
    return searched.includes('headers') && record.headers.some(({ value }) => value !== null && isIn(value))
  }
  return (record) =>
    (keyBytes === undefined || record.key?.equals(keyBytes) === true) &&
    wanted.every(({ name, value }) =>
      record.headers.some((own) => own.nameBytes.equals(name) && own.value?.equals(value) === true),
    ) &&
    isFound(record)
}

function bytesTest(pattern: string): (bytes: Buffer) => boolean {
  if (pattern === '' || pattern.length > LIMITS.recordPatternMaxLength) {
    throw new KafkaBackupError(
      'KB_USAGE',
      `a pattern has 1 to ${LIMITS.recordPatternMaxLength} characters, not ${pattern.length}`,
    )
  }
  if (!pattern.startsWith(EXPRESSION_MARK)) {
    const wanted = Buffer.from(pattern)
    return (bytes) => bytes.includes(wanted)
  }
  const expression = compiled(pattern.slice(EXPRESSION_MARK.length))
  if (expression.programSize() > LIMITS.recordPatternMaxSteps) {
    throw new KafkaBackupError(
      'KB_USAGE',
      `an expression has at most ${LIMITS.recordPatternMaxSteps} steps, not ${expression.programSize()}`,
    )
  }
  return (bytes) => expression.test(bytes)
}

function compiled(source: string): RE2JS {
  try {
    return RE2JS.compile(source)
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error
    throw new KafkaBackupError('KB_USAGE', `"${source}" is no regular expression: ${error.message}`, {
      cause: error,
    })
  }
}
