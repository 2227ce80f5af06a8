import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeMessage, encodeWrapper } from '../../../testkit/src/message-set-builder.ts'
import { StatisticsCollector } from '../../src/format/batch-statistics.ts'
import { isProducible, patchForProduce, sealBatch } from '../../src/protocol/batch-patch.ts'
import { minEffectiveTimestamp } from '../../src/protocol/effective-timestamp.ts'
import { decompressRecords, readRecords, visitRecords } from '../../src/protocol/record.ts'
import { assertBatch, BatchCursor, verifyCrc } from '../../src/protocol/record-batch.ts'
import { buildBatch, withBody } from '../../src/protocol/record-batch-builder.ts'
import { JAVA_MESSAGE_SETS } from './java-message-sets.ts'
import { MESSAGE_CODECS } from './message-samples.ts'
import { cursorOn, expectCode, record } from './samples.ts'

const MS = 1_600_000_000_000n
const APPEND_MS = 1_700_000_000_000n

interface Seen {
  readonly offset: bigint
  readonly timestamp: bigint
  readonly key: string | null
  readonly value: string | null
}

/** Every record of every batch, checked as a backup checks them. */
function seenIn(bytes: Buffer): Seen[] {
  const seen: Seen[] = []
  const cursor = new BatchCursor(bytes)
  while (cursor.next()) {
    verifyCrc(cursor)
    assertBatch(cursor)
    for (const { offset, timestamp, key, value, headers } of readRecords(cursor)) {
      assert.deepEqual(headers, [])
      seen.push({ offset, timestamp, key: key?.toString() ?? null, value: value?.toString() ?? null })
    }
  }
  assert.equal(cursor.partialBytes, 0)
  return seen
}

const message = (magic: 0 | 1, offset: bigint, timestamp = MS) => ({
  magic,
  offset,
  timestamp,
  key: Buffer.from(`k${offset}`),
  value: Buffer.from(`value ${offset}`),
})

/** A wrapper with three records and holes between them. */
const holed = (magic: 0 | 1, appendTimestamp?: bigint): Buffer =>
  encodeWrapper(
    magic,
    'gzip',
    [message(magic, 10n, MS + 5n), message(magic, 14n, MS - 5n), message(magic, 15n, MS)],
    appendTimestamp,
  )

test('what Kafka’s own client wrote is read, in every codec', () => {
  assert.equal(Object.keys(JAVA_MESSAGE_SETS).length, 10)
  for (const [name, base64] of Object.entries(JAVA_MESSAGE_SETS)) {
    const timestamps = name.startsWith('v0')
      ? [-1n, -1n, -1n, -1n]
      : name.endsWith('append')
        ? [APPEND_MS, APPEND_MS, APPEND_MS, APPEND_MS]
        : [MS, MS + 500n, MS - 1000n, -1n]
    const contents = [
      { key: 'k1', value: 'value one value one value one' },
      { key: null, value: 'two' },
      { key: 'k1', value: null },
      { key: '', value: '' },
    ]
    const expected = contents.map((content, at) => ({
      offset: 100n + BigInt(at),
      timestamp: timestamps[at],
      ...content,
    }))
    assert.deepEqual(seenIn(Buffer.from(base64, 'base64')), expected, name)
  }
})

test('a message is a batch of one record, with the fields that it does not have at their defaults', () => {
  const bytes = encodeMessage(message(1, 2n ** 40n))
  const cursor = cursorOn(bytes)
  assert.equal(cursor.magic, 1)
  assert.deepEqual([cursor.baseOffset, cursor.lastOffset], [2n ** 40n, 2n ** 40n])
  assert.deepEqual([cursor.baseOffsetNumber, cursor.lastOffsetNumber], [2 ** 40, 2 ** 40])
  assert.deepEqual([cursor.recordCount, cursor.lastOffsetDelta], [1, 0])
  assert.deepEqual([cursor.producerId, cursor.producerEpoch, cursor.baseSequence], [-1n, -1, -1])
  assert.equal(cursor.partitionLeaderEpoch, -1)
  assert.deepEqual([cursor.isControl, cursor.isTransactional, cursor.hasDeleteHorizon], [false, false, false])
  assert.deepEqual([cursor.codec, cursor.timestampType], ['none', 'create_time'])
  assert.deepEqual([cursor.baseTimestamp, cursor.maxTimestamp], [MS, MS])
  assert.equal(cursor.crc, bytes.readUInt32BE(12))
  assert.ok(cursor.bytes.equals(bytes))
  assert.equal(cursor.body.length, cursor.bodyByteLength)
})

test('a wrapper is the batch of its records: offsets from within, timestamps of the records', () => {
  for (const magic of [0, 1] as const) {
    const cursor = cursorOn(holed(magic))
    verifyCrc(cursor)
    assertBatch(cursor)
    assert.deepEqual([cursor.baseOffset, cursor.lastOffset, cursor.lastOffsetDelta], [10n, 15n, 5])
    assert.deepEqual([cursor.baseOffsetNumber, cursor.lastOffsetNumber], [10, 15])
    assert.deepEqual([cursor.recordCount, cursor.codec], [3, 'gzip'])
    const [min, max] = magic === 0 ? [-1n, -1n] : [MS - 5n, MS + 5n]
    assert.deepEqual([minEffectiveTimestamp(cursor, cursor.body), cursor.maxTimestamp], [min, max])
    assert.equal(cursor.body.length, cursor.bodyByteLength)
    const visited: bigint[] = []
    visitRecords(cursor, ({ offset }) => visited.push(offset))
    assert.deepEqual(visited, [10n, 14n, 15n])
    assert.equal(decompressRecords(cursor), decompressRecords(cursor), 'decompressed once')
  }
})

