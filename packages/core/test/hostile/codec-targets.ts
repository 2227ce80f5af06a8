import assert from 'node:assert/strict'
import { constants, gunzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { compressFrameSync, decompressFrameSync } from 'lz4-napi'
import { uncompressSync } from 'snappy'
import { compressBody, decompressBody } from '../../src/protocol/batch-compression.ts'
import { ByteReader } from '../../src/protocol/byte-reader.ts'
import { CODECS, type Codec } from '../../src/protocol/codec.ts'
import { storedLz4Frame } from '../../src/protocol/lz4-frame.ts'
import { encodeRecords } from '../../src/protocol/record-batch-builder.ts'
import { readShortVarlong, readUnsignedVarint, readVarint, readVarlong } from '../../src/protocol/varint.ts'
import { xxh32 } from '../../src/protocol/xxh32.ts'
import { type Prng, prng } from '../protocol/prng.ts'
import { randomRecords } from '../protocol/samples.ts'
import { damage } from './damage.ts'
import { CASE_CEILING_BYTES, type FuzzTarget, INTEGRITY } from './fuzz-target.ts'

const SAMPLES = 40
const ZSTD_MAGIC = Buffer.from('28b52ffd', 'hex')
const WEIGHTS: Readonly<Record<Codec, number>> = { none: 0, gzip: 3, snappy: 7, lz4: 8, zstd: 5 }

/** LZ4 frames carry a checksum of their header: without this, no change of the flags is ever looked at. */
export function repairLz4Header(bytes: Buffer): void {
  if (bytes.length < 7) return
  const flags = bytes[4]!
  const at = 6 + ((flags & 0x08) !== 0 ? 8 : 0) + ((flags & 0x01) !== 0 ? 4 : 0)
  if (at < bytes.length) bytes[at] = (xxh32(bytes, 4, at) >>> 8) & 0xff
}

/** A frame whose blocks may refer to those before. */
function linkedLz4(raw: Buffer): Buffer {
  const bytes = compressFrameSync(Buffer.concat([raw, raw]))
  bytes[4]! &= ~0x20
  repairLz4Header(bytes)
  return bytes
}

/** A frame with a checksum behind each block. */
function checkedLz4(raw: Buffer): Buffer {
  const stored = Buffer.concat(storedLz4Frame([raw]))
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32LE(xxh32(raw, 0, raw.length))
  const bytes = Buffer.concat([stored.subarray(0, stored.length - 4), checksum, Buffer.alloc(4)])
  bytes[4]! |= 0x10
  repairLz4Header(bytes)
  return bytes
}

function corpus(random: Prng, codec: Codec): Buffer[] {
  const samples: Buffer[] = []
  for (let at = 0; at < SAMPLES; at++) {
    const raw = encodeRecords(randomRecords(random, 1 + random.below(6)), 0n)
    const repeated = Buffer.concat([raw, raw])
    const bytes = compressBody(codec, raw)
    samples.push(bytes, compressBody(codec, repeated))
    if (codec === 'snappy') samples.push(bytes.subarray(20), Buffer.concat([bytes, bytes]))
    if (codec === 'gzip') samples.push(Buffer.concat([bytes, bytes]))
    if (codec === 'lz4') {
      samples.push(Buffer.concat(storedLz4Frame([raw, raw])))
      samples.push(compressFrameSync(repeated, { contentChecksum: true }), linkedLz4(raw), checkedLz4(raw))
    }
    if (codec === 'zstd') {
      const checksum = { params: { [constants.ZSTD_c_checksumFlag]: 1 } }
      const skippable = Buffer.concat([Buffer.from('512a4d1803000000', 'hex'), Buffer.from('abc')])
      samples.push(zstdCompressSync(repeated, checksum), Buffer.concat([skippable, bytes, bytes]))
    }
  }
  return samples
}

/** What another decoder makes of bytes that ours accepts; undefined where there is none. */
function otherDecoder(codec: Codec, bytes: Buffer): Buffer | undefined {
  if (codec === 'gzip') return gunzipSync(bytes)
  if (codec === 'zstd')
    return bytes.indexOf(ZSTD_MAGIC, 4) < 0 && bytes[0] === ZSTD_MAGIC[0]
      ? zstdDecompressSync(bytes)
      : undefined
  // Joined streams and frames are beyond these decoders.
  if (codec === 'snappy')
    return bytes[0] === 0x82 && bytes[1] === 0x53 ? undefined : asBuffer(uncompressSync(bytes))
  return undefined
}

function asBuffer(decoded: string | Uint8Array): Buffer {
  return Buffer.from(decoded as Uint8Array)
}

function decodeBody(codec: Codec, bytes: Buffer, ceilingBytes: number): void {
  const decoded = decompressBody(codec, bytes, ceilingBytes)
  assert.ok(decoded.length <= ceilingBytes, 'above the ceiling')
  const other = otherDecoder(codec, bytes)
  if (other !== undefined)
    assert.ok(decoded.equals(other), `another decoder of ${codec} reads something else`)
}

/** A frame that both decoders read alike: one frame, to its end. */
export function agreesWithNative(codec: 'lz4' | 'zstd', frame: Buffer, decoded: Buffer): void {
  const other = codec === 'zstd' ? zstdDecompressSync(frame) : asBuffer(decompressFrameSync(frame))
  assert.ok(decoded.equals(other), `another decoder of ${codec} reads something else`)
}

function codecTarget(codec: Codec): FuzzTarget {
  const samples = corpus(prng(12), codec)
  return {
    name: `${codec} bodies`,
    weight: WEIGHTS[codec],
    categories: INTEGRITY,
    // Two checksums at its end: hardly any change of gzip passes.
    acceptedMin: codec === 'gzip' ? 0.0005 : 0.005,
    make: (random) => {
      const bytes = damage(random, random.pick(samples), random.pick(samples))
      if (codec === 'lz4' && random.chance(0.7)) repairLz4Header(bytes)
      // A low ceiling is met by many, so that it cannot be forgotten.
      const ceilingBytes = random.chance(0.3) ? random.below(400) : CASE_CEILING_BYTES
      return { bytes, run: () => decodeBody(codec, bytes, ceilingBytes) }
    },
  }
}

type Read = (reader: ByteReader) => unknown

const READS: readonly Read[] = [
  (reader) => reader.int64(),
  (reader) => reader.varint(),
  (reader) => reader.varlong(),
  (reader) => reader.nullableString(),
  (reader) => reader.compactNullableString(),
  (reader) => reader.nullableByteString(),
  (reader) => reader.compactNullableByteString(),
  (reader) => reader.nullableArray((inner) => inner.varint()),
  (reader) => reader.compactNullableArray((inner) => inner.int16(), 2),
  (reader) => reader.skipTaggedFields(),
  (reader) => reader.array((inner) => inner.compactArray((innermost) => innermost.string())),
  (reader) => reader.uuid(),
  (reader) => reader.unsignedVarint(),
]

/** The calls of a response parser, in an order that the bytes themselves choose. */
function readPrimitives(bytes: Buffer): void {
  const reader = new ByteReader(bytes)
  for (let last = 0; reader.remaining > 0; last = reader.position) {
    READS[reader.int8() & 15]?.(reader)
    assert.ok(reader.position > last && reader.position <= reader.end, 'the reader left its bytes')
  }
}

/** The short and the long reader of a varlong agree, and no reader goes behind the end. */
function readVarints(bytes: Buffer): void {
  const source = () => ({ bytes, position: 0, end: bytes.length })
  const [short, long] = [source(), source()]
  const value = readShortVarlong(short)
  const exact = readVarlong(long)
  if (!Number.isNaN(value)) assert.deepEqual([BigInt(value), short.position], [exact, long.position])
  const [signed, unsigned] = [source(), source()]
  const zigzag = readUnsignedVarint(unsigned)
  assert.equal(readVarint(signed), (zigzag >>> 1) ^ -(zigzag & 1))
  assert.ok(signed.position <= bytes.length && long.position <= bytes.length)
}

export function codecTargets(): FuzzTarget[] {
  const bytesOf = (random: Prng) =>
    Buffer.from(random.bytes(1 + random.below(60)).map((byte) => byte & random.pick([0xff, 0x0f])))
  const common = { categories: INTEGRITY, acceptedMin: 0.001 }
  return [
    ...CODECS.filter((codec) => codec !== 'none').map(codecTarget),
    {
      ...common,
      name: 'wire types',
      weight: 6,
      make: (random) => {
        const bytes = bytesOf(random)
        return { bytes, run: () => readPrimitives(bytes) }
      },
    },
    {
      ...common,
      name: 'varints',
      weight: 6,
      make: (random) => {
        const bytes = random.bytes(random.below(12)).map((byte) => (random.chance(0.7) ? byte | 0x80 : byte))
        return { bytes: Buffer.from(bytes), run: () => readVarints(Buffer.from(bytes)) }
      },
    },
  ]
}
