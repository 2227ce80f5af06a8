/** Reproducible randomness: the same seed gives the same sequence on every machine. Not for secrets. */
export interface SeededRandom {
  /** An integer in [0, 2^32). */
  uint32(): number
  /** A number in [0, 1). */
  fraction(): number
  /** An integer in [0, bound). */
  below(bound: number): number
  /** True with this probability. */
  chance(probability: number): boolean
  /** One of the choices; at least one is needed. */
  pick<T>(choices: readonly T[]): T
  bytes(byteCount: number): Buffer
}

const WARM_UP_ROUNDS = 12

/** The generator sfc32 of PractRand, its 128 bits of state filled from `seed`. */
export function seededRandom(seed: number): SeededRandom {
  let a = 0x9e3779b9
  let b = Math.floor(seed / 2 ** 32) | 0
  let c = seed | 0
  let counter = 1
  const uint32 = (): number => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return sum >>> 0
  }
  for (let round = 0; round < WARM_UP_ROUNDS; round++) uint32()
  const fraction = () => uint32() / 2 ** 32
  const below = (bound: number) => Math.floor(fraction() * bound)
  return {
    uint32,
    fraction,
    below,
    chance: (probability) => fraction() < probability,
    pick: (choices) => choices[below(choices.length)]!,
    bytes(byteCount) {
      const bytes = Buffer.alloc(byteCount)
      for (let at = 0; at < byteCount; at++) bytes[at] = uint32() >>> 24
      return bytes
    },
  }
}
