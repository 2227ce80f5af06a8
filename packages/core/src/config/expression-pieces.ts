// In this order: a quotation, an escape, a class with its named classes, a count of repetitions, any other character.
// Every alternative takes what is there, also when its end is missing, so nothing is ever tried twice.
const PIECE = /\\Q.*?(?:\\E|$)|\\.?|\[\^?\]?(?:\[:[a-z^]*:\]|\\.|[^\]\\])*\]?|\{[0-9]+(?:,[0-9]*)?\}|[^\\]/gsu

/** What a regular expression is made of, one after the other; together they are the text. */
export function* expressionPieces(source: string): Iterable<string> {
  for (const [piece] of source.matchAll(PIECE)) yield piece
}
