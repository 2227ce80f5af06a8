/** A document as it goes to stdout: offsets and other 64-bit integers are decimal strings, so that no reader loses digits. */
export function renderJson(document: unknown): string {
  return JSON.stringify(
    document,
    (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value),
    2,
  )
}
