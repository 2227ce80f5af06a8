const MIB = 1024 * 1024

/** Blocks that one object may have; the limit of Azure. */
export const BLOCKS_MAX = 50_000

// Small ones for every segment that anybody writes, so that memory stays small; then larger ones, so that 20 TiB fit.
const STEPS: readonly { readonly lastBlock: number; readonly bytes: number }[] = [
  { lastBlock: 1_000, bytes: 8 * MIB },
  { lastBlock: 10_000, bytes: 64 * MIB },
  { lastBlock: BLOCKS_MAX, bytes: 512 * MIB },
]

/** Bytes of a block by its number, from 1, unless it is the last one of its object. */
export function blockBytesOf(blockNumber: number): number {
  return STEPS.find((step) => blockNumber <= step.lastBlock)?.bytes ?? 512 * MIB
}
