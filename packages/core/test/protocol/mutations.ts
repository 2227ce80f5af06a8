import type { Prng } from './prng.ts'

const EXTREMES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff]

/** One to four changes of the kinds that break parsers: bits, cuts, lengths, repetitions and splices. */
export function mutate(random: Prng, input: Buffer, other: Buffer): Buffer {
  let bytes = Buffer.from(input)
  for (let changes = 1 + random.below(4); changes > 0 && bytes.length > 0; changes--) {
    const at = random.below(bytes.length)
    switch (random.below(7)) {
      case 0:
        bytes[at]! ^= 1 << random.below(8)
        break
      case 1:
        bytes[at] = random.below(256)
        break
      case 2:
        bytes = bytes.subarray(0, at)
        break
      case 3: {
        const size = random.pick([1, 2, 4])
        if (at + size > bytes.length) break
        const value = random.pick(EXTREMES) % 2 ** (8 * size)
        if (random.chance(0.5)) bytes.writeUIntBE(value, at, size)
        else bytes.writeUIntLE(value, at, size)
        break
      }
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at), other.subarray(random.below(other.length + 1))])
        break
      case 5:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(random.below(at + 1))])
        break
      default:
        bytes.fill(random.pick([0x00, 0x80, 0xff]), at, Math.min(bytes.length, at + 1 + random.below(12)))
    }
  }
  return bytes
}
