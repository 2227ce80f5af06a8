/** A column: its title, and whether its cells are numbers (aligned to the right). */
export interface Column {
  readonly title: string
  readonly isNumeric?: boolean
}

/** Plain text table with two spaces between columns; no trailing spaces. */
export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const lines = [columns.map((column) => column.title.toUpperCase()), ...rows]
  const widths = columns.map((_, at) =>
    lines.reduce((most, line) => Math.max(most, line[at]?.length ?? 0), 0),
  )
  const render = (line: readonly string[]) =>
    columns
      .map((column, at) => {
        const cell = line[at] ?? ''
        return column.isNumeric ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)
      })
      .join('  ')
      .trimEnd()
  return lines.map(render).join('\n')
}
