/** What the exit codes of every verb say, in the order of the numbers. */
export const EXIT_MEANINGS: readonly (readonly [number, string])[] = [
  [0, 'complete'],
  [1, 'failed'],
  [2, 'usage or configuration'],
  [3, 'incomplete'],
  [4, 'damaged'],
  [5, 'conflict'],
  [6, 'cluster unreachable'],
  [7, 'storage unreachable, full or unsuitable'],
  [8, 'permission'],
  [70, 'defect of this program'],
  [130, 'interrupted'],
]

const LEFT_ROWS = 5
const LEFT_COLUMNS = 28

/** For the end of a help, in two columns. */
export function exitCodesHelp(): string {
  const cells = EXIT_MEANINGS.map(([code, meaning], at) =>
    at < LEFT_ROWS ? `  ${code}  ${meaning}` : `${String(code).padStart(5)}  ${meaning}`,
  )
  const right = cells.slice(LEFT_ROWS)
  const rows = right.map((cell, at) => (cells[at < LEFT_ROWS ? at : -1] ?? '').padEnd(LEFT_COLUMNS) + cell)
  return `\nExit codes:\n${rows.join('\n')}`
}
