import { createHash } from 'node:crypto'
import { zstdDecompressSync } from 'node:zlib'

/** A commit document, as far as an archive is judged by it; the names are those of docs/format/commit.md. */
export interface CommitDocument {
  readonly number: string
  readonly previous_sha256: string | null
  readonly program: string
  /** Milliseconds since 1970, by the clock of its writer. */
  readonly created_at: string
  /** null: it takes something out, or writes it anew. */
  readonly run: RunDocument | null
  readonly topics: readonly {
    readonly name: string
    readonly topic_id: string
    readonly partitions: number
  }[]
  readonly begins: readonly { readonly topic: string; readonly partition: number; readonly offset: string }[]
  readonly segments: readonly SegmentDocument[]
  readonly gaps: readonly GapDocument[]
  readonly divergences?: readonly DivergenceDocument[]
  readonly artifacts: readonly { readonly kind: string; readonly key: string; readonly sha256: string }[]
  readonly pruned?: {
    readonly partitions: readonly PrunedDocument[]
    readonly orphans: readonly string[]
    readonly artifacts?: readonly string[]
  }
  readonly compacted?: { readonly objects: readonly string[] }
}

/** An entry of `pruned.partitions`. */
export interface PrunedDocument {
  readonly topic: string
  readonly partition: number
  readonly lineage?: number
  readonly first_offset: string
  readonly end_offset: string
  readonly objects: readonly string[]
  readonly records: number
}

/** What a commit says of the run that made it. */
export interface RunDocument {
  readonly id: string
  readonly outcome: string
  readonly unread: readonly { readonly topic: string; readonly partition: number }[]
  /** Of a continuous run its recovery point in milliseconds since 1970; `0`: there is none yet. */
  readonly target_at: string
  readonly continuous?: true
}

/** An entry of `segments`. */
export interface SegmentDocument {
  readonly key: string
  readonly bytes: number
  readonly index: { readonly position: number; readonly bytes: number; readonly sha256: string }
  readonly parts: readonly PartDocument[]
}

/** An entry of `parts`. */
export interface PartDocument {
  readonly topic: string
  readonly partition: number
  readonly lineage?: number
  readonly begin_offset: string
  readonly last_offset: string
  readonly next_offset: string
  /** Its data frames among those of the segment, from 0; the end is exclusive. */
  readonly frames: readonly [first: number, end: number]
  readonly records: number
  readonly holes: readonly (readonly [string, string])[]
}

/** An entry of `gaps`. */
export interface GapDocument {
  readonly topic: string
  readonly partition: number
  readonly lineage?: number
  readonly first_offset: string
  readonly end_offset: string
  readonly reason: string
}

/** An entry of `divergences`. */
export interface DivergenceDocument {
  readonly topic: string
  readonly partition: number
  readonly lineage: number
  readonly topic_id: string
  readonly begin_offset: string
  readonly common_end_offset: string | null
}

/** An entry of an index's `aborted`. */
export interface AbortedDocument {
  /** Which of the segment's parts, from 0. */
  readonly stream: number
  readonly producer_id: string
  readonly first_offset: string
  readonly end_offset: string | null
}

/** A batch of a segment. Offsets inclusive. */
export interface ArchivedBatch {
  readonly baseOffset: bigint
  readonly lastOffset: bigint
  readonly producerId: bigint
  readonly isControl: boolean
  /** Milliseconds since 1970, as the header says. */
  readonly maxTimestamp: bigint
  readonly bytes: Buffer
}

const SEEKABLE_MAGIC = 0x8f92eab1
const ZSTD_MAGIC = 0xfd2fb528
const SEEK_FOOTER_BYTES = 9
const CONTROL_BIT = 0x20
const SKIPPABLE_OVERHEAD_BYTES = 8

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** The document of an artifact. */
export function documentIn(key: string, bytes: Buffer): string {
  return (key.endsWith('.zst') ? zstdDecompressSync(bytes) : bytes).toString()
}

/** The batches of one part of a segment, found through the seek table alone, by a decoder that shares nothing with the program. */
export function batchesOf(segment: Buffer, { frames: [first, end] }: PartDocument): ArchivedBatch[] {
  if (segment.readUInt32LE(segment.length - 4) !== SEEKABLE_MAGIC) throw new Error('no seek table')
  const frames = segment.readUInt32LE(segment.length - SEEK_FOOTER_BYTES)
  const tableBegin = segment.length - SEEK_FOOTER_BYTES - frames * 8
  const batches: ArchivedBatch[] = []
  let position = 0
  let dataFrames = 0
  for (let at = 0; at < frames; at++) {
    const size = segment.readUInt32LE(tableBegin + at * 8)
    const frame = segment.subarray(position, position + size)
    position += size
    if (frame.readUInt32LE(0) !== ZSTD_MAGIC) continue
    if (dataFrames >= first && dataFrames < end) batches.push(...batchesIn(zstdDecompressSync(frame)))
    dataFrames++
  }
  if (dataFrames < end) throw new Error(`there are ${dataFrames} data frames, and the part ends with ${end}`)
  return batches
}

/** The aborted transactions of one part in a segment's index, which has to be what its commit says. */
export function abortedOf(
  segment: Buffer,
  { index, parts }: SegmentDocument,
  part: PartDocument,
): readonly AbortedDocument[] {
  const frame = segment.subarray(index.position, index.position + index.bytes)
  if (sha256(frame) !== index.sha256) throw new Error('the index is not the one that the commit names')
  const document = JSON.parse(frame.subarray(SKIPPABLE_OVERHEAD_BYTES).toString()) as {
    aborted: AbortedDocument[]
  }
  return document.aborted.filter(({ stream }) => stream === parts.indexOf(part))
}

function batchesIn(bytes: Buffer): ArchivedBatch[] {
  const batches: ArchivedBatch[] = []
  for (let at = 0; at < bytes.length; ) {
    const byteCount = 12 + bytes.readInt32BE(at + 8)
    const batch = bytes.subarray(at, at + byteCount)
    const baseOffset = batch.readBigInt64BE(0)
    const lastOffset = baseOffset + BigInt(batch.readInt32BE(23))
    batches.push({
      baseOffset,
      lastOffset,
      isControl: (batch.readInt16BE(21) & CONTROL_BIT) !== 0,
      maxTimestamp: batch.readBigInt64BE(35),
      producerId: batch.readBigInt64BE(43),
      bytes: batch,
    })
    at += byteCount
  }
  return batches
}
