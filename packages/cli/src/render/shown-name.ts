/** Names may hold anything: what would break a line or a column is shown as in JSON. */
export function shownName(name: string): string {
  return /^[\p{L}\p{N}\p{P}\p{S}]+$/u.test(name) && !name.startsWith('"') ? name : quotedText(name)
}

/** As in JSON, also what no terminal should be sent: controls, and what turns the direction of writing. */
export function quotedText(text: string): string {
  return JSON.stringify(text).replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, (character) =>
    Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
      .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
      .join(''),
  )
}
