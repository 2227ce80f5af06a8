import { randomBytes } from 'node:crypto'

/** The only source of randomness. */
export interface Random {
  /** `byteCount` random bytes as lower-case hex, two digits a byte. */
  hex(byteCount: number): string
  /** A number in [0, 1). */
  fraction(): number
}

/** Randomness of the operating system. */
export const systemRandom: Random = {
  hex: (byteCount) => randomBytes(byteCount).toString('hex'),
  fraction: () => randomBytes(4).readUInt32BE(0) / 2 ** 32,
}
