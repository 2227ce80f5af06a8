import { promisify } from 'node:util'
import { constants, zstdCompress, zstdCompressSync, zstdDecompress, zstdDecompressSync } from 'node:zlib'
import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { LIMITS } from '../runtime/limits.ts'
import { translateZlibError } from './zlib-error.ts'

/*
 * Zstandard (RFC 8878), little-endian. Node's decompressor stops after the first frame and takes a cut-off one for
 * the end of the data in some cases, so the frames are walked here: magic, header, blocks with three bytes of
 * header (bit 0 last, bits 1-2 kind, the rest length), checksum. The walk also gives bounds of the decoded length.
 */

const FRAME_MAGIC = 0xfd2fb528
const SKIPPABLE_MAGIC = 0x184d2a50
const BLOCK_MAX_BYTES = 128 * 1024
const CHUNK_MIN_BYTES = 1024
const CHUNK_MAX_BYTES = 2 * 1024 * 1024

/** One frame of zstd data; positions are in the input, `end` is exclusive. */
export interface ZstdFrame {
  readonly begin: number
  readonly end: number
  readonly isSkippable: boolean
  /** Bounds of the decoded length in bytes, read from the headers; equal when the frame states its length. */
  readonly decodedMinBytes: number
  readonly decodedMaxBytes: number
}

/**
 * The frames that `input` consists of, from their headers alone.
 * @throws KB_BATCH_CORRUPT when a header is malformed or a frame is cut off, KB_LIMIT_EXCEEDED for more than
 * LIMITS.bodyMaxFrames frames: hand longer files over in parts.
 */
export function walkZstdFrames(input: Buffer): ZstdFrame[] {
  const frames: ZstdFrame[] = []
  for (let position = 0; position < input.length; ) {
    const frame = frameAt(input, position)
    if (frames.push(frame) > LIMITS.bodyMaxFrames) {
      throw new KafkaBackupError(
        'KB_LIMIT_EXCEEDED',
        `zstd data has more than ${LIMITS.bodyMaxFrames} frames`,
      )
    }
    position = frame.end
  }
  return frames
}

/**
 * Decodes every frame of `input`; skippable frames are left out.
 * @throws KB_LIMIT_EXCEEDED above `ceilingBytes`, KB_BATCH_CORRUPT for malformed input.
 */
export function decompressZstd(input: Buffer, ceilingBytes: number): Buffer {
  const outputs: Buffer[] = []
  let leftBytes = ceilingBytes
  for (const frame of dataFrames(input, ceilingBytes)) {
    try {
      const output = zstdDecompressSync(input.subarray(frame.begin, frame.end), bounded(frame, leftBytes))
      leftBytes = take(outputs, output, leftBytes)
    } catch (error) {
      throw translateZlibError(error, 'zstd', ceilingBytes)
    }
  }
  return joined(outputs)
}

const zstdDecompressPromise = promisify(zstdDecompress)
const zstdCompressPromise = promisify(zstdCompress)

/** {@link decompressZstd} on the thread pool. */
export async function decompressZstdAsync(input: Buffer, ceilingBytes: number): Promise<Buffer> {
  const outputs: Buffer[] = []
  let leftBytes = ceilingBytes
  for (const frame of dataFrames(input, ceilingBytes)) {
    try {
      const bytes = input.subarray(frame.begin, frame.end)
      const output = await zstdDecompressPromise(bytes, bounded(frame, leftBytes))
      leftBytes = take(outputs, output, leftBytes)
    } catch (error) {
      throw translateZlibError(error, 'zstd', ceilingBytes)
    }
  }
  return joined(outputs)
}

/** Compresses `raw` into one zstd frame; `level` 1 to 22, 3 when not given. */
export function compressZstd(raw: Buffer, level = 3): Buffer {
  return zstdCompressSync(raw, compressOptions(raw, level))
}

/** {@link compressZstd} on the thread pool. */
export function compressZstdAsync(raw: Buffer, level = 3): Promise<Buffer> {
  return zstdCompressPromise(raw, compressOptions(raw, level))
}

function compressOptions(raw: Buffer, level: number) {
  return {
    // The default chunk of 16 KiB costs up to a fifth of the speed.
    chunkSize: chunkBytes(raw.length),
    // Without it the asynchronous call leaves the length out of the frame header.
    pledgedSrcSize: raw.length,
    params: { [constants.ZSTD_c_compressionLevel]: level },
  }
}

function dataFrames(input: Buffer, ceilingBytes: number): ZstdFrame[] {
  const frames = walkZstdFrames(input).filter((frame) => !frame.isSkippable)
  if (frames.length === 0) throw corruptFrame('there is no frame', 0)
  let decodedMinBytes = 0
  for (const frame of frames) decodedMinBytes += frame.decodedMinBytes
  if (decodedMinBytes > ceilingBytes) throw aboveCeiling(ceilingBytes)
  return frames
}

