import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateRawSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import {
  compressBody,
  compressBodyAsync,
  decompressBody,
  decompressBodyAsync,
} from '../../src/protocol/batch-compression.ts'
import { CODECS, type Codec, codecIdOf, codecOf } from '../../src/protocol/codec.ts'
import { LIMITS } from '../../src/runtime/limits.ts'
import { costOf, lyingGzip, lz4Bomb, snappyBomb } from './bombs.ts'
import { prng } from './prng.ts'
import { expectCode } from './samples.ts'

const MIB = 1024 * 1024

test('codec ids are those of the protocol', () => {
  assert.deepEqual(['none', 'gzip', 'snappy', 'lz4', 'zstd'], CODECS)
  for (const codec of CODECS) assert.equal(codecOf(codecIdOf(codec)), codec)
  for (const id of [5, 6, 7]) expectCode('KB_FORMAT_UNSUPPORTED', () => codecOf(id))
})

test('every codec round-trips bodies of every shape, on both paths', async () => {
  const random = prng(6)
  const bodies = [Buffer.from('x'), Buffer.alloc(200_000), random.bytes(100_000)]
  for (let index = 0; index < 30; index++) {
    const unit = random.bytes(1 + random.below(50))
    bodies.push(
      Buffer.concat(
        Array.from({ length: random.below(3000) + 1 }, () => (random.chance(0.9) ? unit : random.bytes(9))),
      ),
    )
  }
  for (const codec of CODECS) {
    for (const body of bodies) {
      const compressed = compressBody(codec, body)
      assert.ok(decompressBody(codec, compressed, body.length).equals(body), codec)
      assert.ok((await decompressBodyAsync(codec, compressed, body.length)).equals(body), codec)
      assert.ok((await compressBodyAsync(codec, body)).equals(compressed), codec)
    }
  }
})

test('a level makes a difference where the codec has levels', () => {
  const random = prng(7)
  const words = Array.from({ length: 300 }, () => random.bytes(5).toString('hex'))
  const body = Buffer.from(Array.from({ length: 20_000 }, () => random.pick(words)).join(' '))
  for (const [codec, low, high] of [
    ['gzip', 1, 9],
    ['zstd', 1, 19],
  ] as const) {
    assert.ok(compressBody(codec, body, high).length < compressBody(codec, body, low).length, codec)
    assert.ok(decompressBody(codec, compressBody(codec, body, high), body.length).equals(body))
  }
})

test('one byte above the ceiling is refused, on both paths', async () => {
  const body = prng(8).bytes(10_000)
  for (const codec of CODECS) {
    const compressed = compressBody(codec, body)
    for (const ceiling of [9_999, 1, 0]) {
      expectCode('KB_LIMIT_EXCEEDED', () => decompressBody(codec, compressed, ceiling), codec)
      const failure = await decompressBodyAsync(codec, compressed, ceiling).catch((error: unknown) => error)
      assert.ok(isKafkaBackupError(failure, 'KB_LIMIT_EXCEEDED'), codec)
    }
  }
})

test('a body that is cut anywhere, or is empty, is refused', async () => {
  const body = prng(9).bytes(100)
  for (const codec of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
    const compressed = compressBody(codec, Buffer.concat([body, Buffer.alloc(300), body]))
    for (let length = 0; length < compressed.length; length++) {
      const cut = compressed.subarray(0, length)
      // Snappy's framing has no end; a cut between two blocks cannot be seen, and there is one block here.
      if (codec === 'snappy' && length === 16) continue
      assert.throws(() => decompressBody(codec, cut, MIB), isKafkaBackupError, `${codec} cut after ${length}`)
      const failure = await decompressBodyAsync(codec, cut, MIB).catch((error: unknown) => error)
      assert.ok(isKafkaBackupError(failure), `${codec} cut after ${length}`)
    }
  }
})

