import { isBuiltin } from 'node:module'
import { posix } from 'node:path'

/**
 * The folders of packages/core/src, row by row: a folder imports from rows above its own. The right column lists what a
 * folder may import from its own row besides itself.
 */
const CORE_ROWS: readonly Readonly<Record<string, readonly string[]>>[] = [
  { errors: [], runtime: ['errors'], events: ['errors', 'runtime'] },
  { protocol: [] },
  { kafka: [], storage: [] },
  { format: [] },
  { repository: [] },
  { backup: [], restore: [], offsets: [], verify: [] },
  { compact: [], read: [] },
  { config: [], observe: [], plugin: ['config', 'observe'] },
]

/** The doors of the core package; they may import all of it, and nothing in it imports them. */
const CORE_DOORS = ['index.ts', 'internal.ts']
/** The parts of index.ts, one for each file: who needs one verb does not load the others. */
const DOOR_FOLDER = 'doors'

const CORE_NAME = '@kafka-backup/core'
/** With or without the name of a door. */
const CORE_SPECIFIER = /^@kafka-backup\/core(?:\/[a-z-]+)?$/
const WORKSPACE_PATTERN = /^(@kafka-backup\/[^/]+|kafka-backup)(\/|$)/

/** Packages whose `src` may import the core package. Core itself imports no other package of this workspace. */
const PACKAGES_ON_CORE = ['cli', 'testkit']

/** Folders of core that only compute. */
const PURE_FOLDERS = ['protocol', 'format']
const PURE_BUILTINS = ['buffer', 'crypto', 'util', 'zlib']
const IO_PACKAGES = ['@platformatic/kafka']

/** What is wrong with an import, as "imports X: rule" without the place; undefined when nothing is. */
export function judgeImport(file: string, specifier: string | null): string | undefined {
  const rule = file.startsWith('packages/') ? ruleOfPackageFile(file, specifier) : undefined
  return rule === undefined ? undefined : `imports ${specifier ?? 'a computed name'}: ${rule}`
}

/** True for files that are tests, and so may reach for anything inside the workspace. */
export function isTestFile(file: string): boolean {
  return /^packages\/[^/]+\/test\//.test(file) || /\.test\.[jt]s$/.test(file)
}

function ruleOfPackageFile(file: string, specifier: string | null): string | undefined {
  const target = specifier === null ? '' : resolveRelative(file, specifier)
  if (/(^|[/@])enterprise(\/|$)/.test(target)) return 'nothing under packages/ imports enterprise'
  if (isTestFile(file)) return undefined
  if (specifier === null) return 'a package imports by literal name only'
  return isRelative(specifier) ? ruleOfRelative(file, target) : ruleOfNamed(file, specifier)
}

function ruleOfRelative(file: string, target: string): string | undefined {
  const home = packageFolder(file)
  if (!target.startsWith(`${home}/`)) return 'a relative import stays inside its package'
  if (target.startsWith(`${home}/test/`) || isTestFile(target)) return 'only tests import tests'
  return file.startsWith('packages/core/src/') ? ruleOfCore(file, target) : undefined
}

function ruleOfNamed(file: string, specifier: string): string | undefined {
  if (WORKSPACE_PATTERN.test(specifier)) return ruleOfWorkspaceName(file, specifier)
  const folder = coreFolder(file)
  if (folder === undefined || !PURE_FOLDERS.includes(folder)) return undefined
  if (isBuiltin(specifier)) {
    const isPure = PURE_BUILTINS.includes(specifier.replace(/^node:/, ''))
    return isPure ? undefined : `${folder} does no I/O (of Node only ${PURE_BUILTINS.join(', ')})`
  }
  const isIo = IO_PACKAGES.some((name) => specifier === name || specifier.startsWith(`${name}/`))
  return isIo ? `${folder} does no I/O` : undefined
}

function ruleOfWorkspaceName(file: string, specifier: string): string | undefined {
  const home = packageFolder(file)
  if (home === 'packages/core') return 'core imports no other package of the workspace, nor itself by name'
  const isKnown = PACKAGES_ON_CORE.some((name) => home === `packages/${name}`)
  if (!isKnown) return `${home} is in no table of scripts/layer-rules.ts: add it there`
  return CORE_SPECIFIER.test(specifier)
    ? undefined
    : `of the workspace ${home} imports only ${CORE_NAME} and its doors`
}

function ruleOfCore(file: string, target: string): string | undefined {
  const from = coreFolder(file)
  const to = coreFolder(target)
  if (from === undefined) {
    const isDoor = CORE_DOORS.includes(posix.basename(file))
    return isDoor ? undefined : `a file directly in core/src is one of ${CORE_DOORS.join(', ')}`
  }
  if (to === undefined || to === DOOR_FOLDER)
    return 'inside core nothing imports index.ts, internal.ts, doors or what is outside src'
  if (from === DOOR_FOLDER) return undefined
  if (from === to) return undefined
  const fromRow = rowOf(from)
  const toRow = rowOf(to)
  const stranger = fromRow < 0 ? from : toRow < 0 ? to : undefined
  if (stranger !== undefined)
    return `core/src/${stranger} is in no row of scripts/layer-rules.ts: add it there`
  if (toRow < fromRow) return undefined
  if (toRow > fromRow) return `${from} is below ${to}: a folder imports only from rows above its own`
  const allowed = CORE_ROWS[fromRow]?.[from]?.includes(to) ?? false
  return allowed ? undefined : `${from} and ${to} are in one row and do not import each other`
}

function rowOf(folder: string): number {
  return CORE_ROWS.findIndex((row) => Object.hasOwn(row, folder))
}

/** `kafka` of `packages/core/src/kafka/cluster.ts`; undefined for files directly in `src` and outside it. */
function coreFolder(file: string): string | undefined {
  return /^packages\/core\/src\/([^/]+)\//.exec(file)?.[1]
}

function packageFolder(file: string): string {
  return file.split('/', 2).join('/')
}

function isRelative(specifier: string): boolean {
  return /^\.{0,2}\/|^\.{1,2}$|^file:/.test(specifier)
}

function resolveRelative(file: string, specifier: string): string {
  return specifier.startsWith('.') ? posix.join(posix.dirname(file), specifier) : specifier
}
