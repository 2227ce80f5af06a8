import { basename } from 'node:path'
import { measureFunctions } from './function-length.ts'
import type { TextFile } from './repository-files.ts'
import { findInert, lineAt, maskInert } from './source-scan.ts'
import { BANNED_WORDS, FUNCTION_EXCEPTIONS, LIMITS } from './tidy-limits.ts'

/** Something to correct. `line` is left out when the whole file is meant. */
export interface Finding {
  readonly path: string
  readonly line?: number
  readonly text: string
}

/** A file with its masked code; both are empty of meaning for files that are no code. */
interface Source extends TextFile {
  readonly code: string
  readonly comments: string
}

const CODE_PATTERN = /\.(?:[cm]?[jt]s|java)$/
const SCRIPT_PATTERN = /\.[cm]?[jt]s$/
const SOURCE_PATTERN = /^packages\/[^/]+\/src\//
const WORDED_PATTERN = /^(?:packages|docs)\//
const EMPTY_NAMES = ['utils', 'helpers', 'common', 'misc', 'types']

const TODO_PATTERN = /\b(?:TODO|FIXME|XXX)\b(?!\s*[(:]?\s*#\d)/g
const ONLY_PATTERN = /\b(?:test|it|describe|suite)\s*\.\s*(?:only|skip)\s*\(/g
const DEFAULT_PATTERN = /\bexport\s+default\b|\bas\s+default\b/g
const CONSOLE_PATTERN = /(?<![.\w$#])console\s*\.\s*\w+/g
const MACHINE_PATTERN = /(?<![\w.~})*-])\/(?:work|root|home)\/[\w.-]*/g
// By the names that registries go by, so that none has to be named here.
const REGISTRY_PATTERN =
  /\bhttps?:\/\/(?:[\w-]+\.)*(?:registry|npmjs|npm|yarnpkg|pypi|pythonhosted|crates|goproxy|proxy|artifactory|nexus|repo1?)\.[\w.-]+/gi
const LOCK_PATTERN = /"resolved": "(?!packages\/|enterprise")[^"]*"/g

/** Everything in one file that breaks a house rule. */
export function inspectFile(file: TextFile): readonly Finding[] {
  const source = readSource(file)
  const found = [
    ...fileLength(source),
    ...functionLengths(source),
    ...emptyName(source),
    ...bannedWords(source),
    ...matches(source, 'comments', TODO_PATTERN, (found) => `${found} without an issue number, as in (#12)`),
    ...matches(source, 'text', MACHINE_PATTERN, (found) => `path of one machine: ${found}`),
    ...matches(source, 'text', REGISTRY_PATTERN, (found) => `address of a registry: ${found}`),
  ]
  if (basename(file.path) === 'package-lock.json') {
    found.push(...matches(source, 'text', LOCK_PATTERN, () => 'the lock file holds an address ("resolved")'))
  }
  if (SCRIPT_PATTERN.test(file.path)) found.push(...codeHabits(source))
  return found
}

/** Lines of a text; a newline at the end begins no line. */
export function countLines(text: string): number {
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
}

/** The middle of the lengths of all files in packages/*\/src; 0 when there is none. */
export function medianSourceLines(files: readonly TextFile[]): number {
  const lengths = files
    .filter(({ path }) => SOURCE_PATTERN.test(path) && SCRIPT_PATTERN.test(path))
    .map(({ text }) => countLines(text))
    .sort((a, b) => a - b)
  const middle = lengths.length / 2
  return ((lengths[Math.floor(middle - 0.5)] ?? 0) + (lengths[Math.floor(middle)] ?? 0)) / 2
}

/** Long files that are still allowed. */
export function longFiles(files: readonly TextFile[]): readonly Finding[] {
  return files
    .filter(({ path }) => CODE_PATTERN.test(path))
    .map(({ path, text }) => ({ path, lines: countLines(text) }))
    .filter(({ lines }) => lines > LIMITS.fileLinesSoft && lines <= LIMITS.fileLinesHard)
    .map(({ path, lines }) => ({
      path,
      text: `${lines} lines; above ${LIMITS.fileLinesSoft} look for a split`,
    }))
}

function readSource(file: TextFile): Source {
  if (!CODE_PATTERN.test(file.path)) return { ...file, code: '', comments: '' }
  const inert = findInert(file.text)
  const comments = inert.filter(({ kind }) => kind === 'comment')
  return { ...file, code: maskInert(file.text, inert), comments: keepOnly(file.text, comments) }
}

/** The text with everything but the given stretches blanked. */
function keepOnly(text: string, kept: readonly { readonly begin: number; readonly end: number }[]): string {
  const pieces: string[] = []
  let at = 0
  for (const { begin, end } of kept) {
    pieces.push(text.slice(at, begin).replace(/[^\n]/g, ' '), text.slice(begin, end))
    at = end
  }
  return pieces.join('')
}

function fileLength({ path, text }: Source): Finding[] {
  const lines = countLines(text)
  if (!CODE_PATTERN.test(path) || lines <= LIMITS.fileLinesHard) return []
  return [{ path, text: `${lines} lines, at most ${LIMITS.fileLinesHard} are allowed` }]
}

function functionLengths({ path, code }: Source): Finding[] {
  if (!SCRIPT_PATTERN.test(path)) return []
  return measureFunctions(code)
    .filter(({ lines }) => lines > LIMITS.functionLinesHard)
    .filter(({ name }) => !FUNCTION_EXCEPTIONS.some((row) => row.file === path && row.name === name))
    .map(({ name, line, lines }) => ({
      path,
      line,
      text: `function ${name} has ${lines} lines, at most ${LIMITS.functionLinesHard} are allowed`,
    }))
}

function emptyName({ path }: Source): Finding[] {
  const named = path.split('/').map((part) => part.replace(/(?:\.test)?\.\w+$/, ''))
  const empty = CODE_PATTERN.test(path) ? named.find((part) => EMPTY_NAMES.includes(part)) : undefined
  return empty === undefined ? [] : [{ path, text: `"${empty}" names nothing: name the one concept inside` }]
}

function bannedWords(source: Source): Finding[] {
  if (!WORDED_PATTERN.test(source.path)) return []
  let { text } = source
  // The one place where the word belongs.
  if (basename(source.path) === 'package.json') text = text.replace(/"license": "Apache-2\.0"/g, '')
  return BANNED_WORDS.flatMap((pattern) =>
    matches(
      { ...source, text },
      'text',
      pattern,
      (found) => `"${found}" has no place in packages/ and docs/`,
    ),
  )
}

function codeHabits(source: Source): Finding[] {
  const found = matches(source, 'code', DEFAULT_PATTERN, () => 'default export: name it')
  if (isTest(source.path)) {
    found.push(
      ...matches(source, 'code', ONLY_PATTERN, (hit) => `${hit.replace(/\s*\($/, '')} left in a test`),
    )
  }
  if (SOURCE_PATTERN.test(source.path)) {
    found.push(
      ...matches(source, 'code', CONSOLE_PATTERN, (hit) => `${hit}: tell it by an event or a result`),
    )
  }
  return found
}

function isTest(path: string): boolean {
  return /^(?:packages\/[^/]+\/test|packages\/testkit\/src\/conformance|tests)\/|\.test\.[jt]s$/.test(path)
}

function matches(
  source: Source,
  part: 'text' | 'code' | 'comments',
  pattern: RegExp,
  describe: (found: string) => string,
): Finding[] {
  const text = part === 'comments' && !CODE_PATTERN.test(source.path) ? '' : source[part]
  return [...text.matchAll(pattern)].map((match) => ({
    path: source.path,
    line: lineAt(text, match.index),
    text: describe(match[0]),
  }))
}
