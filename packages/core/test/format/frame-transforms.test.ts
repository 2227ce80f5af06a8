import assert from 'node:assert/strict'
import { test } from 'node:test'
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { decompressFrameSync } from 'lz4-napi'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import type { FrameTransform } from '../../src/format/frame-transform.ts'
import { lz4Transform } from '../../src/format/lz4-transform.ts'
import { encodeStoredZstd, isStoredZstd } from '../../src/format/zstd-stored-frame.ts'
import { zstdTransform } from '../../src/format/zstd-transform.ts'
import { compressLz4Frame } from '../../src/protocol/lz4-frame.ts'
import { prng } from '../protocol/prng.ts'

const TRANSFORMS: readonly FrameTransform[] = [zstdTransform(3), zstdTransform(19), lz4Transform()]

/** Chunks of many lengths: none, empty ones, block sizes and one more, incompressible and constant. */
function samples(): Uint8Array[][] {
  const random = prng(4)
  const block = 128 * 1024
  return [
    [],
    [Buffer.alloc(0)],
    [Buffer.from('k'), Buffer.alloc(0), Buffer.from('v')],
    [random.bytes(1000), new Uint8Array(random.bytes(77))],
    [Buffer.alloc(block, 1)],
    [Buffer.alloc(block + 1, 2), Buffer.alloc(block - 1, 3)],
    [Buffer.alloc(9 * 1024 * 1024, 'some text '), Buffer.from('end')],
    // A view into a larger buffer, as batches of a response are.
    [Buffer.from('....content....').subarray(4, 11)],
  ]
}

function concat(chunks: readonly Uint8Array[]): Buffer {
  return Buffer.concat(chunks)
}

for (const transform of TRANSFORMS) {
  test(`frames of ${transform.id} are read as they were written, in both modes`, async () => {
    for (const chunks of samples()) {
      const raw = concat(chunks)
      for (const mode of ['compressed', 'stored'] as const) {
        const frame = concat(await transform.encode(chunks, mode))
        assert.ok((await transform.decode(frame, raw.length)).equals(raw), `${mode}, ${raw.length} bytes`)
        const other = transform.id === 'zstd' ? zstdDecompressSync(frame) : decompressFrameSync(frame)
        assert.ok(other.equals(raw), `another decoder, ${mode}, ${raw.length} bytes`)
      }
    }
  })

  test(`a small frame of ${transform.id} holds little memory`, async () => {
    for (const bytes of [1, 1_000, 100_000]) {
      const frame = await transform.encode([prng(bytes).bytes(bytes)], 'compressed')
      const held = new Set(frame.map(({ buffer }) => buffer))
      const heldBytes = [...held].reduce((sum, buffer) => sum + buffer.byteLength, 0)
      // Buffers up to 4 KiB are cut from one of Node's of 64 KiB, which others share.
      assert.ok(heldBytes <= bytes * 1.1 + 72 * 1024, `${bytes} bytes hold ${heldBytes}`)
    }
  })

  test(`what ${transform.id} decodes can be changed without changing anything else`, async () => {
    for (const mode of ['compressed', 'stored'] as const) {
      const chunks = [Buffer.from('some batches, some batches')]
      const frame = concat(await transform.encode(chunks, mode))
      const kept = Buffer.from(frame)
      const [first, second] = [await transform.decode(frame, 26), await transform.decode(frame, 26)]
      first.fill(0)
      assert.equal(second.toString(), 'some batches, some batches')
      assert.ok(frame.equals(kept))
    }
  })

  test(`a frame of ${transform.id} that holds more or fewer bytes than the index says is damaged`, async () => {
    const chunks = [Buffer.alloc(5000, 'abc'), prng(9).bytes(300)]
    for (const mode of ['compressed', 'stored'] as const) {
      const frame = concat(await transform.encode(chunks, mode))
      for (const rawBytes of [0, 1, 5299, 5301, 100_000]) {
        await assert.rejects(
          transform.decode(frame, rawBytes),
          (error) => isKafkaBackupError(error, 'KB_SEGMENT_CORRUPT'),
          `${mode} ${rawBytes}`,
        )
      }
      for (const length of [0, 1, 5, 12, 20, frame.length - 1]) {
        await assert.rejects(
          transform.decode(frame.subarray(0, length), 5300),
          (error) => isKafkaBackupError(error, 'KB_SEGMENT_CORRUPT'),
          `${mode} cut to ${length}`,
        )
      }
    }
  })

  test(`random damage of a frame of ${transform.id} gives KB_SEGMENT_CORRUPT or the right length`, async () => {
    const random = prng(77)
    const chunks = [Buffer.alloc(400, 'value '), random.bytes(60)]
    for (const mode of ['compressed', 'stored'] as const) {
      const frame = concat(await transform.encode(chunks, mode))
      for (let round = 0; round < 300; round++) {
        const damaged = Buffer.from(frame)
        damaged[random.below(damaged.length)]! ^= 1 << random.below(8)
        try {
          assert.equal((await transform.decode(damaged, 460)).length, 460)
        } catch (error) {
          assert.ok(isKafkaBackupError(error, 'KB_SEGMENT_CORRUPT'), String(error))
        }
      }
    }
  })
}

