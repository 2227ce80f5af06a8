const SCHEME_PATTERN = /^([a-z][a-z0-9+.-]*):/i

/** What other programs call the same stores. */
const ALIASES: Readonly<Record<string, string>> = { s3a: 's3', az: 'azure', gcs: 'gs' }

/** A location cut behind its scheme. */
export interface SchemedLocation {
  /** In lower case, as this program names the store: `gs` for `gcs`. */
  readonly scheme: string
  /** As it was written. */
  readonly written: string
  /** Everything behind the colon. */
  readonly rest: string
}

/** The scheme of a location; undefined for a plain path. */
export function splitScheme(location: string): SchemedLocation | undefined {
  const written = SCHEME_PATTERN.exec(location)?.[1]
  if (written === undefined) return undefined
  const scheme = written.toLowerCase()
  const known = Object.hasOwn(ALIASES, scheme) ? ALIASES[scheme] : undefined
  return { scheme: known ?? scheme, written: scheme, rest: location.slice(written.length + 1) }
}

/** True when an element of the path of a location is `.` or `..`, which a parser of URLs would quietly resolve. */
export function hasDotElements(rest: string): boolean {
  const path = rest.replace(/[?#].*$/s, '').replaceAll(/%2e/gi, '.')
  return path.split(/[/\\]/).some((element) => element === '.' || element === '..')
}
