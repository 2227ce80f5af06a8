import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { encodeMessage, encodeWrapper, type MessageInput } from '../../../testkit/src/message-set-builder.ts'
import { MESSAGE_MIN_BYTES } from '../../src/protocol/message.ts'
import { readRecords } from '../../src/protocol/record.ts'
import { assertBatch, BatchCursor, hasValidCrc, verifyCrc } from '../../src/protocol/record-batch.ts'
import { LIMITS } from '../../src/runtime/limits.ts'
import { costOf, lyingGzip, lz4Bomb, snappyBomb } from './bombs.ts'
import { sealMessage, wrap } from './message-samples.ts'
import { cursorOn, expectCode } from './samples.ts'

const MIB = 1024 * 1024

const message = (offset: bigint, parts: Partial<MessageInput> = {}): Buffer =>
  encodeMessage({ magic: 1, offset, timestamp: 1n, key: Buffer.from('k'), value: Buffer.from('v'), ...parts })

const changed = (bytes: Buffer, change: (bytes: Buffer) => unknown): Buffer => {
  change(bytes)
  sealMessage(bytes, 0, bytes.length)
  return bytes
}

/** A gzip member that says it holds so many bytes. */
function statingGzip(rawBytes: number): Buffer {
  const member = gzipSync(Buffer.alloc(MIB))
  member.writeUInt32LE(rawBytes, member.length - 4)
  return member
}

test('every single-bit flip behind the length is detected', () => {
  const records = [0n, 1n].map((offset) => ({ offset, key: null, value: Buffer.from(`value ${offset}`) }))
  for (const bytes of [message(7n), encodeWrapper(0, 'gzip', records), encodeWrapper(1, 'lz4', records)]) {
    for (let bit = 12 * 8; bit < bytes.length * 8; bit++) {
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      const cursor = new BatchCursor(bytes)
      // A change of the magic may make it another format, or none.
      if (bit >> 3 === 16) assert.throws(() => cursor.next() && verifyCrc(cursor))
      else {
        assert.ok(cursor.next())
        assert.equal(hasValidCrc(cursor), false, `bit ${bit}`)
        expectCode('KB_BATCH_CORRUPT', () => verifyCrc(cursor))
      }
      bytes[bit >> 3]! ^= 1 << (bit & 7)
    }
    verifyCrc(cursorOn(bytes))
  }
})

test('a wrong CRC inside a wrapper is detected, and so is every flip that it covers', () => {
  const inner = message(0n)
  for (let bit = 12 * 8; bit < inner.length * 8; bit++) {
    const bytes = Buffer.from(inner)
    bytes[bit >> 3]! ^= 1 << (bit & 7)
    expectCode('KB_BATCH_CORRUPT', () => assertBatch(cursorOn(wrap(bytes))), `bit ${bit}`)
  }
  assertBatch(cursorOn(wrap(inner)))
})

test('a length that cannot be right is refused before anything is read', () => {
  for (const [magic, minBytes] of MESSAGE_MIN_BYTES.entries()) {
    const smallest = message(0n, { magic: magic as 0 | 1, key: null, value: null })
    assert.equal(smallest.length, minBytes)
    assertBatch(cursorOn(smallest))
    for (const size of [-1, 0, minBytes - 13]) {
      smallest.writeInt32BE(size, 8)
      expectCode('KB_BATCH_CORRUPT', () => new BatchCursor(smallest).next(), `size ${size} in v${magic}`)
    }
    smallest.writeInt32BE(LIMITS.batchMaxBytes, 8)
    expectCode('KB_LIMIT_EXCEEDED', () => new BatchCursor(smallest).next())
  }
})

