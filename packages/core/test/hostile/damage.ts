import type { Prng } from '../protocol/prng.ts'

const INTERESTING = [
  0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7ffffffe, 0x7fffffff, 0x80000000, 0xfffffffe,
  0xffffffff,
]
const CHANGES_MAX = 4
const RUN_MAX_BYTES = 24

/**
 * One to four changes of the kinds that break decoders: bits, bytes, cuts, lengths, insertions, repetitions, and the
 * end of another sample. `first` is the first byte that may change.
 */
export function damage(random: Prng, input: Buffer, other: Buffer, first = 0): Buffer {
  let bytes = Buffer.from(input)
  for (let left = 1 + random.below(CHANGES_MAX); left > 0 && bytes.length > first; left--) {
    bytes = changeOnce(random, bytes, other, first + random.below(bytes.length - first))
  }
  return bytes
}

function changeOnce(
  random: Prng,
  bytes: Buffer<ArrayBuffer>,
  other: Buffer,
  at: number,
): Buffer<ArrayBuffer> {
  switch (random.below(9)) {
    case 0:
    case 1:
      bytes[at]! ^= 1 << random.below(8)
      return bytes
    case 2:
      bytes[at] = random.below(256)
      return bytes
    case 3:
      return bytes.subarray(0, at)
    case 4:
      return writeLength(random, bytes, at)
    case 5:
      return splice(bytes, at, random.bytes(1 + random.below(8)))
    case 6: {
      const begin = random.below(bytes.length)
      return splice(bytes, at, bytes.subarray(begin, begin + 1 + random.below(RUN_MAX_BYTES)))
    }
    case 7:
      return Buffer.concat([bytes.subarray(0, at), other.subarray(random.below(other.length + 1))])
    default:
      return bytes.fill(
        random.pick([0x00, 0x80, 0xff]),
        at,
        Math.min(bytes.length, at + 1 + random.below(12)),
      )
  }
}

/** A length that decoders meet rarely: an extreme, or one that ends near the end of the bytes. */
function writeLength(random: Prng, bytes: Buffer<ArrayBuffer>, at: number): Buffer<ArrayBuffer> {
  const size = random.pick([1, 2, 3, 4])
  if (at + size > bytes.length) return bytes
  const nearEnd = Math.max(0, bytes.length - at - size + random.below(5) - 2)
  const value = (random.chance(0.3) ? nearEnd : random.pick(INTERESTING)) % 2 ** (8 * size)
  if (random.chance(0.5)) bytes.writeUIntBE(value, at, size)
  else bytes.writeUIntLE(value, at, size)
  return bytes
}

function splice(bytes: Buffer, at: number, insertion: Buffer): Buffer<ArrayBuffer> {
  return Buffer.concat([bytes.subarray(0, at), insertion, bytes.subarray(at)])
}
