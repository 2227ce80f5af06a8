/** False for a text with a NUL: no word holds one, and shells that leave it out would mean another name. */
export function isShellWord(text: string): boolean {
  return !text.includes('\0')
}

/** A text as one word for a shell: in quotes where it has what a shell would read as more than a text, such as the & of a location. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