/** zlib takes no output length of 0; {@link take} refuses the one byte that this may let through. */
function bounded(frame: ZstdFrame, leftBytes: number) {
  const maxOutputLength = Math.max(1, leftBytes)
  return { maxOutputLength, chunkSize: chunkBytes(Math.min(frame.decodedMaxBytes, maxOutputLength)) }
}

function chunkBytes(expectedBytes: number): number {
  return Math.min(CHUNK_MAX_BYTES, Math.max(CHUNK_MIN_BYTES, expectedBytes))
}

function take(outputs: Buffer[], output: Buffer, leftBytes: number): number {
  if (output.length > leftBytes) throw aboveCeiling(leftBytes)
  outputs.push(output)
  return leftBytes - output.length
}

function joined(outputs: readonly Buffer[]): Buffer {
  return outputs.length === 1 ? outputs[0]! : Buffer.concat(outputs)
}

function frameAt(input: Buffer, begin: number): ZstdFrame {
  if (input.length - begin < 5) throw corruptFrame('frame is cut off', begin)
  const magic = input.readUInt32LE(begin)
  if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
    if (input.length - begin < 8) throw corruptFrame('skippable frame is cut off', begin)
    const end = begin + 8 + input.readUInt32LE(begin + 4)
    if (end > input.length) throw corruptFrame('skippable frame is cut off', begin)
    return { begin, end, isSkippable: true, decodedMinBytes: 0, decodedMaxBytes: 0 }
  }
  if (magic !== FRAME_MAGIC) throw corruptFrame('no frame magic', begin)
  const descriptor = input[begin + 4]!
  if ((descriptor & 0x08) !== 0) throw corruptFrame('a reserved bit is set', begin)
  const isSingleSegment = (descriptor & 0x20) !== 0
  const sizeFlag = descriptor >>> 6
  const sizeBytes = sizeFlag === 0 ? (isSingleSegment ? 1 : 0) : 1 << sizeFlag
  const dictionaryIdBytes = [0, 1, 2, 4][descriptor & 3]!
  const sizeBegin = begin + 5 + (isSingleSegment ? 0 : 1) + dictionaryIdBytes
  const blocksBegin = sizeBegin + sizeBytes
  if (blocksBegin > input.length) throw corruptFrame('header is cut off', begin)
  const bounds = { begin, end: 0, isSkippable: false, decodedMinBytes: 0, decodedMaxBytes: 0 }
  walkBlocks(input, blocksBegin, bounds)
  bounds.end += (descriptor & 0x04) !== 0 ? 4 : 0
  if (bounds.end > input.length) throw corruptFrame('checksum is cut off', begin)
  if (sizeBytes > 0) {
    const statedBytes = statedSize(input, sizeBegin, sizeBytes)
    bounds.decodedMinBytes = statedBytes
    bounds.decodedMaxBytes = statedBytes
  }
  return bounds
}

/** Walks the blocks from `begin`; sets `end` and the bounds of the decoded length. */
function walkBlocks(
  input: Buffer,
  begin: number,
  bounds: { end: number; decodedMinBytes: number; decodedMaxBytes: number },
): void {
  let position = begin
  for (let isLast = false; !isLast; ) {
    if (position + 3 > input.length) throw corruptFrame('block is cut off', position)
    const header = input.readUIntLE(position, 3)
    isLast = (header & 1) !== 0
    const kind = (header >>> 1) & 3
    const length = header >>> 3
    if (kind === 3 || length > BLOCK_MAX_BYTES) throw corruptFrame('block header is malformed', position)
    position += 3 + (kind === 1 ? 1 : length)
    if (position > input.length) throw corruptFrame('block is cut off', position)
    bounds.decodedMinBytes += kind === 2 ? 0 : length
    bounds.decodedMaxBytes += kind === 2 ? BLOCK_MAX_BYTES : length
  }
  bounds.end = position
}

function statedSize(input: Buffer, position: number, sizeBytes: number): number {
  if (sizeBytes === 8) return Number(input.readBigUInt64LE(position))
  const stated = input.readUIntLE(position, sizeBytes)
  return sizeBytes === 2 ? stated + 256 : stated
}

function corruptFrame(what: string, position: number): KafkaBackupError {
  return new KafkaBackupError('KB_BATCH_CORRUPT', `zstd: ${what} at byte ${position}`)
}

function aboveCeiling(ceilingBytes: number): KafkaBackupError {
  return new KafkaBackupError(
    'KB_LIMIT_EXCEEDED',
    `zstd data is larger than ${ceilingBytes} bytes decompressed`,
  )
}
