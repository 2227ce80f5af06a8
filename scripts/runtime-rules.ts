import { lineAt, maskInert } from './source-scan.ts'

/** A use of time, chance or process exit that does not go through `packages/core/src/runtime`. */
export interface RuntimeUse {
  readonly name: string
  readonly line: number
}

/** Why a file may use one of {@link FORBIDDEN} itself. `file` ends with `/` for a whole folder. */
interface RuntimeException {
  readonly file: string
  readonly names: readonly string[]
  readonly reason: string
}

const SCOPE = /^packages\/(core\/src|cli\/(src|bin))\//

const FORBIDDEN: Readonly<Record<string, RegExp>> = {
  'Date.now': /\bDate\s*\.\s*now\b/g,
  'new Date()': /\bnew\s+Date\b(?!\s*\(\s*[^)\s])/g,
  'Math.random': /\bMath\s*\.\s*random\b/g,
  setTimeout: /(?<![\w$#])(?<!(?<!globalThis)\.)setTimeout\b/g,
  setInterval: /(?<![\w$#])(?<!(?<!globalThis)\.)setInterval\b/g,
  'process.exit': /\bprocess\s*\.\s*exit\b/g,
}

/** THE list of exceptions. */
const EXCEPTIONS: readonly RuntimeException[] = [
  {
    file: 'packages/core/src/runtime/',
    names: Object.keys(FORBIDDEN),
    reason: 'this folder is where they come from',
  },
  {
    file: 'packages/core/src/kafka/wire-connection.ts',
    names: ['setTimeout'],
    reason:
      'every request has a timer that is cancelled at once, without a promise, when the answer is there; Clock.sleep cannot do that',
  },
  {
    file: 'packages/cli/bin/kafka-backup.js',
    names: ['process.exit'],
    reason: 'ends before the program is loaded when Node is too old to parse it',
  },
]

/** Uses in one file that no exception covers. */
export function findRuntimeUses(file: string, text: string): readonly RuntimeUse[] {
  if (!SCOPE.test(file) || /\.test\.[jt]s$/.test(file)) return []
  const masked = maskInert(text)
  const allowed = new Set(EXCEPTIONS.filter((row) => covers(row, file)).flatMap((row) => row.names))
  return Object.entries(FORBIDDEN)
    .filter(([name]) => !allowed.has(name))
    .flatMap(([name, pattern]) =>
      [...masked.matchAll(pattern)].map((match) => ({ name, line: lineAt(text, match.index) })),
    )
}

function covers(exception: RuntimeException, file: string): boolean {
  return exception.file.endsWith('/') ? file.startsWith(exception.file) : file === exception.file
}