test('a frame that grows beyond all measure is refused before its content is there', async () => {
  const bytes = 512 * 1024 * 1024
  const bombs: [FrameTransform, Buffer][] = [
    [zstdTransform(3), bombOf(bytes)],
    [lz4Transform(), compressLz4Frame(Buffer.alloc(64 * 1024 * 1024))],
  ]
  for (const [transform, bomb] of bombs) {
    const before = process.memoryUsage().rss
    await assert.rejects(transform.decode(bomb, 1000), (error) =>
      isKafkaBackupError(error, 'KB_SEGMENT_CORRUPT'),
    )
    assert.ok(process.memoryUsage().rss - before < 64 * 1024 * 1024, transform.id)
  }
})

/** A Zstandard frame of run-length blocks that claims `bytes` bytes: 4 bytes for each 128 KiB. */
function bombOf(bytes: number): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32LE(0xfd2fb528, 0)
  header[4] = 0xe0
  header.writeBigUInt64LE(BigInt(bytes), 5)
  const blocks = Buffer.alloc((bytes / 131_072) * 4)
  for (let at = 0; at < blocks.length; at += 4) {
    blocks.writeUIntLE((131_072 << 3) | 0b010 | (at + 4 === blocks.length ? 1 : 0), at, 3)
  }
  return Buffer.concat([header, blocks])
}

test('stored Zstandard frames are laid out as the document says, without copying', () => {
  const chunk = Buffer.alloc(131_073, 7)
  const pieces = encodeStoredZstd([chunk])
  assert.deepEqual(
    pieces.map((piece) => piece.length),
    [13, 3, 131_072, 3, 1],
  )
  assert.equal(pieces[2]?.buffer, chunk.buffer)
  const frame = concat(pieces)
  assert.equal(frame.subarray(0, 16).toString('hex'), '28b52ffde00100020000000000' + '000010')
  assert.equal(frame.readUIntLE(13, 3), 131_072 << 3)
  assert.equal(frame.readUIntLE(16 + 131_072, 3), (1 << 3) | 1)
  assert.ok(isStoredZstd(frame))
  assert.ok(!isStoredZstd(zstdCompressSync(Buffer.alloc(100))))
  // The same header from a real compressor must not be taken for ours.
  const level = { params: { [constants.ZSTD_c_contentSizeFlag]: 1 } }
  assert.ok(!isStoredZstd(zstdCompressSync(Buffer.alloc(1000, 'ab'), level)))
})

test('stored LZ4 frames are laid out as the document says', async () => {
  const chunk = Buffer.alloc(4 * 1024 * 1024 + 2, 7)
  const pieces = await lz4Transform().encode([chunk], 'stored')
  const frame = concat(pieces)
  assert.equal(frame.readUInt32LE(0), 0x184d2204)
  // Version 01, independent blocks, content size; no checksums, no dictionary. Blocks of at most 4 MiB.
  assert.equal(frame[4], 0b0110_1000)
  assert.equal(frame[5], 0x70)
  assert.equal(frame.readBigUInt64LE(6), BigInt(chunk.length))
  assert.equal(frame.readUInt32LE(15), 0x8000_0000 + 4 * 1024 * 1024)
  assert.equal(frame.readUInt32LE(15 + 4 + 4 * 1024 * 1024), 0x8000_0002)
  assert.equal(frame.readUInt32LE(frame.length - 4), 0)
  assert.equal(pieces[2]?.buffer, chunk.buffer)
})
