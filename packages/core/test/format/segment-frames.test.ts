import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ErrorCode } from '../../src/errors/error-codes.ts'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { canonicalJson, type JsonValue } from '../../src/format/canonical-json.ts'
import {
  decodeSeekTable,
  decodeSeekTableFooter,
  encodeSeekTable,
  SEEK_TABLE_FOOTER_BYTES,
  seekTableBytes,
} from '../../src/format/seek-table.ts'
import { SegmentBuilder } from '../../src/format/segment-builder.ts'
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  type SegmentHeader,
} from '../../src/format/segment-header.ts'
import {
  decodeSegmentIndex,
  encodeSegmentIndex,
  type FrameEntry,
  type SegmentIndex,
} from '../../src/format/segment-index.ts'
import {
  decodeSkippable,
  encodeSkippable,
  HEADER_MAGIC,
  INDEX_MAGIC,
} from '../../src/format/skippable-frame.ts'
import { LIMITS } from '../../src/runtime/limits.ts'
import { expectCode } from '../protocol/samples.ts'

const DIGEST = 'ab'.repeat(32)

const HEADER: SegmentHeader = {
  backupId: 'daily',
  writer: '9f2c11ab',
  sequence: 31,
  createdAtMs: 1_700_000_000_000n,
  transforms: ['zstd'],
  streams: [
    { topic: 'orders', topicId: 'Vj2aaaaaaaaaaaaaaaaaQQ', partition: 7 },
    { topic: 'old', topicId: null, partition: 0 },
  ],
}

const FRAME: FrameEntry = {
  stream: 0,
  position: 100,
  bytes: 50,
  rawBytes: 80,
  sha256: DIGEST,
  firstOffset: 2n ** 60n,
  lastOffset: 2n ** 60n + 1n,
  batches: 2,
  controlBatches: 1,
  records: 1,
  abortedRecords: 0,
  minTimestampMs: null,
  maxTimestampMs: -1n,
  leaderEpochs: [
    [-1, 2n ** 60n],
    [4, 2n ** 60n + 1n],
  ],
  largestBatchBytes: 60,
  codecs: ['gzip', 'none'],
}

const INDEX: SegmentIndex = {
  header: { bytes: 100, sha256: DIGEST },
  frames: [FRAME, { ...FRAME, stream: 1, position: 150, minTimestampMs: -5n }],
  aborted: [
    { stream: 0, producerId: 2n ** 62n, firstOffset: 3n, endOffset: 9n },
    { stream: 1, producerId: 1n, firstOffset: 0n, endOffset: null },
  ],
}

test('header and index are read as they were written', () => {
  assert.deepEqual(decodeSegmentHeader(encodeSegmentHeader(HEADER)), HEADER)
  assert.deepEqual(decodeSegmentIndex(encodeSegmentIndex(INDEX)), INDEX)
})

/** A document frame of which one field was changed, in canonical form. */
function changed(magic: number, frame: Buffer, change: (fields: Record<string, JsonValue>) => void): Buffer {
  const fields = JSON.parse(frame.subarray(8).toString())
  change(fields)
  return encodeSkippable(magic, Buffer.from(canonicalJson(fields)))
}

test('a header from the future is refused by name, a wrong one as damaged', () => {
  const cases: [ErrorCode, Record<string, JsonValue>][] = [
    ['KB_FORMAT_UNSUPPORTED', { version: 2 }],
    ['KB_FORMAT_UNSUPPORTED', { features: ['encryption'] }],
    ['KB_SEGMENT_CORRUPT', { format: 'something-else' }],
    ['KB_SEGMENT_CORRUPT', { writer: '9F2C11AB' }],
    ['KB_SEGMENT_CORRUPT', { sequence: -1 }],
    ['KB_SEGMENT_CORRUPT', { transforms: [] }],
    ['KB_SEGMENT_CORRUPT', { streams: [] }],
    ['KB_SEGMENT_CORRUPT', { streams: [{ topic: '..', topic_id: null, partition: 0 }] }],
    ['KB_SEGMENT_CORRUPT', { streams: [{ topic: 'a', topic_id: 'short', partition: 0 }] }],
    ['KB_SEGMENT_CORRUPT', { streams: [{ topic: 'a', topic_id: null, partition: 2 ** 31 }] }],
  ]
  for (const [code, fields] of cases) {
    const frame = changed(HEADER_MAGIC, encodeSegmentHeader(HEADER), (own) => Object.assign(own, fields))
    expectCode(code, () => decodeSegmentHeader(frame), JSON.stringify(fields))
  }
  const unknown = changed(HEADER_MAGIC, encodeSegmentHeader(HEADER), (own) =>
    Object.assign(own, { later: 1 }),
  )
  assert.deepEqual(decodeSegmentHeader(unknown), HEADER)
  const large = encodeSkippable(HEADER_MAGIC, Buffer.alloc(LIMITS.segmentHeaderMaxBytes))
  expectCode('KB_LIMIT_EXCEEDED', () => decodeSegmentHeader(large))
})

