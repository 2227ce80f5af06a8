import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compressFrameSync, decompressFrameSync } from 'lz4-napi'
import {
  compressLz4Frame,
  compressLz4FrameAsync,
  decompressLz4Frame,
  storedLz4Frame,
} from '../../src/protocol/lz4-frame.ts'
import { xxh32 } from '../../src/protocol/xxh32.ts'
import { LIMITS } from '../../src/runtime/limits.ts'
import { prng } from './prng.ts'
import { expectCode } from './samples.ts'

const CEILING = 64 * 1024 * 1024

/** A frame: magic, flags, descriptor (64 KiB blocks), optional content size, header checksum, then `blocks`. */
function frame(
  flags: number,
  blocks: string,
  options: { size?: number; tail?: string; descriptor?: number } = {},
): Buffer {
  const header = Buffer.alloc(options.size === undefined ? 2 : 10)
  header[0] = flags
  header[1] = options.descriptor ?? 0x40
  if (options.size !== undefined) header.writeBigUInt64LE(BigInt(options.size), 2)
  const checksum = (xxh32(header) >>> 8) & 0xff
  return Buffer.concat([
    Buffer.from('04224d18', 'hex'),
    header,
    Buffer.from([checksum]),
    Buffer.from(blocks + (options.tail ?? '00000000'), 'hex'),
  ])
}

const word = (value: number): string => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes.toString('hex')
}
const block = (hex: string): string => word(hex.length / 2) + hex
const stored = (hex: string): string => word(hex.length / 2 + 0x80000000) + hex

// Token 0x34: 3 literals 'abc', a match of 4 + 4 bytes; offset 3: 'abcabcabcab'. Token 0x10: 1 literal 'z', the end.
const ABC = '34' + '616263' + '0300' + '10' + '7a'

test('a frame worked out by hand is decoded', () => {
  assert.equal(decompressLz4Frame(frame(0x60, block(ABC)), 100).toString(), 'abcabcabcabz')
  assert.equal(decompressLz4Frame(frame(0x60, stored('6162') + block(ABC)), 100).toString(), 'ababcabcabcabz')
  assert.equal(decompressLz4Frame(frame(0x68, block(ABC), { size: 12 }), 100).toString(), 'abcabcabcabz')
  assert.equal(decompressLz4Frame(frame(0x60, ''), 0).length, 0)
})

test('long literal and match lengths continue over bytes of 255', () => {
  // Literals 15 + 255 + 30 = 300; then a match of offset 300, length 4 + 15 + 255 + 26 = 300; then the empty end.
  const literals = prng(11).bytes(300)
  const hex = 'ff' + 'ff1e' + literals.toString('hex') + '2c01' + 'ff1a' + '00'
  assert.deepEqual(decompressLz4Frame(frame(0x60, block(hex)), 1000), Buffer.concat([literals, literals]))
  // Overlapping match: one literal, then 100 copies of it.
  const run = '1f' + '61' + '0100' + '51' + '00'
  assert.equal(decompressLz4Frame(frame(0x60, block(run)), 1000).toString(), 'a'.repeat(101))
})

test('checksums of content and blocks are verified', () => {
  const content = word(xxh32(Buffer.from('abcabcabcabz')))
  const good = frame(0x64, block(ABC), { tail: `00000000${content}` })
  assert.equal(decompressLz4Frame(good, 100).length, 12)
  const blockSum = word(xxh32(Buffer.from(ABC, 'hex')))
  assert.equal(decompressLz4Frame(frame(0x70, block(ABC) + blockSum), 100).length, 12)
  for (const bad of [
    frame(0x64, block(ABC), { tail: `00000000${word(1)}` }),
    frame(0x70, block(ABC) + word(1)),
    frame(0x68, block(ABC), { size: 13 }),
  ]) {
    expectCode('KB_BATCH_CORRUPT', () => decompressLz4Frame(bad, 100))
  }
  const header = frame(0x60, block(ABC))
  header[6]! ^= 1
  expectCode('KB_BATCH_CORRUPT', () => decompressLz4Frame(header, 100))
})

test('matches reach into earlier blocks only where blocks are linked', () => {
  // Second block: a match of 4 bytes, 11 back, then 'z'.
  const second = '00' + '0b00' + '10' + '7a'
  assert.equal(
    decompressLz4Frame(frame(0x40, block(ABC) + block(second)), 100).toString(),
    'abcabcabcabzbcabz',
  )
  expectCode('KB_BATCH_CORRUPT', () => decompressLz4Frame(frame(0x60, block(ABC) + block(second)), 100))
  // Not into an earlier frame either.
  const two = Buffer.concat([frame(0x40, block(ABC)), frame(0x40, block(second))])
  expectCode('KB_BATCH_CORRUPT', () => decompressLz4Frame(two, 100))
})

