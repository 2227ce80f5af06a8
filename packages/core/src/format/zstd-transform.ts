import { promisify } from 'node:util'
import { constants, zstdCompress, zstdDecompress } from 'node:zlib'
import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { walkZstdFrames } from '../protocol/zstd-frames.ts'
import type { FrameTransform } from './frame-transform.ts'
import { decodeStoredZstd, encodeStoredZstd, isStoredZstd } from './zstd-stored-frame.ts'

const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)

// Node's default chunk of 16 KiB costs up to 20 % on frames of 4 MiB (measured, bench.md).
const CHUNK_MAX_BYTES = 2 * 1024 * 1024
// Node refuses smaller chunks.
const CHUNK_MIN_BYTES = 64

/** Frames of Zstandard at `level` (1 to 22), compressed on libuv's threads. */
export function zstdTransform(level: number): FrameTransform {
  return {
    id: 'zstd',
    extension: 'zst',
    async encode(chunks, mode) {
      if (mode === 'stored') return encodeStoredZstd(chunks)
      const raw = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)
      const options = {
        chunkSize: Math.min(CHUNK_MAX_BYTES, compressedMaxBytes(raw.length)),
        pledgedSrcSize: raw.length,
        params: { [constants.ZSTD_c_compressionLevel]: level },
      }
      return [await compress(raw, options)]
    },
    async decode(frame, rawBytes) {
      if (isStoredZstd(frame)) return decodeStoredZstd(frame, rawBytes)
      return decompressExactly(frame, rawBytes)
    },
  }
}

/**
 * More than Zstandard ever makes of so many bytes. Node allocates a chunk for each frame, and the frame keeps it as long as it lives: with
 * one of 2 MiB each, small frames of a checkpoint cost more in garbage collection than all their bytes in work.
 */
function compressedMaxBytes(rawBytes: number): number {
  return rawBytes + (rawBytes >>> 8) + 512
}

async function decompressExactly(frame: Buffer, rawBytes: number): Promise<Buffer> {
  let output: Buffer
  try {
    assertPlausible(frame, rawBytes)
    // One chunk that takes everything: otherwise the parts are concatenated, which copies them and needs twice the memory.
    const chunkSize = Math.max(rawBytes + 1, CHUNK_MIN_BYTES)
    output = await decompress(frame, { maxOutputLength: Math.max(rawBytes, 1), chunkSize })
  } catch (error) {
    throw new KafkaBackupError('KB_SEGMENT_CORRUPT', 'a frame cannot be decompressed', { cause: error })
  }
  if (output.length !== rawBytes) {
    throw new KafkaBackupError(
      'KB_SEGMENT_CORRUPT',
      `a frame holds ${output.length} bytes, its index says ${rawBytes}`,
    )
  }
  return output
}

/** Before memory is taken for `rawBytes`: whether the headers of the frame allow as many and no fewer. */
function assertPlausible(frame: Buffer, rawBytes: number): void {
  let [leastBytes, mostBytes] = [0, 0]
  for (const { decodedMinBytes, decodedMaxBytes } of walkZstdFrames(frame)) {
    leastBytes += decodedMinBytes
    mostBytes += decodedMaxBytes
  }
  if (leastBytes <= rawBytes && rawBytes <= mostBytes) return
  throw new Error(`its headers allow ${leastBytes} to ${mostBytes} bytes, its index says ${rawBytes}`)
}
