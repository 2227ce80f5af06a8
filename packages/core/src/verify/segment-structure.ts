import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { canonicalJson } from '../format/canonical-json.ts'
import { seekTableBytes } from '../format/seek-table.ts'
import { encodeSegmentSeekTable } from '../format/segment-builder.ts'
import type { SegmentHeader } from '../format/segment-header.ts'
import type { FrameEntry, SegmentIndex } from '../format/segment-index.ts'
import { type SegmentPart, type SegmentRecord, segmentDocument } from '../format/segment-record.ts'
import { parseKey } from '../repository/key-layout.ts'
import { summarizePart } from '../repository/segment-upload.ts'
import { OffsetSteps } from './offset-steps.ts'

/** The commit's own figures must fit together before anything is read by them. @throws KB_SEGMENT_CORRUPT */
export function assertRecord(record: SegmentRecord): void {
  const { position, bytes } = record.index
  if (position + bytes > record.bytes) throw corrupt('the commit places the index behind the end')
}

/**
 * Header and index against the commit's record and the key: places, frame ranges, sums, offsets.
 * @throws KB_SEGMENT_CORRUPT with the first difference
 */
export function assertStructure(record: SegmentRecord, header: SegmentHeader, index: SegmentIndex): void {
  assertNamed(record, header)
  assertPlaces(record, index)
  assertRanges(record.parts, index.frames)
  for (const part of record.parts) {
    const [first, end] = part.frames
    const frames = index.frames.slice(first, end)
    assertFrameOffsets(part, frames, first)
    assertSummary(part, frames, record)
  }
}

/** The seek table holds nothing new: it must be what follows from the index. @throws KB_SEGMENT_CORRUPT */
export function assertSeekTable(record: SegmentRecord, index: SegmentIndex, stored: Buffer): void {
  if (!stored.equals(encodeSegmentSeekTable(index, record.index.bytes))) {
    throw corrupt('the seek table differs from the index')
  }
}

function assertNamed(record: SegmentRecord, header: SegmentHeader): void {
  const parsed = parseKey(header.backupId, record.key)
  const isNamed =
    (parsed?.kind === 'segment' || parsed?.kind === 'bundle') &&
    parsed.writer === header.writer &&
    parsed.sequence === header.sequence
  if (!isNamed) throw corrupt('the header names another writer or sequence than the key')
}

/** Header, frames, index and seek table fill the object without a byte between them. */
function assertPlaces(record: SegmentRecord, index: SegmentIndex): void {
  const framesBytes = index.frames.reduce((sum, frame) => sum + frame.bytes, 0)
  const indexEnd = record.index.position + record.index.bytes
  if (index.header.bytes + framesBytes !== record.index.position) {
    throw corrupt('the data frames do not end where the index begins')
  }
  if (indexEnd + seekTableBytes(index.frames.length + 2) !== record.bytes) {
    throw corrupt('the seek table does not fill the object to its end')
  }
}

/** Each frame belongs to exactly one part, and is of that part's stream. */
function assertRanges(parts: readonly SegmentPart[], frames: readonly FrameEntry[]): void {
  const streams = parts.flatMap((part, stream) => [{ stream, first: part.frames[0], end: part.frames[1] }])
  let next = 0
  for (const { stream, first, end } of streams.sort((a, b) => a.first - b.first)) {
    if (first !== next || end <= first) throw corrupt('the frame ranges of the parts do not cover the frames')
    if (frames.slice(first, end).some((frame) => frame.stream !== stream)) {
      throw corrupt(`a frame of ${first} to ${end - 1} is of another stream than the commit says`)
    }
    next = end
  }
  if (next !== frames.length) throw corrupt('the frame ranges of the parts do not cover the frames')
}

function assertFrameOffsets(part: SegmentPart, frames: readonly FrameEntry[], firstFrame: number): void {
  const steps = new OffsetSteps(part)
  frames.forEach((frame, at) => {
    const isExplained = frame.lastOffset >= frame.firstOffset && steps.reaches(frame.firstOffset)
    if (!isExplained) {
      throw corrupt(
        `frame ${firstFrame + at} begins at offset ${frame.firstOffset}, expected ${steps.nextOffset}`,
      )
    }
    // Holes inside the frame are met by the batches, in a deep validation.
    steps.skipTo(frame.lastOffset + 1n)
  })
  if (!steps.isDone) throw corrupt('the commit lists a hole behind the last batch')
}

function assertSummary(part: SegmentPart, frames: readonly FrameEntry[], record: SegmentRecord): void {
  const { topic, partition } = part
  // The index does not know these four; the fold and the batches are asked about them.
  const { beginOffset, holes, lineage, lastBatch } = part
  const extent = { beginOffset, holes, lineage, lastBatch }
  const expected = summarizePart(topic, partition, extent, frames, part.frames[0])
  const asText = (entry: SegmentPart) => canonicalJson(segmentDocument({ ...record, parts: [entry] }))
  if (asText(expected) !== asText(part)) {
    throw corrupt(`the index entries of ${topic}/${partition} do not add up to what the commit says`)
  }
}

function corrupt(message: string): KafkaBackupError {
  return new KafkaBackupError('KB_SEGMENT_CORRUPT', message)
}
