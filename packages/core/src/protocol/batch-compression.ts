import { promisify } from 'node:util'
import { gunzip, gunzipSync, gzip, gzipSync } from 'node:zlib'
import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { LIMITS } from '../runtime/limits.ts'
import type { Codec } from './codec.ts'
import { compressLz4Frame, compressLz4FrameAsync, decompressLz4Frame } from './lz4-frame.ts'
import { compressXerial, compressXerialAsync, decompressSnappy } from './snappy-stream.ts'
import { translateZlibError } from './zlib-error.ts'
import { compressZstd, compressZstdAsync, decompressZstd, decompressZstdAsync } from './zstd-frames.ts'

/** Deflate cannot do better than 258 bytes for two bits. */
const GZIP_RATIO_MAX = 1032
const GZIP_CHUNK_MIN_BYTES = 1024
const GZIP_CHUNK_MAX_BYTES = 2 * 1024 * 1024
const GZIP_MIN_BYTES = 18

const gunzipPromise = promisify(gunzip)
const gzipPromise = promisify(gzip)

/**
 * The records of a batch, decompressed. `ceilingBytes` bounds the result before memory grows towards it: snappy and
 * lz4 are measured before anything is allocated, zstd and gzip are refused by their headers where these are honest
 * and otherwise stop at the ceiling. For codec `none` the result is `body` itself.
 * @throws KB_LIMIT_EXCEEDED above the ceiling, KB_BATCH_CORRUPT for bytes that the codec does not understand.
 */
export function decompressBody(codec: Codec, body: Buffer, ceilingBytes: number): Buffer {
  switch (codec) {
    case 'none':
      return withinCeiling(body, ceilingBytes)
    case 'snappy':
      return decompressSnappy(body, ceilingBytes)
    case 'lz4':
      return decompressLz4Frame(body, ceilingBytes)
    case 'zstd':
      return decompressZstd(body, ceilingBytes)
    case 'gzip':
      try {
        return withinCeiling(gunzipSync(body, gunzipOptions(body, ceilingBytes)), ceilingBytes)
      } catch (error) {
        throw translateZlibError(error, 'gzip', ceilingBytes)
      }
  }
}

/**
 * {@link decompressBody} with gzip and zstd on the thread pool; snappy and lz4 are decoded on the calling thread,
 * because the native decoders have no ceiling.
 */
export async function decompressBodyAsync(codec: Codec, body: Buffer, ceilingBytes: number): Promise<Buffer> {
  if (codec === 'zstd') return decompressZstdAsync(body, ceilingBytes)
  if (codec !== 'gzip') return decompressBody(codec, body, ceilingBytes)
  try {
    return withinCeiling(await gunzipPromise(body, gunzipOptions(body, ceilingBytes)), ceilingBytes)
  } catch (error) {
    throw translateZlibError(error, 'gzip', ceilingBytes)
  }
}

/**
 * Compresses the records of a batch as Kafka's Java clients read them (snappy in xerial's framing, lz4 as one frame
 * of independent blocks). `level` counts for gzip (1 to 9) and zstd (1 to 22) and has their defaults.
 */
export function compressBody(codec: Codec, raw: Buffer, level?: number): Buffer {
  switch (codec) {
    case 'none':
      return raw
    case 'gzip':
      return gzipSync(raw, gzipOptions(raw, level))
    case 'snappy':
      return compressXerial(raw)
    case 'lz4':
      return compressLz4Frame(raw)
    case 'zstd':
      return compressZstd(raw, level)
  }
}

/** {@link compressBody} on the thread pool. */
export async function compressBodyAsync(codec: Codec, raw: Buffer, level?: number): Promise<Buffer> {
  switch (codec) {
    case 'none':
      return raw
    case 'gzip':
      return gzipPromise(raw, gzipOptions(raw, level))
    case 'snappy':
      return compressXerialAsync(raw)
    case 'lz4':
      return compressLz4FrameAsync(raw)
    case 'zstd':
      return compressZstdAsync(raw, level)
  }
}

/**
 * The trailer of a gzip member states its length modulo 2^32. Where members are joined it is that of the last: the others
 * are given LIMITS.gzipUnstatedMaxRawBytes, so that a member that lies is not followed to a high ceiling.
 */
function gunzipOptions(body: Buffer, ceilingBytes: number): { maxOutputLength: number; chunkSize: number } {
  if (body.length < GZIP_MIN_BYTES) {
    throw new KafkaBackupError('KB_BATCH_CORRUPT', `gzip: ${body.length} bytes are no gzip member`)
  }
  const statedBytes = body.readUInt32LE(body.length - 4)
  if (statedBytes > ceilingBytes) throw aboveCeiling(ceilingBytes)
  const expectedBytes = Math.min(statedBytes, body.length * GZIP_RATIO_MAX)
  const mostBytes = Math.min(ceilingBytes, Math.max(statedBytes, LIMITS.gzipUnstatedMaxRawBytes))
  return { maxOutputLength: Math.max(1, mostBytes), chunkSize: gzipChunkBytes(expectedBytes) }
}

function gzipOptions(raw: Buffer, level: number | undefined): { level?: number; chunkSize: number } {
  const chunkSize = gzipChunkBytes(raw.length)
  return level === undefined ? { chunkSize } : { level, chunkSize }
}

function gzipChunkBytes(expectedBytes: number): number {
  return Math.min(GZIP_CHUNK_MAX_BYTES, Math.max(GZIP_CHUNK_MIN_BYTES, expectedBytes))
}

function withinCeiling(bytes: Buffer, ceilingBytes: number): Buffer {
  if (bytes.length > ceilingBytes) throw aboveCeiling(ceilingBytes)
  return bytes
}

function aboveCeiling(ceilingBytes: number): KafkaBackupError {
  return new KafkaBackupError('KB_LIMIT_EXCEEDED', `data is larger than ${ceilingBytes} bytes decompressed`)
}
