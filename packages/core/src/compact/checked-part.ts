import type { FrameEntry } from '../format/segment-index.ts'
import type { SegmentRecord } from '../format/segment-record.ts'
import {
  inSegment,
  type RangeSource,
  SegmentReader,
  type TransformsById,
} from '../repository/segment-reader.ts'
import { invariant } from '../runtime/invariant.ts'
import { PartContent } from '../verify/frame-content.ts'
import { assertLastBatch } from '../verify/last-batch.ts'
import { assertRecord, assertStructure } from '../verify/segment-structure.ts'

/** Where segments are read, and how. */
export interface CheckedReading {
  readonly backupId: string
  readonly transforms: TransformsById
  readonly signal: AbortSignal
}

/** A frame of which every byte was checked, as `validate --deep` does. */
export interface CheckedFrame {
  readonly entry: FrameEntry
  readonly batches: Buffer
}

/** Opens a segment and compares header and index with what the commit says. @throws KB_SEGMENT_CORRUPT … */
export async function openChecked(
  source: RangeSource,
  record: SegmentRecord,
  { backupId, transforms, signal }: CheckedReading,
): Promise<SegmentReader> {
  return inSegment(record.key, async () => {
    assertRecord(record)
    const reader = await SegmentReader.open(source, backupId, record, transforms, signal)
    assertStructure(record, reader.header, reader.index)
    return reader
  })
}

/**
 * The frames of one part in order: digest, checksum of every batch, its place in the row of offsets, what the index says of it.
 * @throws KB_SEGMENT_CORRUPT, KB_BATCH_CORRUPT … with the key; what was given out before is sound
 */
export async function* checkedFrames(
  reader: SegmentReader,
  stream: number,
  signal: AbortSignal,
): AsyncGenerator<CheckedFrame> {
  const { key, parts } = reader.record
  const part = parts[stream]
  invariant(part, 'a stream of the segment')
  const content = new PartContent(part, stream, reader.index)
  for (let number = part.frames[0]; number < part.frames[1]; number++) {
    const entry = reader.index.frames[number]
    invariant(entry, 'the structure of the index was compared')
    const batches = await inSegment(key, async () => {
      const read = await reader.readBatches(entry, signal)
      content.assertFrame(entry, read)
      if (number === part.frames[1] - 1) {
        assertLastBatch(part, read)
        content.assertDone()
      }
      return read
    })
    yield { entry, batches }
  }
}
