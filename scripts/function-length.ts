import { lineAt } from './source-scan.ts'

/**
 * A function with a body in braces. `lines` counts from the line of its parameters to its closing brace, without the
 * groups of tests inside it.
 */
export interface MeasuredFunction {
  readonly name: string
  readonly line: number
  readonly lines: number
}

interface Span {
  readonly open: number
  readonly end: number
  readonly isGroup: boolean
}

// What is passed to these only holds tests together; its length says nothing about any of them.
const GROUP_WORDS = new Set(['describe', 'suite'])
const CONTROL_WORDS = new Set(['if', 'for', 'while', 'switch', 'catch', 'with', 'await', 'return'])
const CLOSING: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' }

/**
 * Functions, methods and arrow functions of masked source text (see `maskInert`). It goes by brackets, not by grammar:
 * a body is a brace behind a parameter list, with or without a return type or an arrow in between. Arrow functions
 * without a body in braces are not seen, nor are those with one parameter without parentheses (the formatter adds them).
 */
export function measureFunctions(masked: string): readonly MeasuredFunction[] {
  const spans = findSpans(masked, matchBrackets(masked))
  const groups = spans.filter((span) => span.isGroup)
  const countLines = (span: Span) => lineAt(masked, span.end) - lineAt(masked, span.open) + 1
  return spans
    .filter((span) => !span.isGroup)
    .map((span) => {
      const inside = outermost(groups.filter((group) => span.open < group.open && group.end < span.end))
      const grouped = inside.reduce((sum, group) => sum + countLines(group), 0)
      const name = nameBefore(masked, span.open) || '(anonymous)'
      return { name, line: lineAt(masked, span.open), lines: countLines(span) - grouped }
    })
}

function findSpans(masked: string, brackets: Brackets): Span[] {
  const spans: Span[] = []
  for (const [open, close] of brackets.closing) {
    if (masked[open] !== '(' || CONTROL_WORDS.has(nameBefore(masked, open))) continue
    const body = findBody(masked, close + 1, brackets.closing)
    const end = body === undefined ? undefined : brackets.closing.get(body)
    if (end === undefined) continue
    const parent = brackets.parents.get(open) ?? -1
    const isGroup = masked[parent] === '(' && GROUP_WORDS.has(nameBefore(masked, parent))
    spans.push({ open, end, isGroup })
  }
  return spans.sort((a, b) => a.open - b.open)
}

function outermost(spans: readonly Span[]): readonly Span[] {
  return spans.filter((span) => !spans.some((other) => other.open < span.open && span.end < other.end))
}

/** Positions: of the closing bracket by the opening one, and of the bracket around it by the opening one. */
interface Brackets {
  readonly closing: ReadonlyMap<number, number>
  readonly parents: ReadonlyMap<number, number>
}

function matchBrackets(masked: string): Brackets {
  const closing = new Map<number, number>()
  const parents = new Map<number, number>()
  const open: number[] = []
  for (let at = 0; at < masked.length; at++) {
    const char = masked[at] ?? ''
    if ('([{'.includes(char)) {
      parents.set(at, open.at(-1) ?? -1)
      open.push(at)
    } else if (char in CLOSING && masked[open.at(-1) ?? -1] === CLOSING[char]) {
      closing.set(open.pop() ?? -1, at)
    }
  }
  return { closing, parents }
}

/** The word before a parameter list, behind which type parameters may stand. */
function nameBefore(masked: string, open: number): string {
  const before = masked.slice(Math.max(0, open - 200), open).replace(/<[^<>()]*>\s*$/, '')
  const name = /(#?[\w$]+)\s*$/.exec(before)?.[1] ?? ''
  return name === 'async' ? '' : name
}

/** Position of the brace that begins the body, seen from behind the parameter list. */
function findBody(masked: string, from: number, closing: ReadonlyMap<number, number>): number | undefined {
  const begin = skipSpace(masked, from)
  if (masked[begin] === '{') return begin
  if (masked.startsWith('=>', begin)) return braceAt(masked, begin + 2)
  return masked[begin] === ':' ? findBodyAfterType(masked, begin + 1, closing) : undefined
}

/**
 * Reads a return type. A brace that follows an operator of types belongs to the type; any other one begins the body. A
 * line that ends the type without either was no function: a conditional expression, a case label, a signature.
 */
function findBodyAfterType(
  masked: string,
  from: number,
  closing: ReadonlyMap<number, number>,
): number | undefined {
  let before = ':'
  for (let at = from; at < masked.length; at++) {
    const char = masked[at] ?? ''
    if (masked.startsWith('=>', at)) return braceAt(masked, at + 2)
    if (char === '{' && !isTypeAhead(masked, at, before)) return at
    if ('([{'.includes(char)) {
      at = closing.get(at) ?? masked.length
      before = ')'
    } else if (char === '\n') {
      if (!':|&<,'.includes(before) && !/^\s*[|&>]/.test(masked.slice(at, at + 200))) return undefined
    } else if (/[;,)\]}=]/.test(char) && !isInTypeArguments(masked.slice(from, at))) return undefined
    else if (!/\s/.test(char)) before = char
  }
  return undefined
}

function isTypeAhead(masked: string, at: number, before: string): boolean {
  if (':|&<,'.includes(before)) return true
  return /\b(?:is|extends|keyof|readonly|asserts)\s*$/.test(masked.slice(Math.max(0, at - 12), at))
}

function isInTypeArguments(type: string): boolean {
  const depth = (type.match(/</g)?.length ?? 0) - (type.replaceAll('=>', '').match(/>/g)?.length ?? 0)
  return depth > 0
}

function braceAt(masked: string, from: number): number | undefined {
  const at = skipSpace(masked, from)
  return masked[at] === '{' ? at : undefined
}

function skipSpace(masked: string, from: number): number {
  let at = from
  while (/\s/.test(masked[at] ?? '')) at++
  return at
}
