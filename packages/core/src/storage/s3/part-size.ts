const MIB = 1024 * 1024

/** Parts that one upload may have; the limit of S3. */
export const PARTS_MAX = 10_000

// 8 MiB up to 7.8 GiB, so that all parts but the last are equal, as R2 demands, for every segment that anybody writes.
// Then larger ones, so that the largest object of S3, 5 TiB, fits into 10,000 parts.
const STEPS: readonly { readonly lastPart: number; readonly bytes: number }[] = [
  { lastPart: 1_000, bytes: 8 * MIB },
  { lastPart: 5_000, bytes: 64 * MIB },
  { lastPart: PARTS_MAX, bytes: 1024 * MIB },
]

/** Bytes of a part by its number, from 1, unless it is the last one of its object. */
export function partBytesOf(partNumber: number): number {
  return STEPS.find((step) => partNumber <= step.lastPart)?.bytes ?? 1024 * MIB
}
