/** The values of the process environment, or of a test. */
export type Environment = Readonly<Record<string, string | undefined>>

/** What became of a text: the text, or what is wrong with it. */
export type Interpolated =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'unset'; readonly variable: string }
  | { readonly kind: 'malformed' }

const REFERENCE = /\$?\$\{(?:([^{}]*)\})?/g
const CONTENT = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s

/**
 * Replaces `${NAME}` and `${NAME:-default}` (for a variable that is unset or empty); `$${` stands for a literal `${`.
 * Works on values that were parsed already, and once: what a variable holds is neither YAML nor interpolated again.
 */
export function interpolate(text: string, environment: Environment): Interpolated {
  let failure: Interpolated | undefined
  const replaced = text.replaceAll(REFERENCE, (whole: string, content: string | undefined) => {
    if (whole.startsWith('$$')) return whole.slice(1)
    const [, name, fallback] = CONTENT.exec(content ?? '') ?? []
    if (name === undefined) {
      failure ??= { kind: 'malformed' }
      return ''
    }
    const value = readVariable(environment, name)
    if (fallback !== undefined) return value || fallback
    if (value === undefined) failure ??= { kind: 'unset', variable: name }
    return value ?? ''
  })
  return failure ?? { kind: 'text', text: replaced }
}

/** A variable by its own name only: an object also answers to `constructor`. */
export function readVariable(environment: Environment, name: string): string | undefined {
  return Object.hasOwn(environment, name) ? environment[name] : undefined
}
