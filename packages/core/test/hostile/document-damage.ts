import { type JsonValue, sha256Hex } from '../../src/format/canonical-json.ts'
import type { Prng } from '../protocol/prng.ts'

type Fields = { [key: string]: JsonValue }

const VALUES: readonly JsonValue[] = [
  0,
  1,
  -1,
  2 ** 31,
  2 ** 53 - 1,
  2 ** 53,
  1e300,
  0.5,
  '',
  '0',
  '-1',
  '9223372036854775807',
  '9223372036854775808',
  '99999999999999999999',
  '..',
  'a/b',
  '\ud800',
  null,
  true,
  [],
  {},
  [[[[[]]]]],
]

/** A document with one to three of its values changed, doubled, moved or taken away. */
export function damageDocument(random: Prng, document: JsonValue): JsonValue {
  const holder = { root: structuredClone(document) as JsonValue }
  for (let left = 1 + random.below(3); left > 0; left--) {
    const [parent, key] = randomPlace(random, holder)
    const value = parent[key]!
    switch (random.below(7)) {
      case 0:
        delete parent[key]
        break
      case 1:
        parent[`${key}x`] = structuredClone(value)
        break
      case 2: {
        const [other, otherKey] = randomPlace(random, holder)
        parent[key] = structuredClone(other[otherKey]!)
        break
      }
      case 3:
        if (Array.isArray(value)) parent[key] = structuredClone([...value, ...value])
        else if (typeof value === 'number') parent[key] = value + random.pick([1, -1])
        else if (typeof value === 'string') parent[key] = value + value
        break
      default:
        // A copy: what one case changes must not reach the next.
        parent[key] = structuredClone(random.pick(VALUES))
    }
  }
  return holder.root ?? null
}

/** An object or array of the document and one of its keys; any depth is as likely as any other. */
function randomPlace(random: Prng, holder: Fields): [Fields, string] {
  let parent = holder
  let key = 'root'
  while (random.chance(0.8)) {
    const next = parent[key]
    if (next === null || typeof next !== 'object') break
    const keys = Object.keys(next)
    if (keys.length === 0) break
    parent = next as unknown as Fields
    key = random.pick(keys)
  }
  return [parent, key]
}

/** Sorted keys and no white space: what decoders demand, also of values that our encoder refuses to write. */
export function sortedJson(value: JsonValue): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  // An array that lost an entry has a hole.
  if (Array.isArray(value)) return `[${Array.from(value, (entry) => sortedJson(entry ?? null)).join(',')}]`
  const fields = value as Fields
  const members = Object.keys(fields)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${sortedJson(fields[key]!)}`)
  return `{${members.join(',')}}`
}

/** The bytes of a document with the digest that it needs to be believed. */
export function sealed(document: JsonValue): Buffer {
  const isObject = document !== null && typeof document === 'object' && !Array.isArray(document)
  if (!isObject) return Buffer.from(`${sortedJson(document)}\n`)
  const { sha256: _, ...fields } = document as Fields
  return Buffer.from(`${sortedJson({ ...fields, sha256: sha256Hex(sortedJson(fields)) })}\n`)
}
