import { BatchCursor } from '../protocol/record-batch.ts'
import type { SegmentReader } from '../repository/segment-reader.ts'
import { type CheckedFrame, checkedFrames } from './checked-part.ts'
import type { Stretch } from './compact-unit.ts'
import type { UnitInput } from './unit-input.ts'

/** A frame of a stretch, and what comes with it. */
export interface StretchFrame extends CheckedFrame {
  readonly reader: SegmentReader
  /** Transactions of the part that begins with this frame; null: none does. */
  readonly aborted: SegmentReader['index']['aborted'] | null
  /** Its first batch begins below the part that begins with it, behind another part. */
  readonly isReachingBack: boolean
}

/** The frames of all parts in order, each of them checked. @throws KB_SEGMENT_CORRUPT, KB_BATCH_CORRUPT … with the key */
export async function* readStretch(
  input: UnitInput,
  { parts }: Stretch,
  signal: AbortSignal,
): AsyncGenerator<StretchFrame> {
  for (const placed of parts) {
    const { reader, stream } = await input.open(placed)
    let isBegin = true
    for await (const frame of checkedFrames(reader, stream, signal)) {
      const aborted = isBegin ? reader.index.aborted.filter((entry) => entry.stream === stream) : null
      const isBehind = isBegin && placed !== parts[0]
      const isReachingBack = isBehind && firstBaseOffset(frame.batches) < placed.part.beginOffset
      yield { ...frame, reader, aborted, isReachingBack }
      isBegin = false
    }
  }
}

function firstBaseOffset(batches: Buffer): bigint {
  const cursor = new BatchCursor(batches)
  cursor.next()
  return cursor.baseOffset
}