test('what no broker can hold is refused by name', () => {
  const two = Buffer.concat([message(0n), message(1n)])
  const cases: [RegExp, Buffer][] = [
    [
      /key or value of 2147483647 bytes/,
      changed(message(0n), (bytes) => bytes.writeInt32BE(2 ** 31 - 1, 26)),
    ],
    [/key or value of -2 bytes/, changed(message(0n), (bytes) => bytes.writeInt32BE(-2, 26))],
    [/do not fill/, changed(message(0n), (bytes) => bytes.writeInt32BE(-1, 31))],
    [/key and value leave/, changed(message(0n), (bytes) => bytes.writeInt32BE(5, 26))],
    [/inside a compressed message/, wrap(wrap(message(0n)))],
    [/zstd in format v1/, changed(wrap(two), (bytes) => (bytes[17] = 4))],
    [/zstd in format v0/, changed(wrap(two, { magic: 0 }), (bytes) => (bytes[17] = 4))],
    [/without a value/, message(0n, { codecId: 1, value: null })],
    [/0 bytes behind/, wrap(Buffer.alloc(0))],
    [/3 bytes behind/, wrap(Buffer.concat([two, Buffer.alloc(3)]))],
    [/36 bytes where 35 are left/, wrap(two.subarray(0, -1))],
    [/offset 0 behind 0/, wrap(Buffer.concat([message(0n), message(0n)]))],
    [/offset 1 behind 2/, wrap(Buffer.concat([message(2n), message(1n)]))],
    [/offsets -1 to 3/, wrap(Buffer.concat([message(-1n), message(3n)]))],
    [/offsets 0 to 10 in a message of 9/, wrap(Buffer.concat([message(0n), message(10n)]))],
    [/offset 10 in a message of 9/, wrap(message(10n, { magic: 0 }), { magic: 0 })],
    [/offsets 0 to 2147483648/, wrap(message(0n, { magic: 0 }), { magic: 0, offset: 2n ** 31n })],
    [/offsets -5 to -5/, message(-5n)],
    [/magic 2 inside/, wrap(changed(message(0n), (bytes) => (bytes[16] = 2)))],
  ]
  for (const [what, bytes] of cases) {
    assert.throws(() => assertBatch(cursorOn(bytes)), what)
    expectCode('KB_BATCH_CORRUPT', () => assertBatch(cursorOn(bytes)))
    expectCode('KB_BATCH_CORRUPT', () => readRecords(cursorOn(bytes)))
  }
  const unknown = changed(wrap(two), (bytes) => (bytes[17] = 5))
  expectCode('KB_FORMAT_UNSUPPORTED', () => assertBatch(cursorOn(unknown)))
})

test('a wrapper of the other format, or a checksum that old clients had wrong, counts where Kafka reads it', () => {
  const old = { codec: 'lz4-old-checksum', magic: 0 } as const
  assertBatch(cursorOn(wrap(message(0n, { magic: 0 }), old)))
  expectCode('KB_BATCH_CORRUPT', () => assertBatch(cursorOn(wrap(message(0n), { ...old, magic: 1 }))))
  const mixed = cursorOn(wrap(Buffer.concat([message(0n, { magic: 0 }), message(1n)]), { offset: 1n }))
  assert.deepEqual(
    [...readRecords(mixed)].map(({ timestamp }) => timestamp),
    [-1n, 1n],
  )
})

test('the error names the entry by the offset that stands in it, without decompressing it', () => {
  const bytes = wrap(message(0n), { offset: 77n })
  bytes[bytes.length - 9]! ^= 1
  assert.throws(() => verifyCrc(cursorOn(bytes)), {
    message: 'CRC-32 does not match in the batch at byte 0',
    context: { offset: '77' },
  })
})

test('bombs of every codec in a wrapper are refused in 100 ms and 64 MiB', (context) => {
  const bombs: [string, number, Buffer][] = [
    ['gzip that states its length', 1, statingGzip(600 * MIB)],
    ['gzip that lies', 1, lyingGzip(256 * MIB)],
    ['snappy', 2, snappyBomb(600 * MIB + 1)],
    ['lz4', 3, lz4Bomb(2560)],
  ]
  for (const [what, codecId, value] of bombs) {
    for (const magic of [0, 1] as const) {
      const bytes = encodeMessage({ magic, offset: 9n, key: null, value, codecId })
      const { elapsedMs, grownBytes } = costOf(() => assertBatch(cursorOn(bytes)))
      context.diagnostic(
        `${what}, v${magic}: ${elapsedMs.toFixed(1)} ms, ${(grownBytes / MIB).toFixed(1)} MiB`,
      )
      assert.ok(elapsedMs < 100, `${what}: ${elapsedMs} ms`)
      assert.ok(grownBytes < 64 * MIB, `${what}: ${grownBytes / MIB} MiB`)
    }
  }
})

test('the ceiling of bytes keeps the count of records below its own', () => {
  assert.ok(LIMITS.batchMaxRawBytes / MESSAGE_MIN_BYTES[0]! < LIMITS.batchMaxRecords)
})
