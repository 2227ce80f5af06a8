import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compressBody } from '../../src/protocol/batch-compression.ts'
import { CODECS } from '../../src/protocol/codec.ts'
import { crc32c } from '../../src/protocol/crc32c.ts'
import { decompressRecords, type KafkaRecord, readRecords, visitRecords } from '../../src/protocol/record.ts'
import { BATCH_FIELD, BatchCursor, verifyCrc } from '../../src/protocol/record-batch.ts'
import { assembleBatch, buildBatch, withBody } from '../../src/protocol/record-batch-builder.ts'
import { prng } from './prng.ts'
import { cursorOn, expectCode, randomBatchInput, record } from './samples.ts'

// A record: 16 length 11 | 00 attributes | 00 timestamp delta 0 | 00 offset delta 0 | 02 key of 1 byte, 'k' |
// 02 value of 1 byte, 'v' | 02 one header | 02 name of 1 byte, 'h' | 01 value -1: null
const RECORD = '16' + '00' + '00' + '00' + '026b' + '0276' + '02' + '0268' + '01'
// 61 + 12 bytes, of which the length field counts 61 = 0x3d. 1700000000000 = 0x18bcfe56800.
const CRC_COVERED =
  '0000' +
  '00000000' +
  '0000018bcfe56800' +
  '0000018bcfe56800' +
  'ff'.repeat(8) +
  'ffff' +
  'ffffffff' +
  '00000001' +
  RECORD
const CRC = crc32c(Buffer.from(CRC_COVERED, 'hex')).toString(16).padStart(8, '0')
const BATCH = Buffer.from('0000000000000005' + '0000003d' + '00000003' + '02' + CRC + CRC_COVERED, 'hex')

const bytes = (text: string): Buffer => Buffer.from(text)

test('a batch worked out by hand is read, and built again to the byte', () => {
  const cursor = cursorOn(BATCH)
  verifyCrc(cursor)
  const expected = {
    offset: 5n,
    timestamp: 1_700_000_000_000n,
    key: bytes('k'),
    value: bytes('v'),
    headers: [{ nameBytes: bytes('h'), name: 'h', value: null }],
  }
  const records = [...readRecords(cursor)]
  assert.deepEqual(records, [expected])
  assert.deepEqual(buildBatch({ baseOffset: 5n, partitionLeaderEpoch: 3, records }), BATCH)
})

test('null and empty stay apart, names keep invalid UTF-8, duplicates keep their order', () => {
  const headers = [
    { nameBytes: bytes('a'), value: null },
    { nameBytes: bytes('a'), value: Buffer.alloc(0) },
    { nameBytes: Buffer.from([0xc3, 0x28, 0x00]), value: bytes('x') },
    { nameBytes: Buffer.alloc(0), value: bytes('y') },
  ]
  const batch = buildBatch({
    records: [
      record({ headers }),
      record({ key: Buffer.alloc(0), value: null }),
      record({ key: null, value: Buffer.alloc(0) }),
    ],
  })
  const [first, second, third] = [...readRecords(cursorOn(batch))] as [KafkaRecord, KafkaRecord, KafkaRecord]
  assert.deepEqual(
    first.headers.map(({ nameBytes, value }) => ({ nameBytes, value })),
    headers,
  )
  assert.equal(first.headers[0]?.value, null)
  assert.deepEqual(first.headers[1]?.value, Buffer.alloc(0))
  assert.equal(first.headers[2]?.name, '\ufffd(\0')
  assert.deepEqual([second.key?.length, second.value], [0, null])
  assert.deepEqual([third.key, third.value?.length], [null, 0])
})

test('random batches of every codec round-trip through records', () => {
  const random = prng(3)
  for (let index = 0; index < 400; index++) {
    const input = randomBatchInput(random, random.below(8))
    const batch = buildBatch(input)
    const cursor = cursorOn(batch)
    verifyCrc(cursor)
    const seen: KafkaRecord[] = []
    visitRecords(cursor, (each) => seen.push(each))
    assert.deepEqual([...readRecords(cursor)], seen)
    const base = input.baseOffset ?? 0n
    const isAppendTime = input.timestampType === 'log_append_time'
    assert.deepEqual(
      seen.map((each) => ({
        offsetDelta: Number(each.offset - base),
        timestamp: each.timestamp,
        key: each.key,
        value: each.value,
        headers: each.headers.map(({ nameBytes, value }) => ({ nameBytes, value })),
      })),
      input.records.map((each) => ({
        offsetDelta: each.offsetDelta,
        timestamp: isAppendTime ? cursor.maxTimestamp : BigInt.asIntN(64, each.timestamp),
        key: each.key,
        value: each.value,
        headers: each.headers,
      })),
    )
  }
})

test('with log append time every record has the max timestamp of its batch', () => {
  const records = [record({ timestamp: 10n }), record({ timestamp: 20n })]
  const batch = buildBatch({ records, timestampType: 'log_append_time', maxTimestamp: 5000n })
  assert.deepEqual(
    [...readRecords(cursorOn(batch))].map((each) => each.timestamp),
    [5000n, 5000n],
  )
})

