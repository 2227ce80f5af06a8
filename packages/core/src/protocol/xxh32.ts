const PRIME_1 = 0x9e3779b1
const PRIME_2 = 0x85ebca77
const PRIME_3 = 0xc2b2ae3d
const PRIME_4 = 0x27d4eb2f
const PRIME_5 = 0x165667b1

const STRIPE_BYTES = 16

/**
 * XXH32 of the bytes from `begin` to `end` (exclusive), unsigned
 * (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md). LZ4 frames use it with seed 0.
 */
export function xxh32(bytes: Uint8Array, begin = 0, end: number = bytes.length, seed = 0): number {
  let position = begin
  let hash = (seed + PRIME_5) | 0
  if (end - begin >= STRIPE_BYTES) {
    let lane1 = (seed + PRIME_1 + PRIME_2) | 0
    let lane2 = (seed + PRIME_2) | 0
    let lane3 = seed | 0
    let lane4 = (seed - PRIME_1) | 0
    for (const stripesEnd = end - STRIPE_BYTES; position <= stripesEnd; position += STRIPE_BYTES) {
      lane1 = round(lane1, word(bytes, position))
      lane2 = round(lane2, word(bytes, position + 4))
      lane3 = round(lane3, word(bytes, position + 8))
      lane4 = round(lane4, word(bytes, position + 12))
    }
    hash = (rotate(lane1, 1) + rotate(lane2, 7) + rotate(lane3, 12) + rotate(lane4, 18)) | 0
  }
  hash = (hash + (end - begin)) | 0
  for (; position + 4 <= end; position += 4) {
    hash = Math.imul(rotate((hash + Math.imul(word(bytes, position), PRIME_3)) | 0, 17), PRIME_4)
  }
  for (; position < end; position++) {
    hash = Math.imul(rotate((hash + Math.imul(bytes[position]!, PRIME_5)) | 0, 11), PRIME_1)
  }
  return avalanche(hash)
}

function word(bytes: Uint8Array, position: number): number {
  return (
    bytes[position]! |
    (bytes[position + 1]! << 8) |
    (bytes[position + 2]! << 16) |
    (bytes[position + 3]! << 24)
  )
}

function round(lane: number, input: number): number {
  return Math.imul(rotate((lane + Math.imul(input, PRIME_2)) | 0, 13), PRIME_1)
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

function avalanche(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 15), PRIME_2)
  mixed = Math.imul(mixed ^ (mixed >>> 13), PRIME_3)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
