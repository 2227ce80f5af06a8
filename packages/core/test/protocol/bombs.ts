import { gzipSync } from 'node:zlib'
import { compressBody } from '../../src/protocol/batch-compression.ts'
import { expectCode } from './samples.ts'

const MIB = 1024 * 1024

/**
 * What refusing costs, on average of three attempts: milliseconds of this thread's processor, so that a busy machine
 * does not matter, and bytes of resident memory.
 */
export function costOf(action: () => unknown): { elapsedMs: number; grownBytes: number } {
  const attempts = 3
  const beforeBytes = process.memoryUsage.rss()
  const before = process.threadCpuUsage()
  for (let attempt = 0; attempt < attempts; attempt++) expectCode('KB_LIMIT_EXCEEDED', action)
  const { user, system } = process.threadCpuUsage(before)
  return {
    elapsedMs: (user + system) / 1000 / attempts,
    grownBytes: (process.memoryUsage.rss() - beforeBytes) / attempts,
  }
}

/** A gzip member of `rawBytes` zeros that says it holds one byte. */
export function lyingGzip(rawBytes: number): Buffer {
  const member = gzipSync(Buffer.alloc(rawBytes))
  member.writeUInt32LE(1, member.length - 4)
  return member
}

/** One LZ4 frame with `blockCount` blocks of 4 MiB zeros. */
export function lz4Bomb(blockCount: number): Buffer {
  const frame = compressBody('lz4', Buffer.alloc(8 * MIB))
  const length = 4 + frame.readUInt32LE(7)
  const block = frame.subarray(7, 7 + length)
  return Buffer.concat([frame.subarray(0, 7), ...Array<Buffer>(blockCount).fill(block), Buffer.alloc(4)])
}

/** A raw Snappy block of 64 n + 1 bytes: a literal of one byte, then copies of 64 bytes from one byte back. */
export function snappyBomb(rawBytes: number): Buffer {
  const copies = Buffer.alloc(((rawBytes - 1) / 64) * 3, Buffer.from([0xfe, 0x01, 0x00]))
  const length = Buffer.alloc(5)
  let rest = rawBytes
  let size = 0
  for (; rest >= 128; rest >>>= 7) length[size++] = (rest & 127) | 128
  length[size++] = rest
  return Buffer.concat([length.subarray(0, size), Buffer.from([0x00, 0x41]), copies])
}
