import { createHash } from 'node:crypto'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import {
  encodeSkippable,
  HEADER_MAGIC,
  INDEX_MAGIC,
  SNAPSHOT_DIGEST_MAGIC,
} from '../../src/format/skippable-frame.ts'
import { compressBody } from '../../src/protocol/batch-compression.ts'
import { ByteWriter } from '../../src/protocol/byte-writer.ts'
import { CODECS, type Codec } from '../../src/protocol/codec.ts'
import { assembleBatch } from '../../src/protocol/record-batch-builder.ts'
import { lyingGzip, lz4Bomb, snappyBomb } from '../protocol/bombs.ts'
import { wrap } from '../protocol/message-samples.ts'
import { answerBombs } from './answer-bombs.ts'
import { type Bomb, bomb } from './bomb-orders.ts'
import { repairLz4Header } from './codec-targets.ts'

const MIB = 1024 * 1024
const MILLION = 1_000_000

/** Run-length blocks of 128 KiB; `statedBytes` stands in the header, or nothing does. */
function zstdRuns(blocks: number, statedBytes: bigint | null = null): Buffer {
  const header = statedBytes === null ? Buffer.from('28b52ffd0058', 'hex') : Buffer.alloc(13)
  if (statedBytes !== null) {
    header.write('28b52ffde0', 'hex')
    header.writeBigUInt64LE(statedBytes, 5)
  }
  const last = Buffer.from([0x01, 0, 0])
  return Buffer.concat([header, Buffer.alloc(4 * blocks, Buffer.from([0x02, 0x00, 0x10, 0x41])), last])
}

/** Compressed blocks without the length that stands behind the byte of the window. */
function undeclared(rawBytes: number): Buffer {
  const frame = zstdCompressSync(Buffer.alloc(rawBytes, 'offset'))
  const header = Buffer.from(frame.subarray(0, 6))
  header[4]! &= 0x3f
  return Buffer.concat([header, frame.subarray(10)])
}

function linked(frame: Buffer): Buffer {
  frame[4]! &= ~0x20
  repairLz4Header(frame)
  return frame
}

function xerial(block: Buffer, count: number): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(block.length)
  const header = Buffer.from('82534e41505059000000000100000001', 'hex')
  return Buffer.concat([header, ...Array<Buffer[]>(count).fill([length, block]).flat()])
}

function snapshotOf(frame: Buffer): Buffer {
  const digest = createHash('sha256').update(frame).digest()
  return Buffer.concat([frame, encodeSkippable(SNAPSHOT_DIGEST_MAGIC, digest)])
}

const times = (count: number, bytes: Buffer) => Buffer.concat(Array<Buffer>(count).fill(bytes))

function codecBombs(): Bomb[] {
  const zeros = Buffer.alloc(64 * MIB)
  return [
    bomb(
      'gzip',
      'gzip that states 2 GiB',
      Buffer.concat([gzipSync('a').subarray(0, -4), Buffer.from('00000080', 'hex')]),
    ),
    bomb('gzip', 'gzip that lies about 256 MiB', lyingGzip(256 * MIB)),
    bomb(
      'gzip',
      'gzip inside the ceiling by its trailer, members before it',
      times(40, gzipSync(zeros.subarray(0, 16 * MIB))),
    ),
    bomb(
      'gzip',
      '100,000 empty gzip members',
      Buffer.concat([times(100_000, gzipSync('')), Buffer.from([1])]),
    ),
    bomb('snappy', 'raw snappy of 600 MiB', snappyBomb(600 * MIB + 1)),
    bomb('snappy', 'raw snappy that claims 4 GiB', Buffer.from('ffffffff0f0041fe0100', 'hex')),
    bomb('snappy', 'xerial snappy of 640 MiB', xerial(snappyBomb(MIB + 1), 640)),
    bomb('snappy', 'xerial snappy with a negative length', xerial(snappyBomb(65), 2).fill(0xff, 16, 20)),
    bomb('lz4', 'lz4 of 10 GiB', lz4Bomb(2560)),
    bomb('lz4', 'lz4 of 10 GiB in linked blocks', linked(lz4Bomb(2560))),
    bomb(
      'lz4',
      'a million empty lz4 frames',
      times(MILLION, linked(Buffer.from('04224d1860408200000000', 'hex'))),
    ),
    bomb(
      'lz4',
      'skippable lz4 frames and nothing else',
      times(MILLION, Buffer.from('502a4d1800000000', 'hex')),
    ),
    bomb('zstd', 'zstd of 10 GiB in blocks of one byte', zstdRuns(81_920)),
    bomb('zstd', 'zstd that states 2^62 bytes', zstdRuns(1, 2n ** 62n)),
    bomb('zstd', 'zstd frames that add up to 640 MiB', times(10, zstdCompressSync(zeros))),
    bomb('zstd', 'a million empty zstd frames', times(MILLION, zstdCompressSync(Buffer.alloc(0)))),
    bomb(
      'zstd',
      'skippable zstd frames and nothing else',
      times(MILLION, Buffer.from('502a4d1800000000', 'hex')),
    ),
  ]
}

