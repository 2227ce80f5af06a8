/** A text as one word for a shell: in quotes where it has what a shell would read as more than a text, such as the & of a location. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
