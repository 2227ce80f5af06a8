import { invariant } from '../runtime/invariant.ts'
import { crc32c } from './crc32c.ts'
import {
  BATCH_ATTRIBUTE,
  BATCH_FIELD,
  BATCH_LENGTH_OVERHEAD_BYTES,
  BATCH_MAGIC,
  type BatchCursor,
} from './record-batch.ts'

/** What a batch is given before it is produced again. */
export interface ProducePatch {
  readonly producerId: bigint
  readonly producerEpoch: number
  /** Sequence of the first record, 0 to 2^31 - 1. */
  readonly baseSequence: number
  readonly isTransactional: boolean
}

/**
 * True when the batch may be produced as it is, after {@link patchForProduce}: brokers take neither control
 * batches, nor batches whose record count differs from their offsets, nor message sets. Two more would be taken and change what
 * consumers see or what the log means, so they are re-encoded: a batch with a delete horizon (KIP-534), and one
 * with log append time, whose records the broker would give the producer's times back.
 */
export function isProducible(cursor: BatchCursor): boolean {
  if (cursor.messageSet !== null) return false
  const { attributes, recordCount } = cursor
  const forbidden = BATCH_ATTRIBUTE.control | BATCH_ATTRIBUTE.deleteHorizon | BATCH_ATTRIBUTE.logAppendTime
  return (attributes & forbidden) === 0 && recordCount > 0 && recordCount === cursor.lastOffsetDelta + 1
}

/**
 * Rewrites the header of the producible batch at `position` in place: base offset 0, leader epoch -1, the
 * producer's fields, the transactional bit, and the CRC-32C. The records are not touched.
 */
export function patchForProduce(buffer: Buffer, position: number, patch: ProducePatch): void {
  assertMagic(buffer, position)
  const attributes = buffer.readInt16BE(position + BATCH_FIELD.attributes)
  invariant(
    (attributes & (BATCH_ATTRIBUTE.control | BATCH_ATTRIBUTE.deleteHorizon)) === 0,
    'a control batch or one with a delete horizon is never produced',
  )
  const marked = patch.isTransactional
    ? attributes | BATCH_ATTRIBUTE.transactional
    : attributes & ~BATCH_ATTRIBUTE.transactional
  buffer.writeBigInt64BE(0n, position + BATCH_FIELD.baseOffset)
  buffer.writeInt32BE(-1, position + BATCH_FIELD.partitionLeaderEpoch)
  buffer.writeInt16BE(marked, position + BATCH_FIELD.attributes)
  buffer.writeBigInt64BE(patch.producerId, position + BATCH_FIELD.producerId)
  buffer.writeInt16BE(patch.producerEpoch, position + BATCH_FIELD.producerEpoch)
  buffer.writeInt32BE(patch.baseSequence, position + BATCH_FIELD.baseSequence)
  sealBatch(buffer, position)
}

/** Writes the CRC-32C of the batch at `position`, whose length field is right already. */
export function sealBatch(buffer: Buffer, position: number): void {
  assertMagic(buffer, position)
  const batchLength = buffer.readInt32BE(position + BATCH_FIELD.batchLength)
  const end = position + BATCH_LENGTH_OVERHEAD_BYTES + batchLength
  invariant(batchLength > 0 && end <= buffer.length, 'the batch lies inside the buffer')
  const crc = crc32c(buffer.subarray(position + BATCH_FIELD.attributes, end))
  buffer.writeUInt32BE(crc, position + BATCH_FIELD.crc)
}

function assertMagic(buffer: Buffer, position: number): void {
  invariant(buffer[position + BATCH_FIELD.magic] === BATCH_MAGIC, 'only record batches are changed')
}