function batchOf(codec: Codec, raw: Buffer, recordCount: number, lastOffsetDelta = recordCount - 1): Buffer {
  const times = { baseTimestamp: 0n, maxTimestamp: 0n }
  return assembleBatch({ codec }, { body: compressBody(codec, raw), recordCount, lastOffsetDelta, ...times })
}

/** A record of these header counts and lengths, with nothing behind them. */
function recordOf(length: number, headers: number): Buffer {
  return new ByteWriter(64)
    .varint(length)
    .int8(0)
    .varlong(0n)
    .varint(0)
    .varint(-1)
    .varint(-1)
    .varint(headers)
    .finish()
}

function recordBombs(): Bomb[] {
  const small = Buffer.alloc(100)
  const whole = (name: string, raw: Buffer, count: number) =>
    CODECS.map((codec) => bomb('batches', `${name}, ${codec}`, batchOf(codec, raw, count)))
  return [
    ...whole('2^31 - 1 records', small, 2 ** 31 - 1),
    ...whole('sixty million records in 100 bytes', small, 60_000_000),
    ...whole('2^31 - 1 headers', Buffer.concat([recordOf(60, 2 ** 31 - 1), small]), 1),
    ...whole('a record of 2^31 - 1 bytes', Buffer.concat([recordOf(2 ** 31 - 1, 0), small]), 1),
    ...whole('a varint that never ends', Buffer.alloc(100, 0xff), 1),
    bomb('batches', 'a wrapper inside wrappers', wrap(wrap(wrap(wrap(Buffer.alloc(64)))))),
    bomb('batches', 'a wrapper whose gzip lies about 256 MiB', wrap(small, { value: lyingGzip(256 * MIB) })),
  ]
}

function documentBombs(): Bomb[] {
  const index = (frames: string) =>
    encodeSkippable(
      INDEX_MAGIC,
      Buffer.from(`{"aborted":[],"format":"kafka-backup-index","frames":[${frames}],"version":1}`),
    )
  const many = (entry: string, count = MILLION) => Array<string>(count).fill(entry).join(',')
  const tiny = ['0', '{}', '[]', '""', '-1'].map((entry) =>
    bomb('index', `an index of a million times ${entry}`, index(many(entry))),
  )
  const deep = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
  return [
    ...tiny,
    bomb('snapshot', 'a snapshot of 400 MiB of nothing', snapshotOf(zstdRuns(3_200))),
    bomb('artifact', 'an artifact of 240 MiB of nothing', zstdRuns(1_920)),
    bomb('artifact', 'an artifact of 10 GiB in blocks of one byte', zstdRuns(81_920)),
    bomb('artifact', 'an artifact that states 255 MiB', zstdRuns(1, 255n * BigInt(MIB))),
    bomb('artifact', 'an artifact that yields 64 MiB and does not say so', undeclared(64 * MIB)),
    bomb(
      'artifact',
      'an artifact of a million empty frames',
      times(MILLION, zstdCompressSync(Buffer.alloc(0))),
    ),
    bomb('index', 'an index of 64 MiB that is opened and never closed', index('['.repeat(64 * MIB))),
    bomb(
      'index',
      'an index with frames that say nothing',
      index(many('{"bytes":"abcdefghijklmnopqrstuvw"}', 30_000)),
    ),
    bomb(
      'header',
      'a header of a hundred thousand streams',
      encodeSkippable(HEADER_MAGIC, Buffer.from(`{"streams":[${many('null', 100_000)}]}`)),
    ),
    bomb('commit', 'a commit a million levels deep', Buffer.from(`{"a":${deep(MILLION)}}\n`)),
    bomb('commit', 'a commit 60 levels deep', Buffer.from(`{"a":${deep(60)}}\n`)),
    bomb(
      'commit',
      'a commit with a number of a million digits',
      Buffer.from(`{"a":${'9'.repeat(MILLION)}}\n`),
    ),
    bomb(
      'commit',
      'a commit with the number 1e308 often',
      Buffer.from(`{"a":[${many('1e308', 100_000)}]}\n`),
    ),
    bomb(
      'commit',
      'a commit with 200,000 keys',
      Buffer.from(`{${Array.from({ length: 200_000 }, (_, at) => `"${at}":0`).join(',')}`),
    ),
  ]
}

function frameBombs(): Bomb[] {
  const stated = 260n * BigInt(MIB)
  const stored = Buffer.from(zstdRuns(0, stated))
  return [
    bomb('zstd frame', 'a stored frame of 16 bytes that states 260 MiB', stored),
    bomb('zstd frame', 'a frame of one run that is to be 260 MiB', zstdRuns(1)),
    bomb('zstd frame', 'a frame of 10 GiB', zstdRuns(81_920)),
    bomb('zstd frame', 'an empty frame that is to be 260 MiB', zstdCompressSync(Buffer.alloc(0))),
    bomb('lz4 frame', 'an lz4 frame of 10 GiB', lz4Bomb(2560)),
    bomb('lz4 frame', 'an empty lz4 frame that is to be 260 MiB', compressBody('lz4', Buffer.alloc(0))),
  ]
}

/** Every bomb. Built elsewhere than they are opened: building them takes memory. */
export function allBombs(): Bomb[] {
  return [...codecBombs(), ...recordBombs(), ...documentBombs(), ...frameBombs(), ...answerBombs()]
}
