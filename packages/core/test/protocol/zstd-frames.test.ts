import assert from 'node:assert/strict'
import { test } from 'node:test'
import { constants, createZstdCompress, zstdCompressSync } from 'node:zlib'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { decompressZstd, decompressZstdAsync, walkZstdFrames } from '../../src/protocol/zstd-frames.ts'
import { LIMITS } from '../../src/runtime/limits.ts'
import { prng } from './prng.ts'
import { expectCode } from './samples.ts'

const MIB = 1024 * 1024

// Magic; descriptor 00 (window follows, no length, no checksum); window 58 = 2 MiB;
// block 19 00 00: last, raw, 3 bytes.
const ABC = Buffer.from('28b52ffd' + '00' + '58' + '190000' + '616263', 'hex')
const SKIPPABLE = Buffer.from('5a2a4d18' + '02000000' + 'ffff', 'hex')

test('a frame worked out by hand is walked and decoded', () => {
  assert.deepEqual(walkZstdFrames(ABC), [
    { begin: 0, end: 12, isSkippable: false, decodedMinBytes: 3, decodedMaxBytes: 3 },
  ])
  assert.equal(decompressZstd(ABC, 3).toString(), 'abc')
})

test('every frame is decoded, where Node stops at the first', async () => {
  const input = Buffer.concat([SKIPPABLE, ABC, SKIPPABLE, zstdCompressSync(Buffer.from('def')), ABC])
  assert.equal(decompressZstd(input, 9).toString(), 'abcdefabc')
  assert.equal((await decompressZstdAsync(input, 9)).toString(), 'abcdefabc')
  expectCode('KB_LIMIT_EXCEEDED', () => decompressZstd(input, 8))
  assert.deepEqual(
    walkZstdFrames(input).map((frame) => frame.isSkippable),
    [true, false, true, false, false],
  )
})

async function streamed(raw: Buffer, level: number, checksum: boolean): Promise<Buffer> {
  const stream = createZstdCompress({
    params: {
      [constants.ZSTD_c_compressionLevel]: level,
      [constants.ZSTD_c_checksumFlag]: checksum ? 1 : 0,
    },
  })
  for (let begin = 0; begin < raw.length; begin += 50_000) stream.write(raw.subarray(begin, begin + 50_000))
  stream.end()
  return Buffer.concat(await stream.toArray())
}

test('frames of a streaming encoder, as Java producers write them, are walked to their end', async () => {
  const random = prng(15)
  for (const size of [0, 1, 200, 70_000, 300_000]) {
    for (const level of [1, 3, 19]) {
      const raw = random.chance(0.5) ? random.bytes(size) : Buffer.alloc(size, random.bytes(37))
      const frame = await streamed(raw, level, random.chance(0.5))
      const input = Buffer.concat([frame, frame])
      const frames = walkZstdFrames(input)
      // Node's stream adds an empty frame at times, so only the borders between the two are known.
      assert.ok(frames.some(({ end }) => end === frame.length))
      assert.equal(frames.at(-1)?.end, input.length)
      const sum = (pick: (each: (typeof frames)[0]) => number) =>
        frames.reduce((total, each) => total + pick(each), 0)
      assert.ok(sum((each) => each.decodedMinBytes) <= 2 * size)
      assert.ok(sum((each) => each.decodedMaxBytes) >= 2 * size)
      assert.ok(decompressZstd(input, 2 * size).equals(Buffer.concat([raw, raw])))
    }
  }
})

test('each way of stating a length is understood', () => {
  for (const size of [10, 255, 256, 300, 65_791, 65_792, 5 * MIB]) {
    const [frame] = walkZstdFrames(zstdCompressSync(Buffer.alloc(size)))
    assert.deepEqual([frame?.decodedMinBytes, frame?.decodedMaxBytes], [size, size])
  }
  // Descriptor e0: one segment, length in eight bytes.
  const wide = Buffer.from('28b52ffd' + 'e0' + '0300000000000000' + '190000' + '616263', 'hex')
  assert.equal(decompressZstd(wide, 3).toString(), 'abc')
  const boasting = Buffer.from('28b52ffd' + 'e0' + '00000000000000ff' + '190000' + '616263', 'hex')
  expectCode('KB_LIMIT_EXCEEDED', () => decompressZstd(boasting, MIB))
})

test('more frames than any encoder writes are refused before the first is decoded', () => {
  const many = Buffer.concat(Array<Buffer>(LIMITS.bodyMaxFrames + 1).fill(SKIPPABLE))
  expectCode('KB_LIMIT_EXCEEDED', () => decompressZstd(many, MIB))
})

test('a wrong checksum is refused on the thread pool too', async () => {
  const frame = Buffer.from('28b52ffd0458' + '190000616263' + '00000000', 'hex')
  await assert.rejects(decompressZstdAsync(frame, MIB), (error) =>
    isKafkaBackupError(error, 'KB_BATCH_CORRUPT'),
  )
})

test('malformed frames are refused', () => {
  const cases: [string, string][] = [
    ['nothing', ''],
    ['four bytes', '28b52ffd'],
    ['other magic', '28b52ffe00581900006162'],
    ['reserved bit', '28b52ffd' + '08' + '58' + '190000616263'],
    ['header is cut', '28b52ffd' + 'e0' + '030000'],
    ['block header is cut', '28b52ffd0058' + '1900'],
    ['block is cut', '28b52ffd0058' + '190000' + '6162'],
    ['reserved block kind', '28b52ffd0058' + '1f0000' + '616263'],
    ['block above 128 KiB', '28b52ffd0058' + '0b0010' + '61'],
    ['checksum is cut', '28b52ffd0458' + '190000616263' + '0000'],
    ['checksum is wrong', '28b52ffd0458' + '190000616263' + '00000000'],
    ['needs a dictionary', '28b52ffd' + '01' + '58' + '07' + '250000' + '0000000000'.slice(0, 8)],
    ['length is wrong', '28b52ffd' + '20' + '02' + '190000616263'],
    ['other bytes behind', ABC.toString('hex') + '00'],
    ['skippable frame is cut', '5a2a4d1802000000ff'],
    ['skippable header is cut', '5a2a4d180200'],
    ['only a skippable frame', SKIPPABLE.toString('hex')],
  ]
  for (const [what, text] of cases) {
    expectCode('KB_BATCH_CORRUPT', () => decompressZstd(Buffer.from(text, 'hex'), MIB), what)
  }
})
