/** A stretch of source text that is no code. Half-open; a string includes its quotes, a template does not include `${…}`. */
export interface Inert {
  readonly kind: 'comment' | 'string' | 'template' | 'regex'
  readonly begin: number
  readonly end: number
}

/** One import, re-export or dynamic import. `specifier` is null when it is computed at run time. */
export interface ImportSite {
  readonly specifier: string | null
  readonly line: number
}

// A slash after one of these words begins a regular expression; after any other word it divides.
const WORDS_BEFORE_REGEX = new Set(
  'return typeof case in of delete void throw new do else instanceof await yield'.split(' '),
)

/** Finds everything in JavaScript, TypeScript or Java text that must not be taken for code. */
export function findInert(text: string): readonly Inert[] {
  return new Scanner(text).scan()
}

/** The text with comments and the insides of strings, templates and regular expressions blanked. Positions stay. */
export function maskInert(text: string, inert: readonly Inert[] = findInert(text)): string {
  const pieces: string[] = []
  let at = 0
  for (const { kind, begin, end } of inert) {
    // Quotes stay, so that the place of a string can still be seen.
    const inset = kind === 'string' && end - begin >= 2 ? 1 : 0
    pieces.push(text.slice(at, begin + inset), text.slice(begin + inset, end - inset).replace(/[^\n]/g, ' '))
    at = end - inset
  }
  return pieces.join('') + text.slice(at)
}

/** Line of a position, counted from 1. */
export function lineAt(text: string, position: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at >= 0 && at < position; at = text.indexOf('\n', at + 1)) line++
  return line
}

// In masked text a quote stands right behind the keyword, and nothing else than an import looks like that.
const IMPORT_PATTERN = /(?<![.\w$#])(?:from\s*(?=['"])|import\s*(?=['"])|import\s*\(\s*)(?<quote>['"`])?/g

/** Every import of a source text, `import type` and `import('…')` in types included. */
export function findImports(text: string): readonly ImportSite[] {
  const masked = maskInert(text)
  return [...masked.matchAll(IMPORT_PATTERN)].map((match) => {
    const quoteAt = match.index + match[0].length - 1
    const specifier = match.groups?.quote === undefined ? null : quotedText(text, masked, quoteAt)
    return { specifier, line: lineAt(text, match.index) }
  })
}

function quotedText(text: string, masked: string, quoteAt: number): string | null {
  const end = masked.indexOf(masked[quoteAt] ?? '', quoteAt + 1)
  const inside = text.slice(quoteAt + 1, end < 0 ? undefined : end)
  return inside.includes('${') ? null : inside
}

class Scanner {
  readonly #text: string
  readonly #found: Inert[] = []
  // For each open template: how many braces are open inside its current `${…}`.
  readonly #templates: number[] = []
  #at = 0
  #lastCodeAt = -1

  constructor(text: string) {
    this.#text = text
  }

  scan(): readonly Inert[] {
    if (this.#text.startsWith('#!')) this.#take('comment', this.#lineEnd())
    while (this.#at < this.#text.length) this.#step()
    return this.#found
  }

  #step(): void {
    const char = this.#text[this.#at] ?? ''
    const pair = this.#text.slice(this.#at, this.#at + 2)
    if (pair === '//') this.#take('comment', this.#lineEnd())
    else if (pair === '/*') this.#take('comment', this.#indexAfter('*/'))
    else if (char === "'" || char === '"') this.#takeString(char)
    else if (char === '`') this.#beginTemplate()
    else if (char === '/' && this.#isRegexAhead()) this.#takeRegex()
    else this.#stepCode(char)
  }

  #stepCode(char: string): void {
    const depth = this.#templates.at(-1)
    if (depth !== undefined && char === '{') this.#templates[this.#templates.length - 1] = depth + 1
    if (depth !== undefined && char === '}') {
      if (depth === 0) {
        this.#at++
        this.#takeTemplateText()
        return
      }
      this.#templates[this.#templates.length - 1] = depth - 1
    }
    if (!/\s/.test(char)) this.#lastCodeAt = this.#at
    this.#at++
  }

  #take(kind: Inert['kind'], end: number): void {
    this.#found.push({ kind, begin: this.#at, end })
    if (kind !== 'comment') this.#lastCodeAt = end - 1
    this.#at = end
  }

  #takeString(quote: string): void {
    let end = this.#at + 1
    while (end < this.#text.length && this.#text[end] !== quote && this.#text[end] !== '\n') {
      end += this.#text[end] === '\\' ? 2 : 1
    }
    this.#take('string', Math.min(this.#text[end] === quote ? end + 1 : end, this.#text.length))
  }

  #beginTemplate(): void {
    this.#at++
    this.#templates.push(0)
    this.#takeTemplateText()
  }

  #takeTemplateText(): void {
    let end = this.#at
    while (end < this.#text.length && this.#text[end] !== '`' && !this.#text.startsWith('${', end)) {
      end += this.#text[end] === '\\' ? 2 : 1
    }
    end = Math.min(end, this.#text.length)
    this.#take('template', end)
    const isOver = this.#text[end] !== '$'
    if (isOver) this.#templates.pop()
    this.#at = isOver ? end + 1 : end + 2
    // After `…` a slash divides; after `${` it begins a regular expression.
    this.#lastCodeAt = this.#at - 1
  }

  #takeRegex(): void {
    let end = this.#at + 1
    for (let isInClass = false; end < this.#text.length && this.#text[end] !== '\n'; end++) {
      const char = this.#text[end]
      if (char === '\\') end++
      else if (char === '[') isInClass = true
      else if (char === ']') isInClass = false
      else if (char === '/' && !isInClass) break
    }
    this.#take('regex', Math.min(end + 1, this.#text.length))
  }

  #isRegexAhead(): boolean {
    const before = this.#text.slice(Math.max(0, this.#lastCodeAt - 15), this.#lastCodeAt + 1)
    const word = /[\w$]+$/.exec(before)?.[0]
    if (word !== undefined) return WORDS_BEFORE_REGEX.has(word)
    return !/[)\]}'"`]$/.test(before)
  }

  #lineEnd(): number {
    const end = this.#text.indexOf('\n', this.#at)
    return end < 0 ? this.#text.length : end
  }

  #indexAfter(ending: string): number {
    const end = this.#text.indexOf(ending, this.#at + 2)
    return end < 0 ? this.#text.length : end + ending.length
  }
}
