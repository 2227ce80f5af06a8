import { RE2JS, RE2JSException, RE2JSSyntaxException } from 're2js'
import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { LIMITS } from '../runtime/limits.ts'
import { expressionPieces } from './expression-pieces.ts'

/** What tells a regular expression from a name or a glob; no topic name holds it. */
export const EXPRESSION_MARK = '~'

// Letters and digits, the rest of a topic name, and what has a meaning in expressions.
const USEFUL = /[A-Za-z0-9._\-*+?()[\]{}|^$\\,:=!<>]/

export function isExpression(pattern: string): boolean {
  return pattern.startsWith(EXPRESSION_MARK)
}

/**
 * A test for the whole of a name, in time linear in the name whatever the expression is.
 * @throws KB_CONFIG_INVALID
 */
export function compileExpression(pattern: string): (name: string) => boolean {
  const complaint = expressionComplaint(pattern)
  if (complaint !== undefined) throw new KafkaBackupError('KB_CONFIG_INVALID', `a topic pattern ${complaint}`)
  const expression = RE2JS.compile(withoutMark(pattern))
  return (name) => expression.testExact(name)
}

/** Says what a pattern with the mark must be, or nothing. Does not repeat the pattern, which may be a secret. */
export function expressionComplaint(pattern: string): string | undefined {
  if (pattern.length > LIMITS.topicExpressionMaxLength) {
    return `must be a regular expression of at most ${LIMITS.topicExpressionMaxLength} characters`
  }
  const source = withoutMark(pattern)
  if (source === '') return `must have a regular expression after the ${EXPRESSION_MARK}`
  const uselessAt = [...source].findIndex((character) => !USEFUL.test(character))
  if (uselessAt >= 0) return invalid('no topic name has this', uselessAt)
  const repeatAt = excessiveRepeatAt(source)
  if (repeatAt !== undefined) {
    return invalid(`more repetitions than ${LIMITS.topicExpressionMaxRepeat}`, repeatAt)
  }
  const result = tryCompile(source)
  if (typeof result === 'string') return invalid(result, faultAt(source, result))
  return result.programSize() > LIMITS.topicExpressionMaxSteps
    ? `must be a regular expression of at most ${LIMITS.topicExpressionMaxSteps} steps (this has ${result.programSize()})`
    : undefined
}

/** The character is counted from 1, the mark included. */
function invalid(reason: string, sourceAt: number): string {
  const character = sourceAt + EXPRESSION_MARK.length + 1
  return `must be a valid regular expression (at character ${character}: "${reason}")`
}

function withoutMark(pattern: string): string {
  return pattern.slice(EXPRESSION_MARK.length)
}

/** The compiled expression, or the reason why there is none. */
function tryCompile(source: string): RE2JS | string {
  try {
    return RE2JS.compile(source)
  } catch (error) {
    if (error instanceof RE2JSSyntaxException) return error.error
    if (error instanceof RE2JSException) return 'not understood'
    throw error
  }
}

/** Where the longest beginning without this fault ends: the library does not say where a fault is. */
function faultAt(source: string, reason: string): number {
  let end = source.length - 1
  while (end > 0 && tryCompile(source.slice(0, end)) === reason) end--
  return end
}

function excessiveRepeatAt(source: string): number | undefined {
  let at = 0
  for (const piece of expressionPieces(source)) {
    const counts = /^\{([0-9]+),?([0-9]*)\}$/.exec(piece)?.slice(1) ?? []
    if (counts.some((count) => Number(count) > LIMITS.topicExpressionMaxRepeat)) return at
    at += piece.length
  }
  return
}
