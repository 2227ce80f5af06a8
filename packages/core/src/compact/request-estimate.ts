import { type CompactUnit, isBundle, segmentsOf } from './compact-unit.ts'

/** Requests to a store, about. */
export interface RequestEstimate {
  readonly reads: number
  readonly writes: number
}

/** An object is read in pieces of so many bytes. */
export const READ_BYTES = 8 * 1024 * 1024
/** Bundles of a unit are in memory together up to this; beyond, each is read once for every so many bytes. */
export const HELD_BYTES_MAX = 64 * 1024 * 1024

/** Reading what is replaced, writing what replaces it, and reading that again. Commit, snapshot and manifest are not counted. */
export function requestsOf(units: readonly CompactUnit[], segmentMaxBytes: number): RequestEstimate {
  let [reads, writes] = [0, 0]
  for (const { objects, stretches, packs } of units) {
    const bundles = objects.filter(isBundle)
    const bundleBytes = bundles.reduce((sum, { bytes }) => sum + bytes, 0)
    const isHeld = bundleBytes <= HELD_BYTES_MAX
    const passes = Math.ceil(bundleBytes / HELD_BYTES_MAX)
    reads += bundles.length * (isHeld ? 1 : 2 + passes)
    for (const { bytes } of objects.filter((object) => !isBundle(object))) reads += readsOf(bytes)
    const outputs = packs?.map((own) => own.reduce((sum, { bytes }) => sum + bytes, 0))
    for (const bytes of outputs ?? stretches.map((stretch) => stretch.bytes)) {
      const segments = segmentsOf(bytes, segmentMaxBytes)
      reads += segments * readsOf(Math.ceil(bytes / segments))
      writes += segments * writesOf(Math.ceil(bytes / segments))
    }
  }
  return { reads, writes }
}

function readsOf(bytes: number): number {
  return bytes <= READ_BYTES ? 1 : 1 + Math.ceil(bytes / READ_BYTES)
}

/** Larger objects go up in parts of about as many bytes, with a request that begins and one that ends it. */
function writesOf(bytes: number): number {
  return bytes <= READ_BYTES ? 1 : 2 + Math.ceil(bytes / READ_BYTES)
}
