import { renderJson } from './json-document.ts'

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** Words that are no text to some reader of YAML, and what looks like a number, a date or a mark. */
const PLAIN = /^[A-Za-z_][A-Za-z0-9_./-]*$/
const NO_TEXT = /^(?:y|n|yes|no|on|off|true|false|null|nan|inf)$/i

/** What `renderJson` prints, as YAML: the same fields and values, readable by YAML 1.1 and 1.2. */
export function renderYaml(document: unknown): string {
  const lines = linesOf(JSON.parse(renderJson(document)) as Json)
  return lines.join('\n')
}

/** A value in lines, as it stands below what holds it. */
function linesOf(value: Json): string[] {
  if (value === null || typeof value !== 'object') return [scalar(value)]
  if (Array.isArray(value)) {
    const entries = value as readonly Json[]
    return entries.length === 0 ? ['[]'] : entries.flatMap((entry) => below('- ', linesOf(entry)))
  }
  const fields = Object.entries(value)
  if (fields.length === 0) return ['{}']
  return fields.flatMap(([key, entry]) => {
    const own = linesOf(entry)
    const isBlock = entry !== null && typeof entry === 'object' && Object.keys(entry).length > 0
    if (!isBlock) return [`${scalar(key)}: ${own[0]}`]
    return [`${scalar(key)}:`, ...own.map((line) => `  ${line}`)]
  })
}

function below(mark: string, lines: readonly string[]): string[] {
  return lines.map((line, at) => `${at === 0 ? mark : '  '}${line}`)
}

function scalar(value: string | number | boolean | null): string {
  if (typeof value !== 'string') return String(value)
  return PLAIN.test(value) && !NO_TEXT.test(value) ? value : quoted(value)
}

/** Double quotes of YAML are those of JSON, but that readers differ on what may stand in them as it is. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0
    return code > 0xffff
      ? `\\U${code.toString(16).padStart(8, '0')}`
      : `\\u${code.toString(16).padStart(4, '0')}`
  })
}
