import type { PlacedPart } from '../format/backup-state.ts'
import type { SegmentRecord } from '../format/segment-record.ts'
import type { SegmentReader } from '../repository/segment-reader.ts'
import { invariant } from '../runtime/invariant.ts'
import { runConcurrently } from '../runtime/run-concurrently.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { type CheckedReading, openChecked } from './checked-part.ts'
import { type CompactUnit, isBundle, type Stretch } from './compact-unit.ts'
import { ObjectWindow } from './object-window.ts'
import { READ_BYTES } from './request-estimate.ts'

const CONCURRENT_OPENS = 8

interface OpenBundle {
  readonly reader: SegmentReader
  readonly window: ObjectWindow
}

/**
 * Where the parts of a unit are read from. A bundle is of many partitions, which are written one after the other: its bytes are held
 * meanwhile, and of bundles that are too much together the part that the next partitions need.
 */
export class UnitInput {
  readonly #storage: StorageBackend
  readonly #reading: CheckedReading
  readonly #unit: CompactUnit
  readonly #bundles = new Map<SegmentRecord, OpenBundle>()
  readonly #isHeld: boolean
  readonly #heldBytesMax: number

  constructor(storage: StorageBackend, unit: CompactUnit, reading: CheckedReading, heldBytesMax: number) {
    this.#storage = storage
    this.#unit = unit
    this.#reading = reading
    this.#heldBytesMax = heldBytesMax
    this.#isHeld = bundlesOf(unit).reduce((sum, { bytes }) => sum + bytes, 0) <= heldBytesMax
  }

  /** The stretches in groups that can be read at a time; call {@link load} before one is read. */
  async groups(): Promise<readonly (readonly Stretch[])[]> {
    const isHeld = this.#isHeld
    await runConcurrently(bundlesOf(this.#unit), CONCURRENT_OPENS, async (record) => {
      const window = new ObjectWindow(this.#storage, record.bytes, isHeld ? record.bytes : 0)
      this.#bundles.set(record, { window, reader: await openChecked(window, record, this.#reading) })
    })
    return isHeld ? [this.#unit.stretches] : groupsOf(this.#unit.stretches, this.#heldBytesMax)
  }

  /** Brings what a group needs of bundles. */
  async load(group: readonly Stretch[]): Promise<void> {
    if (this.#isHeld) return
    const needed = new Map<SegmentRecord, { begin: number; end: number }>()
    for (const { parts } of group) {
      for (const { segment, part } of parts) {
        const [first, last] = [part.frames[0], part.frames[1] - 1]
        const frames = this.#bundles.get(segment)?.reader.index.frames
        const [head, tail] = [frames?.[first], frames?.[last]]
        if (!head || !tail) continue
        const known = needed.get(segment) ?? { begin: head.position, end: 0 }
        const begin = Math.min(known.begin, head.position)
        needed.set(segment, { begin, end: Math.max(known.end, tail.position + tail.bytes) })
      }
    }
    const { signal } = this.#reading
    await runConcurrently([...needed], CONCURRENT_OPENS, async ([record, range]) => {
      await this.#bundles.get(record)?.window.hold(record.key, range, { signal })
    })
  }

  /** A reader of the object that holds a part, and the part's number in it. */
  async open({ segment, part }: PlacedPart): Promise<{ reader: SegmentReader; stream: number }> {
    const stream = segment.parts.indexOf(part)
    invariant(stream >= 0, 'a part of its segment')
    const bundle = this.#bundles.get(segment)
    if (bundle) return { reader: bundle.reader, stream }
    const window = new ObjectWindow(this.#storage, segment.bytes, READ_BYTES)
    return { reader: await openChecked(window, segment, this.#reading), stream }
  }
}

function bundlesOf({ objects }: CompactUnit): SegmentRecord[] {
  return objects.filter(isBundle)
}

/** In the order in which they stand in the bundles, so that what a group needs of one lies together. */
function groupsOf(stretches: readonly Stretch[], heldBytesMax: number): Stretch[][] {
  const groups: Stretch[][] = []
  let bytes = 0
  for (const stretch of stretches.toSorted((a, b) => placeOf(a) - placeOf(b))) {
    const own = stretch.parts.reduce(
      (sum, { segment, part }) => sum + (isBundle(segment) ? part.storedBytes : 0),
      0,
    )
    if (groups.length === 0 || bytes + own > heldBytesMax) {
      groups.push([])
      bytes = 0
    }
    groups.at(-1)?.push(stretch)
    bytes += own
  }
  return groups
}

function placeOf({ parts }: Stretch): number {
  return parts.find(({ segment }) => isBundle(segment))?.part.frames[0] ?? 0
}
