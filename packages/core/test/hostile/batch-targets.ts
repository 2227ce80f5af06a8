import assert from 'node:assert/strict'
import { crc32 } from 'node:zlib'
import { AbortedTransactionTracker } from '../../src/protocol/aborted-transaction-tracker.ts'
import { compressBody, decompressBody } from '../../src/protocol/batch-compression.ts'
import { sealBatch } from '../../src/protocol/batch-patch.ts'
import { CODECS } from '../../src/protocol/codec.ts'
import { minEffectiveTimestamp } from '../../src/protocol/effective-timestamp.ts'
import { decompressRecords, readRecords, visitRecords } from '../../src/protocol/record.ts'
import { assertBatch, BatchCursor, hasValidCrc } from '../../src/protocol/record-batch.ts'
import { assembleBatch, buildBatch, encodeRecords } from '../../src/protocol/record-batch-builder.ts'
import { mutatedWrapper, randomMessages, sealMessage } from '../protocol/message-samples.ts'
import { type Prng, prng } from '../protocol/prng.ts'
import { marker, randomBatchInput, randomRecords } from '../protocol/samples.ts'
import { damage } from './damage.ts'
import { CASE_CEILING_BYTES, type FuzzTarget, INTEGRITY } from './fuzz-target.ts'

const SAMPLES = 60
const ENTRY_MIN_BYTES = 26

/** CRC-32C bit by bit (Castagnoli, reflected): slow, and written apart from what the product uses. */
function plainCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0)
  }
  return ~crc >>> 0
}

/** Everything that is done with bytes from a broker or an archive; two readers of the same bytes must agree. */
export function readBatches(bytes: Buffer, begin = 0, end: number = bytes.length): void {
  const tracker = new AbortedTransactionTracker(0n)
  const cursor = new BatchCursor(bytes, begin, end)
  let batchCount = 0
  while (cursor.next()) {
    assert.ok(++batchCount <= (end - begin) / ENTRY_MIN_BYTES, 'more batches than bytes')
    assert.ok(cursor.position >= begin && cursor.endPosition <= end, 'a batch outside of the bytes')
    const isIntact = hasValidCrc(cursor)
    const { messageSet, position, endPosition } = cursor
    const plain =
      messageSet === null
        ? plainCrc32c(bytes.subarray(position + 21, endPosition))
        : crc32(bytes.subarray(position + 16, endPosition))
    assert.equal(isIntact, plain === cursor.crc, 'the checksum is judged otherwise')
    assertBatch(cursor)
    tracker.addBatch(cursor)
    readBody(cursor)
  }
  assert.equal(cursor.position + cursor.partialBytes, end, 'bytes are lost at the end')
}

function readBody(cursor: BatchCursor): void {
  const isMessageSet = cursor.messageSet !== null
  const body = isMessageSet
    ? decompressRecords(cursor)
    : decompressBody(cursor.codec, cursor.body, CASE_CEILING_BYTES)
  const { baseOffset, lastOffset } = cursor
  let recordCount = 0
  let minTimestamp: bigint | null = null
  let nextOffset = baseOffset
  visitRecords(
    cursor,
    ({ offset, timestamp, headers }) => {
      if (isMessageSet && recordCount === 0) assert.equal(offset, baseOffset)
      assert.ok(offset >= nextOffset && offset <= lastOffset, 'a record out of order')
      assert.ok(headers.length <= body.length)
      nextOffset = offset + 1n
      recordCount++
      if (minTimestamp === null || timestamp < minTimestamp) minTimestamp = timestamp
    },
    body,
  )
  assert.equal(recordCount, cursor.recordCount, 'the count of records')
  assert.equal(minEffectiveTimestamp(cursor, body), minTimestamp, 'the smallest timestamp')
  assert.equal([...readRecords(cursor, body)].length, recordCount)
}

/** Makes the checksum of the first batch right again, as an attacker would. */
function seal(bytes: Buffer): void {
  if (bytes.length < ENTRY_MIN_BYTES) return
  const end = bytes.readInt32BE(8) + 12
  if (end < ENTRY_MIN_BYTES || end > bytes.length) return
  if (bytes[16] === 2) sealBatch(bytes, 0)
  else sealMessage(bytes, 0, end)
}

/** A batch that is well made around records that are not: changed before they were compressed. */
function aroundDamagedRecords(random: Prng): Buffer {
  const count = 1 + random.below(6)
  const records = randomRecords(random, count)
  const raw = encodeRecords(records, 0n)
  const codec = random.pick(CODECS)
  const body = compressBody(codec, random.chance(0.1) ? raw : damage(random, raw, raw))
  const lastOffsetDelta = random.chance(0.8) ? (records.at(-1)?.offsetDelta ?? 0) : random.below(3)
  const isControl = random.chance(0.1)
  return assembleBatch(
    {
      codec,
      isControl,
      isTransactional: isControl,
      timestampType: random.pick(['create_time', 'log_append_time']),
    },
    {
      body,
      recordCount: random.chance(0.9) ? count : random.pick([0, count + 1, 2 ** 31 - 1]),
      lastOffsetDelta,
      baseTimestamp: 0n,
      maxTimestamp: 5n,
    },
  )
}

export function batchTargets(): FuzzTarget[] {
  const random = prng(11)
  const batches = Array.from({ length: SAMPLES }, (_, at) => buildBatch(randomBatchInput(random, at % 8)))
  for (const type of ['abort', 'commit', 'other'] as const) {
    batches.push(marker(type, 5n, 4711n), marker(type, 6n, 4711n, true))
  }
  batches.push(Buffer.concat(batches.slice(0, 3)))
  const messages = Array.from({ length: SAMPLES }, () => randomMessages(random))
  messages.push(Buffer.concat([messages[0]!, batches[0]!, ...messages.slice(1, 4)]))
  const damaged = (samples: readonly Buffer[]) => (source: Prng) => {
    const bytes = damage(source, source.pick(samples), source.pick(samples))
    if (source.chance(0.6)) seal(bytes)
    return { bytes, run: () => readBatches(bytes) }
  }
  const made = (build: (source: Prng) => Buffer) => (source: Prng) => {
    const bytes = build(source)
    return { bytes, run: () => readBatches(bytes) }
  }
  const common = { categories: INTEGRITY, acceptedMin: 0.02 }
  return [
    { ...common, name: 'record batches', weight: 22, make: damaged(batches) },
    { ...common, name: 'message sets', weight: 10, make: damaged(messages) },
    { ...common, name: 'records inside whole batches', weight: 8, make: made(aroundDamagedRecords) },
    { ...common, name: 'messages inside whole wrappers', weight: 5, make: made(mutatedWrapper) },
  ]
}