test('log append time is the time of every record in the wrapper, and means nothing in v0', () => {
  const cursor = cursorOn(holed(1, APPEND_MS))
  assert.equal(cursor.timestampType, 'log_append_time')
  assert.deepEqual(
    [...readRecords(cursor)].map(({ timestamp }) => timestamp),
    [APPEND_MS, APPEND_MS, APPEND_MS],
  )
  assert.deepEqual([minEffectiveTimestamp(cursor, cursor.body), cursor.maxTimestamp], [APPEND_MS, APPEND_MS])
  const v0 = cursorOn(encodeMessage({ ...message(0, 3n), timestampType: 'log_append_time' }))
  assert.deepEqual([v0.timestampType, v0.maxTimestamp], ['create_time', -1n])
})

test('a v0 wrapper may have an offset above its last record; a v1 wrapper gives its offset to the last', () => {
  const raised = (magic: 0 | 1): bigint[] => {
    const bytes = holed(magic)
    bytes.writeBigInt64BE(20n, 0)
    return [...readRecords(cursorOn(bytes))].map(({ offset }) => offset)
  }
  assert.deepEqual(raised(0), [10n, 14n, 15n])
  assert.deepEqual(raised(1), [15n, 19n, 20n])
  const cursor = cursorOn(holed(0))
  cursor.buffer.writeBigInt64BE(20n, 0)
  assert.deepEqual([cursor.baseOffset, cursor.lastOffset, cursor.lastOffsetDelta], [10n, 20n, 10])
})

test('entries of v0, v1 and v2 follow each other, and one that is cut anywhere is partial', () => {
  const batch = buildBatch({ baseOffset: 16n, records: [record(), record()], codec: 'snappy' })
  const parts = [
    encodeMessage(message(0, 8n)),
    encodeMessage(message(1, 9n)),
    holed(1),
    batch,
    encodeMessage(message(0, 30n)),
    encodeWrapper(0, 'lz4-old-checksum', [message(0, 31n), message(0, 32n)]),
  ]
  const whole = Buffer.concat(parts)
  assert.deepEqual(
    seenIn(whole).map(({ offset }) => offset),
    [8n, 9n, 10n, 14n, 15n, 16n, 17n, 30n, 31n, 32n],
  )
  for (const last of [parts[0]!, parts[2]!]) {
    for (let kept = 0; kept < last.length; kept++) {
      const cursor = new BatchCursor(Buffer.concat([batch, last.subarray(0, kept)]))
      assert.ok(cursor.next())
      assert.ok(!cursor.next(), `cut after ${kept} bytes`)
      assert.deepEqual([cursor.position, cursor.partialBytes, cursor.messageSet], [batch.length, kept, null])
    }
  }
})

test('every codec is read in every format that has it', () => {
  for (const magic of [0, 1] as const) {
    for (const codec of MESSAGE_CODECS[magic]) {
      const large = { ...message(magic, 1n), value: Buffer.alloc(200_000, 'ab') }
      const seen = seenIn(encodeWrapper(magic, codec, [message(magic, 0n), large]))
      assert.deepEqual([seen.length, seen[1]?.value?.length], [2, 200_000], `${codec} in v${magic}`)
    }
  }
})

test('statistics take message sets like batches', () => {
  const collector = new StatisticsCollector()
  const cursor = new BatchCursor(
    Buffer.concat([
      encodeMessage(message(0, 8n)),
      holed(1),
      encodeWrapper(0, 'snappy-raw', [message(0, 20n), message(0, 21n)]),
    ]),
  )
  while (cursor.next()) collector.add(cursor, false, 0n)
  const largestBatchBytes = cursor.position - encodeMessage(message(0, 8n)).length - holed(1).length
  assert.deepEqual(collector.take(), {
    firstOffset: 8n,
    lastOffset: 21n,
    batches: 3,
    controlBatches: 0,
    records: 6,
    abortedRecords: 0,
    minTimestampMs: -1n,
    maxTimestampMs: MS + 5n,
    leaderEpochs: [[-1, 8n]],
    largestBatchBytes: Math.max(largestBatchBytes, holed(1).length),
    codecs: ['gzip', 'none', 'snappy'],
  })
})

test('a message set is never produced and never patched', () => {
  for (const bytes of [encodeMessage(message(1, 0n)), holed(0), holed(1)]) {
    const before = Buffer.from(bytes)
    const cursor = cursorOn(bytes)
    assert.equal(isProducible(cursor), false)
    const patch = { producerId: 1n, producerEpoch: 0, baseSequence: 0, isTransactional: false }
    expectCode('KB_INTERNAL', () => patchForProduce(bytes, 0, patch))
    expectCode('KB_INTERNAL', () => sealBatch(bytes, 0))
    expectCode('KB_INTERNAL', () => withBody(cursor, 'none', Buffer.alloc(0)))
    assert.ok(bytes.equals(before))
  }
})
