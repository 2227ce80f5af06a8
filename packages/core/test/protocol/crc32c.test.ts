import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32c } from '../../src/protocol/crc32c.ts'
import { xxh32 } from '../../src/protocol/xxh32.ts'
import { prng } from './prng.ts'

/** CRC-32C bit by bit, reflected polynomial 0x82f63b78. */
function slowCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0)
  }
  return (crc ^ 0xffffffff) >>> 0
}

test('CRC-32C has the values of RFC 3720', () => {
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283)
  assert.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa)
  assert.equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43)
  assert.equal(crc32c(Buffer.alloc(0)), 0)
})

test('CRC-32C agrees with a bitwise reference and can be continued', () => {
  const random = prng(2)
  for (let index = 0; index < 200; index++) {
    const bytes = random.bytes(random.below(300))
    const cut = random.below(bytes.length + 1)
    assert.equal(crc32c(bytes), slowCrc32c(bytes))
    assert.equal(crc32c(bytes.subarray(cut), crc32c(bytes.subarray(0, cut))), slowCrc32c(bytes))
  }
})

test('XXH32 has the published values', () => {
  const published: [string, number, number][] = [
    ['', 0, 0x02cc5d05],
    ['', 0x9e3779b1, 0x36b78ae7],
    ['a', 0, 0x550d7456],
    ['abc', 0, 0x32d153ff],
    ['Nobody inspects the spammish repetition', 0, 0xe2293b2f],
  ]
  for (const [text, seed, expected] of published) {
    const bytes = Buffer.from(text)
    assert.equal(xxh32(bytes, 0, bytes.length, seed), expected, text)
  }
  assert.equal(xxh32(Buffer.from('xxabcyy'), 2, 5), 0x32d153ff)
})
