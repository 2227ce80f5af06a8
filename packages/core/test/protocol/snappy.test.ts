import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compressSync, uncompressSync } from 'snappy'
import { compressXerial, compressXerialAsync, decompressSnappy } from '../../src/protocol/snappy-stream.ts'
import { prng } from './prng.ts'
import { expectCode } from './samples.ts'

const hex = (text: string): Buffer => Buffer.from(text, 'hex')
const HEADER = '82534e4150505900' + '00000001' + '00000001'

test('blocks worked out by hand are decoded, with each kind of element', () => {
  // 0b length 11; 08: literal of 3 'abc'; 11 03: kind 1, length 4 + 4, offset 3
  assert.equal(decompressSnappy(hex('0b' + '08616263' + '1103'), 11).toString(), 'abcabcabcab')
  // kind 2: 1e = (8 - 1) << 2 | 2, offset 0003
  assert.equal(decompressSnappy(hex('0b' + '08616263' + '1e0300'), 11).toString(), 'abcabcabcab')
  // kind 3: 1f, offset 00000003
  assert.equal(decompressSnappy(hex('0b' + '08616263' + '1f03000000'), 11).toString(), 'abcabcabcab')
  // literals with a length in 1, 2, 3 and 4 bytes: f0, f4, f8, fc
  for (const [tag, size] of [
    ['f0', 1],
    ['f4', 2],
    ['f8', 3],
    ['fc', 4],
  ] as const) {
    const length = Buffer.alloc(size)
    length.writeUIntLE(60, 0, size)
    assert.equal(
      decompressSnappy(hex(`3d${tag}${length.toString('hex')}${'61'.repeat(61)}`), 61).toString(),
      'a'.repeat(61),
    )
  }
  assert.equal(decompressSnappy(hex('00'), 0).length, 0)
})

test("xerial's framing is recognised, also when streams were joined", () => {
  const block = '000000040208' + '6162'
  const framed = HEADER + '00000004' + '02' + '046162'
  assert.equal(block.length, 16)
  assert.equal(decompressSnappy(hex(framed), 2).toString(), 'ab')
  assert.equal(decompressSnappy(hex(framed + framed), 4).toString(), 'abab')
  assert.equal(decompressSnappy(hex(framed + '00000004' + '02' + '046364'), 4).toString(), 'abcd')
  assert.equal(decompressSnappy(hex(HEADER), 0).length, 0)
  expectCode('KB_LIMIT_EXCEEDED', () => decompressSnappy(hex(framed + framed), 3))
})

test('malformed blocks are refused', () => {
  const cases: [string, string][] = [
    ['nothing', ''],
    ['length is cut', '80'],
    ['length of six bytes', '808080808001'],
    ['no block of this size can be so long', 'ff7f' + '0061'],
    ['no element', '01'],
    ['literal leaves the input', '03' + '086162'],
    ['literal leaves the output', '02' + '08616263'],
    ['literal length is cut', '3d' + 'f4' + '3c'],
    ['copy at the beginning', '04' + '1101'],
    ['copy from before the beginning', '09' + '0061' + '1102'],
    ['copy with offset 0', '09' + '0061' + '1100'],
    ['copy leaves the output', '05' + '0061' + '1101'],
    ['copy with one byte is cut', '09' + '0061' + '11'],
    ['copy with two bytes is cut', '09' + '0061' + '1e01'],
    ['copy with four bytes is cut', '09' + '0061' + '1f010000'],
    ['copy with an offset above 2^31', '09' + '0061' + '1f000000ff'],
    ['shorter than it says', '05' + '0061'],
    ['block of xerial leaves the input', HEADER + '00000009' + '02046162'],
    ['block of xerial with length 0', HEADER + '00000000'],
    ['block of xerial with negative length', HEADER + 'ffffffff02046162'],
    ['block length of xerial is cut', HEADER + '0000'],
  ]
  for (const [what, text] of cases)
    expectCode('KB_BATCH_CORRUPT', () => decompressSnappy(hex(text), 1_000_000), what)
})

test('agrees with the native library in both directions', async () => {
  const random = prng(14)
  for (let index = 0; index < 60; index++) {
    const unit = random.bytes(1 + random.below(200))
    const raw = Buffer.concat(
      Array.from({ length: random.below(2000) + 1 }, () =>
        random.chance(0.8) ? unit : random.bytes(random.below(60)),
      ),
    )
    assert.ok(decompressSnappy(compressSync(raw), raw.length).equals(raw))
    const framed = compressXerial(raw)
    assert.ok(decompressSnappy(framed, raw.length).equals(raw))
    assert.ok((await compressXerialAsync(raw)).equals(framed))
    assert.equal(framed.subarray(0, 16).toString('hex'), HEADER)
    const firstBlock = framed.subarray(20, 20 + framed.readInt32BE(16))
    assert.deepEqual(uncompressSync(firstBlock), raw.subarray(0, 32 * 1024))
  }
})
