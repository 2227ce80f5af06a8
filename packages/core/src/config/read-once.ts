import { statSync } from 'node:fs'
import type { CheckedValues } from './checked-values.ts'
import { absolutePath, type PathSurroundings } from './path-value.ts'

const SECURITY = ['source.security.', 'target.security.']
/** Names of settings whose files are read with the configuration. */
const OF_FILES = /_location$/

/** Whether a file that settings were read from gives its content once only, as a pipe does: standard input, or `<(…)` of a shell. */
export function isReadOnce(values: CheckedValues, surroundings: PathSurroundings): boolean {
  const { filePath } = surroundings
  const named = SECURITY.flatMap((section) => values.givenBelow(section))
    .map(({ setting }) => setting.path)
    .filter((path) => OF_FILES.test(path))
    .map((path) => absolutePath(values, path, surroundings))
  return [...named, ...(filePath === undefined ? [] : [filePath])].some((path) => !isPlainFile(path))
}

function isPlainFile(path: string): boolean {
  try {
    return statSync(path).isFile()
  } catch {
    // Whoever read it may be the last one who could.
    return false
  }
}
