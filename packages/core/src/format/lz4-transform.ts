import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { compressLz4FrameAsync, decompressLz4Frame, storedLz4Frame } from '../protocol/lz4-frame.ts'
import { xxh32 } from '../protocol/xxh32.ts'
import type { FrameTransform } from './frame-transform.ts'

/** Frames of LZ4, compressed on libuv's threads. */
export function lz4Transform(): FrameTransform {
  return {
    id: 'lz4',
    extension: 'lz4',
    async encode(chunks, mode) {
      if (mode === 'stored') return encodeStoredLz4(chunks)
      const raw = chunks.length === 1 && chunks[0] ? asBuffer(chunks[0]) : Buffer.concat(chunks)
      return [await compressLz4FrameAsync(raw)]
    },
    async decode(frame, rawBytes) {
      const output = decompress(frame, rawBytes)
      if (output.length === rawBytes) return output
      throw corrupt(`a frame holds ${output.length} bytes, its index says ${rawBytes}`)
    },
  }
}

/** Stored blocks behind a header with the content size, as docs/format/segment.md has it. */
function encodeStoredLz4(chunks: readonly Uint8Array[]): Uint8Array[] {
  const [, ...blocks] = storedLz4Frame(chunks.map(asBuffer))
  const rawBytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  return [storedHeader(rawBytes), ...blocks]
}

/** Version 01, independent blocks of at most 4 MiB, content size, no checksums. */
function storedHeader(rawBytes: number): Buffer {
  const header = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x68, 0x70, 0, 0, 0, 0, 0, 0, 0, 0, 0])
  header.writeBigUInt64LE(BigInt(rawBytes), 6)
  header[14] = (xxh32(header, 4, 14) >>> 8) & 0xff
  return header
}

function decompress(frame: Buffer, rawBytes: number): Buffer {
  try {
    return decompressLz4Frame(frame, rawBytes)
  } catch (error) {
    throw corrupt('a frame cannot be decompressed', error)
  }
}

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
}

function corrupt(message: string, cause?: unknown): KafkaBackupError {
  return new KafkaBackupError('KB_SEGMENT_CORRUPT', message, { cause })
}