test('an index whose frames do not stand one behind the other is damaged', () => {
  const cases: [string, (fields: Record<string, JsonValue>, frame: Record<string, JsonValue>) => void][] = [
    ['a gap before a frame', (_, frame) => Object.assign(frame, { position: 101 })],
    ['no frame', (fields) => Object.assign(fields, { frames: [] })],
    [
      'a raw size above the limit',
      (_, frame) => Object.assign(frame, { raw_bytes: LIMITS.frameMaxRawBytes + 1 }),
    ],
    ['a size that no seek table holds', (_, frame) => Object.assign(frame, { bytes: 2 ** 32 })],
    [
      'a header above the limit',
      (fields) => Object.assign(fields, { header: { bytes: 2 ** 21, sha256: DIGEST } }),
    ],
    [
      'an offset that is no 64-bit integer',
      (_, frame) => Object.assign(frame, { last_offset: '9223372036854775808' }),
    ],
    ['a negative offset', (_, frame) => Object.assign(frame, { first_offset: '-1' })],
    ['an offset with a leading zero', (_, frame) => Object.assign(frame, { first_offset: '01' })],
    ['an offset that is a number', (_, frame) => Object.assign(frame, { first_offset: 1 })],
    ['a digest in capitals', (_, frame) => Object.assign(frame, { sha256: DIGEST.toUpperCase() })],
  ]
  for (const [what, change] of cases) {
    const frame = changed(INDEX_MAGIC, encodeSegmentIndex(INDEX), (fields) => {
      change(fields, (fields.frames as Record<string, JsonValue>[])[0]!)
    })
    expectCode('KB_SEGMENT_CORRUPT', () => decodeSegmentIndex(frame), what)
  }
})

test('no bit of a document frame changes without an error of the archive, or another meaning', () => {
  for (const [frame, decode] of [
    [encodeSegmentHeader(HEADER), decodeSegmentHeader],
    [encodeSegmentIndex(INDEX), decodeSegmentIndex],
  ] as const) {
    const original = decode(frame)
    for (let at = 0; at < frame.length * 8; at++) {
      const flipped = Buffer.from(frame)
      flipped[at >> 3]! ^= 1 << (at & 7)
      try {
        assert.notDeepEqual(decode(flipped), original)
      } catch (error) {
        // A change of a name may make a field unknown; that is an error too, since all are needed.
        assert.ok(isKafkaBackupError(error) && error.category === 'integrity', `bit ${at}: ${String(error)}`)
      }
    }
  }
})

test('a skippable frame is read only whole', () => {
  const frame = encodeSkippable(INDEX_MAGIC, Buffer.from('abc'))
  assert.equal(frame.toString('hex'), '512a4d1803000000616263')
  assert.equal(decodeSkippable(INDEX_MAGIC, frame).toString(), 'abc')
  for (const wrong of [frame.subarray(0, -1), frame.subarray(0, 7), Buffer.concat([frame, frame])]) {
    expectCode('KB_SEGMENT_CORRUPT', () => decodeSkippable(INDEX_MAGIC, wrong))
  }
  expectCode('KB_SEGMENT_CORRUPT', () => decodeSkippable(HEADER_MAGIC, frame))
})

test('a seek table is found from the end of a segment and read back', () => {
  const entries = [
    { bytes: 100, rawBytes: 0 },
    { bytes: 2 ** 32 - 1, rawBytes: 2 ** 32 - 1 },
    { bytes: 7, rawBytes: 80 },
  ]
  const table = encodeSeekTable(entries)
  assert.equal(table.length, seekTableBytes(3))
  assert.equal(decodeSeekTableFooter(table.subarray(-SEEK_TABLE_FOOTER_BYTES)), 3)
  assert.deepEqual(decodeSeekTable(table), entries)
  for (const position of [0, 4, table.length - 9, table.length - 5, table.length - 1]) {
    const wrong = Buffer.from(table)
    wrong[position]! ^= 0x04
    expectCode('KB_SEGMENT_CORRUPT', () => decodeSeekTable(wrong), `byte ${position}`)
  }
  expectCode('KB_SEGMENT_CORRUPT', () => decodeSeekTableFooter(table.subarray(-8)))
})

test('a builder refuses a segment without frames, and frames of streams it does not have', () => {
  const builder = new SegmentBuilder(HEADER)
  expectCode('KB_INTERNAL', () => builder.finish([]))
  expectCode('KB_INTERNAL', () => builder.addFrame({ ...FRAME, stream: 2 }, []))
})
