import type { Codec } from '../protocol/codec.ts'
import { decompressRecords } from '../protocol/record.ts'
import { BATCH_HEADER_BYTES, BatchCursor } from '../protocol/record-batch.ts'

/**
 * What brokers take as one batch of a topic. They measure it twice (tried on 3.9.1 and 4.2.1): as it comes by `max.message.bytes`, and as
 * they store it by that and by `segment.bytes`. What comes in the codec of the topic is stored as it comes; everything else is compressed
 * again, or not any more.
 */
export interface BatchLimit {
  /** Infinite: there is none. */
  readonly maxBytes: number
  /** What the brokers compress everything with; null: it stays as it comes. */
  readonly codec: Codec | null
}

/** True when the brokers take a batch as it is, which they may compress otherwise. */
export function fitsAsItIs(batch: Buffer, { maxBytes, codec }: BatchLimit): boolean {
  if (batch.length > maxBytes) return false
  if (codec === null) return true
  const cursor = new BatchCursor(batch)
  cursor.next()
  return cursor.codec === codec || compressedMaxBytes(rawBytesOf(cursor)) <= maxBytes
}

/** No codec makes more of so many bytes, whoever has written it: beyond the bound of snappy, which is the widest. */
export function compressedMaxBytes(rawBytes: number): number {
  return rawBytes + Math.ceil(rawBytes / 5) + 64
}

function rawBytesOf(cursor: BatchCursor): number {
  return BATCH_HEADER_BYTES + decompressRecords(cursor).length
}
