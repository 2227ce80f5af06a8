import assert from 'node:assert/strict'
import { ERROR_TABLE, type ErrorCode } from '../../src/errors/error-codes.ts'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { sealBatch } from '../../src/protocol/batch-patch.ts'
import { BATCH_ATTRIBUTE, BATCH_FIELD, BatchCursor } from '../../src/protocol/record-batch.ts'
import { type BatchInput, buildBatch, type RecordInput } from '../../src/protocol/record-batch-builder.ts'
import type { Prng } from './prng.ts'

/** Asserts that `action` throws one of our errors with this code. */
export function expectCode(code: ErrorCode, action: () => unknown, what?: string): void {
  assert.ok(code in ERROR_TABLE)
  assert.throws(action, (error) => {
    assert.ok(isKafkaBackupError(error), `${what ?? ''} threw ${String(error)}`)
    assert.equal(error.code, code, error.message)
    return true
  })
}

/** A cursor that stands on the first batch of `buffer`. */
export function cursorOn(buffer: Buffer): BatchCursor {
  const cursor = new BatchCursor(buffer)
  assert.ok(cursor.next())
  return cursor
}

export function record(parts: Partial<RecordInput> = {}): RecordInput {
  return { timestamp: 1_700_000_000_000n, key: null, value: null, headers: [], ...parts }
}

/** The batch with this id of a codec in its attributes, whatever its records are in; its checksum is right. */
export function withCodecId(batch: Buffer, codecId: number): Buffer {
  const changed = Buffer.from(batch)
  const attributes = changed.readInt16BE(BATCH_FIELD.attributes) & ~BATCH_ATTRIBUTE.codec
  changed.writeInt16BE(attributes | codecId, BATCH_FIELD.attributes)
  sealBatch(changed, 0)
  return changed
}

/** The control batch that ends a transaction: key version 0 and type, value version 0 and coordinator epoch. */
export function marker(
  type: 'abort' | 'commit' | 'other',
  offset: bigint,
  producerId: bigint,
  isEmptied = false,
): Buffer {
  const key = Buffer.from([0, 0, 0, { abort: 0, commit: 1, other: 2 }[type]])
  return buildBatch({
    baseOffset: offset,
    records: isEmptied ? [] : [record({ key, value: Buffer.from([0, 0, 0, 0, 0, 7]) })],
    producerId,
    producerEpoch: 0,
    isTransactional: true,
    isControl: true,
  })
}

function randomBytes(random: Prng): Buffer | null {
  if (random.chance(0.2)) return null
  const length = random.pick([0, 1, 5, 63, 64, 100, 300])
  // Repetition gives the codecs something to find.
  return random.chance(0.5) ? random.bytes(length) : Buffer.alloc(length, random.bytes(3))
}

const TIMESTAMPS = [
  -1n,
  0n,
  1_700_000_000_000n,
  1_699_999_999_999n,
  1_600_000_000_000n,
  2n ** 62n,
  -(2n ** 63n),
]

export function randomRecords(random: Prng, count: number): RecordInput[] {
  const records: RecordInput[] = []
  let offsetDelta = 0
  for (let index = 0; index < count; index++) {
    if (random.chance(0.1)) offsetDelta += random.below(300)
    records.push({
      timestamp: random.pick(TIMESTAMPS) + (random.chance(0.5) ? BigInt(random.below(5000)) : 0n),
      key: randomBytes(random),
      value: randomBytes(random),
      headers: Array.from({ length: random.chance(0.7) ? 0 : random.below(4) }, () => ({
        nameBytes: random.pick([Buffer.from('trace'), Buffer.from([0xff, 0xfe]), Buffer.alloc(0)]),
        value: randomBytes(random),
      })),
      offsetDelta,
    })
    offsetDelta++
  }
  return records
}

export function randomBatchInput(random: Prng, recordCount: number): BatchInput {
  const records = randomRecords(random, recordCount)
  const last = records.at(-1)?.offsetDelta ?? 0
  return {
    baseOffset: random.pick([0n, 12345n, 2n ** 40n]),
    records,
    codec: random.pick(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const),
    timestampType: random.chance(0.2) ? 'log_append_time' : 'create_time',
    lastOffsetDelta: last + (random.chance(0.2) ? random.below(10) : 0),
    partitionLeaderEpoch: random.below(100),
    producerId: random.pick([-1n, 4711n]),
    producerEpoch: 3,
    baseSequence: random.below(1000),
    isTransactional: random.chance(0.3),
    ...(random.chance(0.1) ? { deleteHorizon: 1_750_000_000_000n } : {}),
  }
}
