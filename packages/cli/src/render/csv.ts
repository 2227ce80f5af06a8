/** Lines of RFC 4180, with a line of titles; null is an empty cell. */
export function renderCsv(
  titles: readonly string[],
  rows: readonly (readonly (string | number | bigint | null)[])[],
): string {
  return [titles, ...rows].map((row) => row.map(cellOf).join(',')).join('\n')
}

function cellOf(value: string | number | bigint | null): string {
  const text = value === null ? '' : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