test('malformed blocks and frames are refused', () => {
  const cases: [string, Buffer][] = [
    ['offset 0', frame(0x60, block('1061' + '0000' + '00'))],
    ['offset before the beginning', frame(0x60, block('1061' + '0200' + '00'))],
    ['literals leave the block', frame(0x60, block('5061'))],
    ['literal length is cut', frame(0x60, block('f0ff'))],
    ['match offset is cut', frame(0x60, block('106101'))],
    ['match length is cut', frame(0x60, block('1f610100'))],
    ['ends with a match', frame(0x60, block('10610100'))],
    ['block leaves the input', frame(0x60, word(100) + ABC)],
    ['end mark missing', frame(0x60, block(ABC), { tail: '' })],
    ['content checksum missing', frame(0x64, block(ABC))],
    ['version 2', frame(0xa0, block(ABC))],
    ['reserved flag', frame(0x62, block(ABC))],
    ['reserved descriptor bit', frame(0x60, block(ABC), { descriptor: 0xc0 })],
    ['block size code 3', frame(0x60, block(ABC), { descriptor: 0x30 })],
    ['block above its maximum', frame(0x60, stored('00'.repeat(65537)))],
    ['other bytes behind the frame', Buffer.concat([frame(0x60, block(ABC)), Buffer.from([1, 2, 3, 4, 5])])],
    ['other magic', Buffer.from('05224d186040820000000000', 'hex')],
    ['nothing', Buffer.alloc(0)],
    ['only a skippable frame', Buffer.from('502a4d1800000000', 'hex')],
    ['skippable frame is cut', Buffer.from('502a4d180100000004', 'hex').subarray(0, 8)],
  ]
  for (const [what, bytes] of cases) {
    expectCode('KB_BATCH_CORRUPT', () => decompressLz4Frame(bytes, 1_000_000), what)
  }
  const dictionary = Buffer.from('04224d18' + '6140' + '01000000' + '00' + '00000000', 'hex')
  dictionary[10] = (xxh32(dictionary, 4, 10) >>> 8) & 0xff
  expectCode('KB_FORMAT_UNSUPPORTED', () => decompressLz4Frame(dictionary, 100))
})

test('frames may follow each other, skippable frames are left out, the ceiling is for all of them', () => {
  const skippable = Buffer.from('5f2a4d1802000000ffff', 'hex')
  const both = Buffer.concat([
    skippable,
    frame(0x60, block(ABC)),
    skippable,
    frame(0x60, block(ABC)),
    skippable,
  ])
  assert.equal(decompressLz4Frame(both, 24).toString(), 'abcabcabcabz'.repeat(2))
  expectCode('KB_LIMIT_EXCEEDED', () => decompressLz4Frame(both, 23))
  expectCode('KB_LIMIT_EXCEEDED', () => decompressLz4Frame(frame(0x68, block(ABC), { size: 12 }), 11))
})

test('more frames than any encoder writes are refused', () => {
  const many = Buffer.concat(Array<Buffer>(LIMITS.bodyMaxFrames + 1).fill(frame(0x60, '')))
  expectCode('KB_LIMIT_EXCEEDED', () => decompressLz4Frame(many, 100))
})

test('agrees with the native library in both directions', async () => {
  const random = prng(12)
  for (let index = 0; index < 60; index++) {
    const unit = random.bytes(1 + random.below(200))
    const raw = Buffer.concat(
      Array.from({ length: random.below(2000) + 1 }, () =>
        random.chance(0.8) ? unit : random.bytes(random.below(60)),
      ),
    )
    const options = { contentChecksum: random.chance(0.5), blockChecksums: random.chance(0.5) }
    assert.ok(decompressLz4Frame(compressFrameSync(raw, options), CEILING).equals(raw))
    const compressed = compressLz4Frame(raw, { contentChecksum: true })
    assert.ok(decompressLz4Frame(compressed, raw.length).equals(raw))
    assert.ok((await compressLz4FrameAsync(raw, { contentChecksum: true })).equals(compressed))
    const chunks = [raw.subarray(0, 10), raw.subarray(10)]
    const storedFrame = Buffer.concat(storedLz4Frame(chunks))
    assert.ok(decompressLz4Frame(storedFrame, raw.length).equals(raw))
    assert.ok(decompressFrameSync(storedFrame).equals(raw))
  }
})

test('frames that we write have what the Java client demands: version 1, independent blocks', () => {
  for (const bytes of [
    compressLz4Frame(Buffer.alloc(9_000_000, 'ab')),
    storedLz4Frame([Buffer.alloc(5)])[0]!,
  ]) {
    assert.equal(bytes.readUInt32LE(0), 0x184d2204)
    assert.equal(bytes[4]! & 0xe3, 0x60)
  }
})

test('stored frames copy nothing, split what is above 4 MiB and may be empty', () => {
  const chunk = prng(13).bytes(100)
  const large = Buffer.alloc(9 * 1024 * 1024, 3)
  const pieces = storedLz4Frame([chunk, Buffer.alloc(0), large])
  assert.equal(pieces[2]!.buffer, chunk.buffer)
  assert.equal(pieces.length, 1 + 2 + 3 * 2 + 1)
  assert.ok(decompressLz4Frame(Buffer.concat(pieces), CEILING).equals(Buffer.concat([chunk, large])))
  assert.equal(decompressLz4Frame(Buffer.concat(storedLz4Frame([])), 0).length, 0)
})