/** Zstd blocks that decode to 128 KiB each and do not say so: a repetition inside compressed blocks, no length. */
function opaqueZstd(blockCount: number): Buffer {
  const unit = prng(10).bytes(300)
  const sample = zstdCompressSync(
    Buffer.concat(Array.from({ length: 2000 }, () => unit)).subarray(0, 131072 * 3),
  )
  const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58])
  // The second block of the sample repeats what the first left in the window.
  const blocksBegin = 6 + (sample[4]! >>> 6 === 2 ? 4 : 0) - ((sample[4]! & 0x20) !== 0 ? 1 : 0)
  const block = (at: number): [number, number] => [at, at + 3 + (sample.readUIntLE(at, 3) >>> 3)]
  const [firstBegin, firstEnd] = block(blocksBegin)
  const [secondBegin, secondEnd] = block(firstEnd)
  const first = Buffer.from(sample.subarray(firstBegin, firstEnd))
  const second = Buffer.from(sample.subarray(secondBegin, secondEnd))
  first[0]! &= 0xfe
  second[0]! &= 0xfe
  return Buffer.concat([header, first, ...Array<Buffer>(blockCount).fill(second), Buffer.from([0x01, 0, 0])])
}

test('bombs of every codec are refused in 100 ms and 64 MiB', (context) => {
  const ceiling = 16 * MIB
  const bombs: [string, Codec, Buffer, number][] = [
    [
      'zstd, 10 GiB in blocks of one byte',
      'zstd',
      Buffer.concat([
        Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58]),
        Buffer.alloc(4 * 81920, Buffer.from([0x02, 0x00, 0x10, 0x41])),
        Buffer.from([0x01, 0, 0]),
      ]),
      LIMITS.batchMaxRawBytes,
    ],
    ['zstd that states its length', 'zstd', zstdCompressSync(Buffer.alloc(64 * MIB)), ceiling],
    ['zstd that says nothing', 'zstd', opaqueZstd(1000), ceiling],
    ['gzip that states its length', 'gzip', gzipSync(Buffer.alloc(64 * MIB)), ceiling],
    ['gzip that lies', 'gzip', lyingGzip(64 * MIB), ceiling],
    ['gzip that lies below the ceiling', 'gzip', lyingGzip(256 * MIB), LIMITS.batchMaxRawBytes],
    ['lz4', 'lz4', lz4Bomb(2560), LIMITS.batchMaxRawBytes],
    ['snappy', 'snappy', snappyBomb(600 * MIB + 1), LIMITS.batchMaxRawBytes],
    [
      'snappy that claims 4 GiB in ten bytes',
      'snappy',
      Buffer.from('ffffffff0f0041fe0100', 'hex'),
      LIMITS.batchMaxRawBytes,
    ],
  ]
  for (const [what, codec, bomb, ceilingBytes] of bombs) {
    if (what.includes('claims')) {
      expectCode('KB_BATCH_CORRUPT', () => decompressBody(codec, bomb, ceilingBytes), what)
      continue
    }
    const { elapsedMs, grownBytes } = costOf(() => decompressBody(codec, bomb, ceilingBytes))
    context.diagnostic(`${what}: ${elapsedMs.toFixed(1)} ms, ${(grownBytes / MIB).toFixed(1)} MiB`)
    assert.ok(elapsedMs < 100, `${what}: ${elapsedMs} ms`)
    assert.ok(grownBytes < 64 * MIB, `${what}: ${grownBytes / MIB} MiB`)
  }
})

test('what the bombs are made of is valid below the ceiling', () => {
  assert.equal(decompressBody('zstd', opaqueZstd(3), MIB).length, 131072 * 4)
  assert.equal(decompressBody('lz4', lz4Bomb(3), 16 * MIB).length, 12 * MIB)
  assert.ok(decompressBody('snappy', snappyBomb(64 * 1000 + 1), MIB).equals(Buffer.alloc(64001, 0x41)))
  expectCode('KB_BATCH_CORRUPT', () => decompressBody('gzip', lyingGzip(1000), MIB))
})

test('gzip members may follow each other, bytes that are none may not', () => {
  const both = Buffer.concat([gzipSync(Buffer.from('ab')), gzipSync(Buffer.from('cd'))])
  assert.equal(decompressBody('gzip', both, 4).toString(), 'abcd')
  expectCode('KB_LIMIT_EXCEEDED', () => decompressBody('gzip', both, 3))
  expectCode('KB_BATCH_CORRUPT', () =>
    decompressBody('gzip', Buffer.concat([both, Buffer.alloc(8, 1)]), LIMITS.batchMaxRawBytes),
  )
  expectCode('KB_BATCH_CORRUPT', () =>
    decompressBody('gzip', deflateRawSync(Buffer.alloc(5000, 'a')), LIMITS.batchMaxRawBytes),
  )
})
