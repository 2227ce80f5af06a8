import { readRepositoryFiles } from './repository-files.ts'
import { LIMITS } from './tidy-limits.ts'
import { type Finding, inspectFile, longFiles, medianSourceLines } from './tidy-rules.ts'

/** What was looked at, one line for each violation and for each thing to watch. */
export interface TidyCheck {
  readonly fileCount: number
  readonly medianLines: number
  readonly violations: readonly string[]
  readonly warnings: readonly string[]
}

/** Checks every text file of a git work tree. */
export function checkTidiness(root: string): TidyCheck {
  const files = readRepositoryFiles(root)
  const medianLines = medianSourceLines(files)
  const violations = files.flatMap(inspectFile).map(showFinding)
  if (medianLines >= LIMITS.fileLinesMedian) {
    violations.push(
      `packages/*/src: the median file has ${medianLines} lines, below ${LIMITS.fileLinesMedian} is allowed`,
    )
  }
  return { fileCount: files.length, medianLines, violations, warnings: longFiles(files).map(showFinding) }
}

function showFinding({ path, line, text }: Finding): string {
  return `${path}${line === undefined ? '' : `:${line}`} ${text}`
}
