const SEQUENCE_END = 1n << 31n

/** Sequence of the record at `position` for a producer that began at `basePosition`; sequences wrap at 2^31 (tried). */
export function sequenceAt(position: bigint, basePosition: bigint): number {
  return Number((position - basePosition) % SEQUENCE_END)
}