test('timestamps more than 24.8 days apart, before 1970 and around a delete horizon survive', () => {
  const timestamps = [
    1_700_000_000_000n,
    1_700_000_000_000n + 2n ** 31n,
    0n,
    -1n,
    -(2n ** 40n),
    2n ** 63n - 1n,
    -(2n ** 63n),
  ]
  for (const extra of [{}, { deleteHorizon: 1_800_000_000_000n }, { baseTimestamp: 2n ** 63n - 1n }]) {
    const batch = buildBatch({ records: timestamps.map((timestamp) => record({ timestamp })), ...extra })
    assert.deepEqual(
      [...readRecords(cursorOn(batch))].map((each) => each.timestamp),
      timestamps,
    )
  }
})

test('offsets with holes are those of the deltas', () => {
  const records = [record({ offsetDelta: 2 }), record(), record({ offsetDelta: 2 ** 31 - 1 })]
  const batch = buildBatch({ baseOffset: 100n, records })
  assert.deepEqual(
    [...readRecords(cursorOn(batch))].map((each) => each.offset),
    [102n, 103n, 100n + 2n ** 31n - 1n],
  )
})

test('the cursor may move on while records are read', () => {
  const first = buildBatch({ baseOffset: 1n, records: [record(), record()] })
  const cursor = new BatchCursor(Buffer.concat([first, buildBatch({ baseOffset: 50n, records: [record()] })]))
  cursor.next()
  const records = readRecords(cursor)
  cursor.next()
  assert.deepEqual(
    [...records].map((each) => each.offset),
    [1n, 2n],
  )
})

test('an emptied batch has no records, with any codec in its attributes', () => {
  for (const codecId of [0, 1, 2, 3, 4]) {
    const batch = buildBatch({ records: [], lastOffsetDelta: 4 })
    batch[BATCH_FIELD.attributes + 1] = codecId
    assert.deepEqual([...readRecords(cursorOn(batch))], [])
  }
})

/** A batch whose body is given as hex; `recordCount` and `lastOffsetDelta` as the header shall claim. */
const claiming = (body: string, recordCount: number, lastOffsetDelta = 10): BatchCursor =>
  cursorOn(
    assembleBatch(
      {},
      { body: Buffer.from(body, 'hex'), recordCount, lastOffsetDelta, baseTimestamp: 0n, maxTimestamp: 0n },
    ),
  )

// Smallest record: length 6, attributes, deltas of 0, key and value null, no header.
const plain = (delta: string, middle = '0101', headers = '00'): string =>
  '0c' + '0000' + delta + middle + headers

test('what the records say is held against the header and against each other', () => {
  assert.equal([...readRecords(claiming(plain('00') + plain('02'), 2))].length, 2)
  const cases: [string, BatchCursor][] = [
    ['fewer records than claimed', claiming(plain('00') + '00'.repeat(7), 2)],
    ['more records than claimed', claiming(plain('00') + plain('02'), 1)],
    ['a byte left over', claiming(plain('00') + '00', 1)],
    ['same delta twice', claiming(plain('00') + plain('00'), 2)],
    ['descending deltas', claiming(plain('04') + plain('02'), 2)],
    ['negative delta', claiming(plain('01'), 1)],
    ['delta behind the last', claiming(plain('16'), 1)],
    ['length too long', claiming('0e' + plain('00').slice(2), 1)],
    ['length too short', claiming('0a' + plain('00').slice(2), 1)],
    ['negative length', claiming('01' + plain('00').slice(2), 1)],
    ['key length -2', claiming(plain('00', '0301'), 1)],
    ['key longer than the body', claiming(plain('00', '7e01'), 1)],
    ['value longer than the record', claiming(plain('00', '0104') + plain('02'), 2)],
    ['negative header count', claiming(plain('00', '0101', '01'), 1)],
    ['more headers than bytes', claiming(plain('00', '0101', '7e'), 1)],
    ['header name null', claiming('10' + '000000' + '0101' + '02' + '0101', 1)],
    ['header value length -2', claiming('10' + '000000' + '0101' + '02' + '0003', 1)],
  ]
  for (const [what, cursor] of cases) {
    expectCode('KB_BATCH_CORRUPT', () => [...readRecords(cursor)], what)
    expectCode('KB_BATCH_CORRUPT', () => visitRecords(cursor, () => {}), what)
  }
})

test('records compressed with another codec are the same records under the same header', () => {
  const random = prng(4)
  for (const codec of CODECS) {
    const batch = buildBatch({ ...randomBatchInput(random, 5), codec })
    const cursor = cursorOn(batch)
    const raw = decompressRecords(cursor)
    const stored = cursorOn(withBody(cursor, 'none', raw))
    verifyCrc(stored)
    assert.equal(stored.codec, 'none')
    assert.equal(stored.partitionLeaderEpoch, cursor.partitionLeaderEpoch)
    assert.deepEqual([...readRecords(stored)], [...readRecords(cursor)])
    assert.deepEqual(withBody(stored, codec, compressBody(codec, raw)), batch)
  }
})
