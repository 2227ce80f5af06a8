import { LIMITS } from '../runtime/limits.ts'

const CHARACTER = { quote: 0x22, backslash: 0x5c, comma: 0x2c, openList: 0x5b, openObject: 0x7b } as const
const CLOSE_LIST = 0x5d
const CLOSE_OBJECT = 0x7d

/**
 * Looks at the text of a document before it is parsed: one that is nested deeply, or consists of many tiny values, takes
 * many times its length of memory.
 * @throws Error (plain) with the reason
 */
export function assertDocumentShape(bytes: Uint8Array): void {
  const valuesMax = LIMITS.documentFreeValues + bytes.length / LIMITS.documentValueMinBytes
  let values = 0
  let depth = 0
  for (let at = 0; at < bytes.length; at++) {
    switch (bytes[at]) {
      case CHARACTER.quote:
        at = stringEnd(bytes, at)
        continue
      case CHARACTER.openList:
      case CHARACTER.openObject:
        if (++depth > LIMITS.documentMaxDepth)
          throw new Error(`nested deeper than ${LIMITS.documentMaxDepth}`)
        break
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        depth--
        continue
      case CHARACTER.comma:
        break
      default:
        continue
    }
    if (++values > valuesMax) throw new Error('more values than a document of its length has')
  }
}

/** Position of the quote that ends the string whose first quote is at `begin`; the length when none does. */
function stringEnd(bytes: Uint8Array, begin: number): number {
  for (let at = begin + 1; at < bytes.length; at++) {
    if (bytes[at] === CHARACTER.backslash) at++
    else if (bytes[at] === CHARACTER.quote) return at
  }
  return bytes.length
}
