import { expressionPieces } from './expression-pieces.ts'
import { isExpression } from './topic-expression.ts'

/**
 * The patterns of a text with commas. Inside an expression a comma in brackets belongs to it, so that `~a{1,2}` and
 * `~(a{1,2}|[b,c])` are one pattern each.
 */
export function splitTopicPatterns(text: string): readonly string[] {
  const patterns: string[] = []
  let rest = text.trimStart()
  while (rest !== '') {
    const end = isExpression(rest) ? expressionEnd(rest) : nameEnd(rest)
    patterns.push(rest.slice(0, end).trimEnd())
    rest = rest.slice(end + 1).trimStart()
  }
  return patterns
}

function nameEnd(text: string): number {
  const at = text.indexOf(',')
  return at < 0 ? text.length : at
}

function expressionEnd(text: string): number {
  let depth = 0
  let at = 0
  for (const piece of expressionPieces(text)) {
    if (piece === ',' && depth === 0) return at
    if (piece === '(') depth++
    if (piece === ')') depth = Math.max(0, depth - 1)
    at += piece.length
  }
  return at
}
