/** The names or patterns of a list with commas; none when there is no list. */
export function listedNames(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}
