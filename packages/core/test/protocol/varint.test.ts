import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  readShortVarlong,
  readUnsignedVarint,
  readVarint,
  readVarlong,
  unsignedVarintByteLength,
  varintByteLength,
  varlongByteLength,
  writeUnsignedVarint,
  writeVarint,
  writeVarlong,
} from '../../src/protocol/varint.ts'
import { prng } from './prng.ts'
import { expectCode } from './samples.ts'

const source = (...bytes: number[]) => ({ bytes: Uint8Array.from(bytes), position: 0, end: bytes.length })

test('signed varints have the bytes of the zigzag table', () => {
  // 0 -> 0, -1 -> 1, 1 -> 2, -64 -> 127, 64 -> 128 = 0x80 0x01
  const table: [number, number[]][] = [
    [0, [0x00]],
    [-1, [0x01]],
    [1, [0x02]],
    [-64, [0x7f]],
    [64, [0x80, 0x01]],
    [-8192, [0xff, 0x7f]],
    [2147483647, [0xfe, 0xff, 0xff, 0xff, 0x0f]],
    [-2147483648, [0xff, 0xff, 0xff, 0xff, 0x0f]],
  ]
  for (const [value, bytes] of table) {
    const target = new Uint8Array(5)
    assert.equal(writeVarint(target, 0, value), bytes.length)
    assert.deepEqual([...target.subarray(0, bytes.length)], bytes)
    assert.equal(varintByteLength(value), bytes.length)
    assert.equal(readVarint(source(...bytes)), value)
    assert.equal(readVarlong(source(...bytes)), BigInt(value))
  }
})

test('varlongs round-trip over all 64 bits', () => {
  const random = prng(1)
  const values = [
    0n,
    -1n,
    2n ** 63n - 1n,
    -(2n ** 63n),
    2n ** 31n,
    -(2n ** 31n) - 1n,
    2n ** 48n,
    -(2n ** 48n),
    2n ** 49n,
  ]
  for (let index = 0; index < 20_000; index++) {
    values.push(BigInt.asIntN(64, random.bytes(8).readBigInt64BE() >> BigInt(random.below(64))))
  }
  for (const value of values) {
    const bytes = new Uint8Array(10)
    const length = writeVarlong(bytes, 0, value)
    assert.equal(varlongByteLength(value), length)
    const from = { bytes, position: 0, end: length }
    assert.equal(readVarlong(from), value)
    assert.equal(from.position, length)
    const short = { bytes, position: 0, end: length }
    assert.equal(readShortVarlong(short), length <= 7 ? Number(value) : Number.NaN)
    assert.equal(short.position, length <= 7 ? length : 0)
    if (BigInt.asIntN(32, value) === value) {
      assert.equal(readVarint({ bytes, position: 0, end: length }), Number(value))
    }
  }
})

test('unsigned varints round-trip', () => {
  for (const value of [0, 1, 127, 128, 16383, 16384, 2097151, 2097152, 268435455, 268435456, 4294967295]) {
    const bytes = new Uint8Array(5)
    const length = writeUnsignedVarint(bytes, 0, value)
    assert.equal(unsignedVarintByteLength(value), length)
    assert.equal(readUnsignedVarint({ bytes, position: 0, end: length }), value)
  }
})

test('a varint that ends early is refused at every length', () => {
  for (let length = 0; length < 5; length++) {
    expectCode('KB_BATCH_CORRUPT', () => readUnsignedVarint(source(...Array(length).fill(0x80))))
  }
  for (let length = 0; length < 10; length++) {
    expectCode('KB_BATCH_CORRUPT', () => readVarlong(source(...Array(length).fill(0x80))))
  }
})

test('over-long varints are refused, zero padding inside the longest form is not', () => {
  expectCode('KB_BATCH_CORRUPT', () => readVarint(source(0x80, 0x80, 0x80, 0x80, 0x80, 0x01)))
  expectCode('KB_BATCH_CORRUPT', () => readVarint(source(0xff, 0xff, 0xff, 0xff, 0x1f)))
  expectCode('KB_BATCH_CORRUPT', () => readVarlong(source(...Array(10).fill(0xff), 0x01)))
  expectCode('KB_BATCH_CORRUPT', () => readVarlong(source(...Array(9).fill(0xff), 0x02)))
  assert.equal(readVarint(source(0x82, 0x00)), 1)
  assert.equal(readVarlong(source(0x82, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00)), 1n)
})

test('a read does not look behind the end of its range', () => {
  expectCode('KB_BATCH_CORRUPT', () =>
    readVarint({ bytes: Uint8Array.from([0x80, 0x01]), position: 0, end: 1 }),
  )
})
