import { suggest } from '../runtime/suggestion.ts'
import { invalidLocation } from './location-errors.ts'
import { CREDENTIAL_NAMES } from './storage-credentials.ts'

// Names that people give to secrets; a location is printed, so it takes none of them.
const SECRET_NAMES: readonly string[] = [
  ...CREDENTIAL_NAMES,
  'access_key_id',
  'secret_access_key',
  'password',
  'token',
]

/**
 * The parameters of a location by name. Refuses what the scheme does not know, what is said twice, and accounts and
 * fragments. @throws KB_LOCATION_INVALID, which names parameters but never their values
 */
export function readLocationQuery(url: URL, known: readonly string[]): ReadonlyMap<string, string> {
  if (url.username !== '' || url.password !== '') {
    const hint =
      'Remove the part before the @; keys are settings of storage, or variables of the environment.'
    throw invalidLocation(url.href, 'it takes no account', hint)
  }
  if (url.hash !== '' || url.href.endsWith('#')) {
    throw invalidLocation(url.href, 'it has a #', 'Write a literal # as %23.')
  }
  const parameters = new Map<string, string>()
  for (const [name, value] of url.searchParams) {
    if (!known.includes(name)) throw unknownParameter(url, name, known)
    if (parameters.has(name)) throw invalidLocation(url.href, `${name} is there twice`, 'Keep one of them.')
    if (value === '') throw invalidLocation(url.href, `${name} is empty`, 'Give it a value, or leave it out.')
    parameters.set(name, value)
  }
  return parameters
}

/** A parameter that is `true` or `false`; undefined when it is absent. @throws KB_LOCATION_INVALID */
export function booleanParameter(
  url: URL,
  parameters: ReadonlyMap<string, string>,
  name: string,
): boolean | undefined {
  const value = parameters.get(name)
  if (value === undefined) return undefined
  if (value === 'true' || value === 'false') return value === 'true'
  throw invalidLocation(url.href, `${name} is neither true nor false`, `Write ${name}=true or leave it out.`)
}

/**
 * The path of a location below a bucket or container, decoded: `a/b` of `/a/b/`, or nothing.
 * @throws KB_LOCATION_INVALID
 */
export function prefixOfPath(url: URL): string {
  let path: string
  try {
    path = decodeURIComponent(url.pathname)
  } catch {
    throw invalidLocation(url.href, 'its percent-encoding is malformed', 'Write a literal % as %25.')
  }
  const elements = path.replace(/^\//, '').replace(/\/$/, '').split('/')
  if (elements.length === 1 && elements[0] === '') return ''
  const isPlain = elements.every((element) => element !== '' && element !== '.' && element !== '..')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (!isPlain || /[\u0000-\u001f\u007f\\]/.test(path)) {
    throw invalidLocation(
      url.href,
      'its path has an element that is empty, . or .., or an odd character',
      'Write the folder like bucket/backups/prod.',
    )
  }
  return elements.join('/')
}

/** The same elements as they stand in a URL. */
export function encodedPath(prefix: string): string {
  return prefix.split('/').map(encodeURIComponent).join('/')
}

/** The query of a location with its question mark; nothing when there are no parameters. */
export function encodedQuery(parameters: Iterable<readonly [string, string]>): string {
  const text = new URLSearchParams(Object.fromEntries(parameters)).toString()
  // Colons and slashes mean nothing special in a query, and an address is easier to read with them.
  return text === '' ? '' : `?${text.replaceAll('%3A', ':').replaceAll('%2F', '/')}`
}

function unknownParameter(url: URL, name: string, known: readonly string[]): Error {
  if (SECRET_NAMES.includes(name.toLowerCase())) {
    return invalidLocation(
      url.href,
      `${name} does not belong into a location, which is printed`,
      `Set storage.${name} in the file, or a variable of the environment; see docs/configuration.md.`,
    )
  }
  const better = suggest(name, known)
  const hint = better === undefined ? `It takes ${known.join(', ')}.` : `Did you mean ${better}?`
  return invalidLocation(url.href, `unknown parameter ${name.slice(0, 60)}`, hint)
}
