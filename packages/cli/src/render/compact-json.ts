import { isUtf8 } from 'node:buffer'

const WHITE_SPACE = /[ \t\n\r]+/g

/**
 * The JSON document that the bytes are, on one line; undefined when they are none. Nothing else of it is changed: numbers keep all their
 * digits, names that are there twice stay.
 */
export function compactJson(bytes: Buffer): string | undefined {
  if (!isUtf8(bytes)) return
  const text = bytes.toString()
  try {
    JSON.parse(text)
  } catch {
    return
  }
  return withoutWhiteSpace(text)
}

/** White space inside of texts stays. */
function withoutWhiteSpace(json: string): string {
  const pieces: string[] = []
  let at = 0
  while (at < json.length) {
    const quote = json.indexOf('"', at)
    const outsideEnd = quote < 0 ? json.length : quote
    pieces.push(json.slice(at, outsideEnd).replace(WHITE_SPACE, ''))
    at = quote < 0 ? json.length : textEnd(json, quote)
    if (quote >= 0) pieces.push(json.slice(quote, at))
  }
  return pieces.join('')
}

/** Behind the quote that ends the text which begins at `quote`. */
function textEnd(json: string, quote: number): number {
  for (let at = quote + 1; at < json.length; at++) {
    const character = json[at]
    if (character === '\\') at++
    else if (character === '"') return at + 1
  }
  return json.length
}
