import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { z } from 'zod'
import { canonicalJson } from './canonical-json.ts'
import { type SegmentRecord, segmentDocument, segmentSchema } from './segment-record.ts'

/** Entries of a list as canonical JSON with commas between them, compressed. */
interface PackedBlock {
  readonly bytes: Buffer
  readonly rawBytes: number
}

/** Segments of one text: a block is one while it is read. */
const TEXT_SEGMENTS = 256

const blockSchema = z.array(segmentSchema)

/**
 * Segments that a long run has no need to look at, in the order in which they were added. As objects, a part takes 0.8 KiB; packed, about
 * 50 bytes (bundles of three parts with random digests: packed-state.test.ts).
 */
export class PackedSegments {
  readonly #blocks: PackedBlock[] = []

  /** What they take. */
  get bytes(): number {
    return this.#blocks.reduce((sum, { bytes }) => sum + bytes.length, 0)
  }

  add(segments: readonly SegmentRecord[]): void {
    for (const text of writtenSegments(segments)) {
      const raw = Buffer.from(text)
      // A copy, since the result may be a small view of a large buffer.
      this.#blocks.push({ bytes: Buffer.from(zstdCompressSync(raw)), rawBytes: raw.length })
    }
  }

  /** Text of several segments each, as {@link writtenSegments} gives it. */
  *texts(): Generator<string> {
    for (const block of this.#blocks) yield textOf(block)
  }

  *segments(): Generator<SegmentRecord> {
    for (const block of this.#blocks) yield* blockSchema.parse(JSON.parse(`[${textOf(block)}]`))
  }
}

/** Entries of a list of segments in a document, several at a time: canonical JSON, commas between them. */
export function* writtenSegments(segments: readonly SegmentRecord[]): Generator<string> {
  for (let from = 0; from < segments.length; from += TEXT_SEGMENTS) {
    const some = segments.slice(from, from + TEXT_SEGMENTS)
    yield some.map((segment) => canonicalJson(segmentDocument(segment))).join(',')
  }
}

function textOf({ bytes, rawBytes }: PackedBlock): string {
  return zstdDecompressSync(bytes, { maxOutputLength: rawBytes }).toString()
}
