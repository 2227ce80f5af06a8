import { invariant } from '../runtime/invariant.ts'
import { sha256Hex } from './canonical-json.ts'
import { encodeSeekTable } from './seek-table.ts'
import { encodeSegmentHeader, type SegmentHeader } from './segment-header.ts'
import { type AbortedEntry, encodeSegmentIndex, type FrameEntry, type SegmentIndex } from './segment-index.ts'

/** What the caller knows of a frame before it has a place. */
export type FrameDescription = Omit<FrameEntry, 'position' | 'bytes' | 'sha256'>

/** Where the index stands, as the commit records it. */
export interface IndexLocation {
  readonly position: number
  readonly bytes: number
  readonly sha256: string
}

/** A finished segment: the last bytes to write, and what the commit needs. */
export interface FinishedSegment {
  readonly tail: readonly Uint8Array[]
  readonly bytes: number
  readonly index: SegmentIndex
  readonly indexLocation: IndexLocation
}

/** Lays out one segment: frames in, bytes and digests out. No I/O; every byte is hashed once. */
export class SegmentBuilder {
  readonly headerFrame: Buffer
  readonly #headerSha256: string
  readonly #streamCount: number
  readonly #frames: FrameEntry[] = []
  #position: number

  constructor(header: SegmentHeader) {
    this.headerFrame = encodeSegmentHeader(header)
    this.#headerSha256 = sha256Hex(this.headerFrame)
    this.#streamCount = header.streams.length
    this.#position = this.headerFrame.length
  }

  /** Bytes laid out so far: header and frames. */
  get bytes(): number {
    return this.#position
  }

  get frames(): readonly FrameEntry[] {
    return this.#frames
  }

  /** Takes the frame's place; the caller writes exactly these chunks next. `sha256` is their digest. */
  addFrame(
    description: FrameDescription,
    chunks: readonly Uint8Array[],
    sha256: string = sha256Hex(...chunks),
  ): void {
    invariant(description.stream < this.#streamCount, 'a frame of a stream that the header does not name')
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    this.#frames.push({ ...description, position: this.#position, bytes, sha256 })
    this.#position += bytes
  }

  /** `minima`: smallest timestamps by the number of the frame, found since the frames were laid out. */
  finish(aborted: readonly AbortedEntry[], minima: ReadonlyMap<number, bigint> = new Map()): FinishedSegment {
    invariant(this.#frames.length > 0, 'a segment without frames')
    const index: SegmentIndex = {
      header: { bytes: this.headerFrame.length, sha256: this.#headerSha256 },
      frames: this.#frames.map((frame, number) => ({
        ...frame,
        minTimestampMs: frame.minTimestampMs ?? minima.get(number) ?? null,
      })),
      aborted,
    }
    const indexFrame = encodeSegmentIndex(index)
    const seekTable = encodeSegmentSeekTable(index, indexFrame.length)
    return {
      tail: [indexFrame, seekTable],
      bytes: this.#position + indexFrame.length + seekTable.length,
      index,
      indexLocation: { position: this.#position, bytes: indexFrame.length, sha256: sha256Hex(indexFrame) },
    }
  }
}

/** The seek table that follows from an index; validation compares it with the stored one. */
export function encodeSegmentSeekTable(index: SegmentIndex, indexBytes: number): Buffer {
  return encodeSeekTable([
    { bytes: index.header.bytes, rawBytes: 0 },
    ...index.frames.map((frame) => ({ bytes: frame.bytes, rawBytes: frame.rawBytes })),
    { bytes: indexBytes, rawBytes: 0 },
  ])
}
