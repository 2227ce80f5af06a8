import { compressFrame, compressFrameSync } from 'lz4-napi'
import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { LIMITS } from '../runtime/limits.ts'
import { decodeLz4Block, measureLz4Block } from './lz4-block.ts'
import { xxh32 } from './xxh32.ts'

/*
 * LZ4 frame (https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md), little-endian:
 *
 *  size field
 *     4 magic          0x184D2204; 0x184D2A50 to 0x184D2A5F begin a skippable frame (length and bytes follow)
 *     1 flags          bits 7-6 version 1, 5 independent blocks, 4 block checksums, 3 content size,
 *                      2 content checksum, 1 reserved, 0 dictionary id
 *     1 descriptor     bits 6-4 largest block: 4 to 7 for 64 KiB, 256 KiB, 1 MiB, 4 MiB
 *   0,8 content size
 *     1 header checksum: second byte of XXH32 of flags up to here
 *     . blocks         length (bit 31: stored), bytes, checksum of these bytes if flagged
 *     4 end mark       0
 *   0,4 content checksum
 */

const FRAME_MAGIC = 0x184d2204
const SKIPPABLE_MAGIC = 0x184d2a50
const HEADER_MIN_BYTES = 7
const FLAG = {
  dictionary: 0x01,
  reserved: 0x02,
  checksum: 0x04,
  size: 0x08,
  blockChecksum: 0x10,
  independent: 0x20,
}
const STORED_BIT = 0x80000000
const STORED_BLOCK_BYTES = 4 * 1024 * 1024

/** One data frame whose lengths were all checked; positions are in the input. */
interface MeasuredFrame {
  readonly flags: number
  readonly blocksBegin: number
  readonly contentBytes: number
  readonly end: number
}

/** `acceptsOldHeaderChecksum`: Kafka's clients before 0.10 counted the magic into the header checksum (KAFKA-3160). */
export interface Lz4DecodeOptions {
  readonly acceptsOldHeaderChecksum?: boolean
}

/**
 * Decodes every LZ4 frame of `input`; skippable frames are left out, checksums are verified where present.
 * The output is measured first, so nothing is allocated for input that would pass `ceilingBytes`.
 * @throws KB_LIMIT_EXCEEDED above the ceiling, KB_BATCH_CORRUPT for malformed input, KB_FORMAT_UNSUPPORTED for
 * a frame that needs a dictionary.
 */
export function decompressLz4Frame(
  input: Buffer,
  ceilingBytes: number,
  options: Lz4DecodeOptions = {},
): Buffer {
  const frames: MeasuredFrame[] = []
  let contentBytes = 0
  for (let position = 0; position < input.length; ) {
    const skipped = skippableEnd(input, position)
    if (skipped > 0) {
      position = skipped
      continue
    }
    const flags = checkHeader(input, position, options.acceptsOldHeaderChecksum === true)
    const frame = measureFrame(input, position, flags, ceilingBytes - contentBytes)
    if (frames.push(frame) > LIMITS.bodyMaxFrames) throw tooManyFrames()
    contentBytes += frame.contentBytes
    position = frame.end
  }
  if (frames.length === 0) throw corruptFrame('there is no LZ4 frame', 0)
  const output = Buffer.allocUnsafe(contentBytes)
  let write = 0
  for (const frame of frames) write = decodeFrame(input, frame, output, write)
  return output
}

/** Compresses `raw` into one LZ4 frame of independent blocks, as Kafka's reader demands. */
export function compressLz4Frame(raw: Buffer, options: { readonly contentChecksum?: boolean } = {}): Buffer {
  return compressFrameSync(raw, { contentChecksum: options.contentChecksum ?? false })
}

/** {@link compressLz4Frame} on the thread pool. */
export function compressLz4FrameAsync(
  raw: Buffer,
  options: { readonly contentChecksum?: boolean } = {},
): Promise<Buffer> {
  return compressFrame(raw, { contentChecksum: options.contentChecksum ?? false })
}

/**
 * One LZ4 frame that holds `chunks`, one after the other, in stored blocks: data that is compressed already,
 * readable by every LZ4 tool at no CPU cost. The result is a list of pieces to be written in order; the chunks
 * are among them as views, not copied.
 */
export function storedLz4Frame(chunks: readonly Buffer[]): Buffer[] {
  const header = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0])
  header[6] = headerChecksum(header, 4, 6)
  const pieces: Buffer[] = [header]
  for (const chunk of chunks) {
    for (let begin = 0; begin < chunk.length; begin += STORED_BLOCK_BYTES) {
      const block = chunk.subarray(begin, begin + STORED_BLOCK_BYTES)
      const length = Buffer.allocUnsafe(4)
      length.writeUInt32LE(block.length + STORED_BIT)
      pieces.push(length, block)
    }
  }
  pieces.push(Buffer.alloc(4))
  return pieces
}

/** Where the skippable frame at `position` ends; 0 when there is none. */
function skippableEnd(input: Buffer, position: number): number {
  if (input.length - position < 8) return 0
  if ((input.readUInt32LE(position) & 0xfffffff0) >>> 0 !== SKIPPABLE_MAGIC) return 0
  const end = position + 8 + input.readUInt32LE(position + 4)
  if (end > input.length) throw corruptFrame('skippable frame is cut off', position)
  return end
}

function measureFrame(input: Buffer, begin: number, flags: number, ceilingBytes: number): MeasuredFrame {
  const hasSize = (flags & FLAG.size) !== 0
  const blockMaxBytes = 1 << (8 + 2 * (input[begin + 5]! >>> 4))
  const declaredBytes = hasSize ? input.readBigUInt64LE(begin + 6) : null
  if (declaredBytes !== null && declaredBytes > BigInt(ceilingBytes)) throw aboveCeiling(ceilingBytes)
  const blocksBegin = begin + HEADER_MIN_BYTES + (hasSize ? 8 : 0)
  const trailerBytes = (flags & FLAG.blockChecksum) !== 0 ? 4 : 0
  let position = blocksBegin
  let contentBytes = 0
  for (;;) {
    const word = wordAt(input, position)
    position += 4
    if (word === 0) break
    const end = position + (word & 0x7fffffff)
    if (end + trailerBytes > input.length) throw corruptFrame('block is cut off', begin)
    const blockBytes = word >= STORED_BIT ? end - position : measureLz4Block(input, position, end)
    contentBytes += blockBytes
    if (contentBytes > ceilingBytes) throw aboveCeiling(ceilingBytes)
    if (blockBytes > blockMaxBytes) throw corruptFrame('block is larger than the frame allows', begin)
    position = end + trailerBytes
  }
  if (declaredBytes !== null && declaredBytes !== BigInt(contentBytes)) {
    throw corruptFrame('content size does not match', begin)
  }
  if ((flags & FLAG.checksum) !== 0) {
    wordAt(input, position)
    position += 4
  }
  return { flags, blocksBegin, contentBytes, end: position }
}

/** Checks the frame header at `begin` and returns its flags. */
function checkHeader(input: Buffer, begin: number, acceptsOld: boolean): number {
  if (wordAt(input, begin) !== FRAME_MAGIC) throw corruptFrame('no LZ4 frame magic', begin)
  if (input.length - begin < HEADER_MIN_BYTES) throw corruptFrame('header is cut off', begin)
  const flags = input[begin + 4]!
  const descriptor = input[begin + 5]!
  if (flags >>> 6 !== 1) throw corruptFrame(`unknown version ${flags >>> 6}`, begin)
  if ((flags & FLAG.reserved) !== 0 || (descriptor & 0x8f) !== 0 || descriptor < 0x40) {
    throw corruptFrame('reserved bits are set', begin)
  }
  const checksumAt =
    begin + 6 + ((flags & FLAG.size) !== 0 ? 8 : 0) + ((flags & FLAG.dictionary) !== 0 ? 4 : 0)
  if (checksumAt >= input.length) throw corruptFrame('header is cut off', begin)
  const stated = input[checksumAt]
  const isOld = acceptsOld && stated === headerChecksum(input, begin, checksumAt)
  if (!isOld && stated !== headerChecksum(input, begin + 4, checksumAt)) {
    throw corruptFrame('header checksum does not match', begin)
  }
  if ((flags & FLAG.dictionary) !== 0) {
    throw new KafkaBackupError('KB_FORMAT_UNSUPPORTED', `LZ4 frame at byte ${begin} needs a dictionary`)
  }
  return flags
}

function decodeFrame(input: Buffer, frame: MeasuredFrame, output: Buffer, contentBegin: number): number {
  const hasBlockChecksum = (frame.flags & FLAG.blockChecksum) !== 0
  const isIndependent = (frame.flags & FLAG.independent) !== 0
  let write = contentBegin
  for (let position = frame.blocksBegin; ; ) {
    const word = input.readUInt32LE(position)
    position += 4
    if (word === 0) {
      if ((frame.flags & FLAG.checksum) !== 0) verify(input, position, xxh32(output, contentBegin, write))
      return write
    }
    const end = position + (word & 0x7fffffff)
    if (hasBlockChecksum) verify(input, end, xxh32(input, position, end))
    if (word >= STORED_BIT) {
      write += input.copy(output, write, position, end)
    } else {
      write = decodeLz4Block(input, position, end, output, write, isIndependent ? write : contentBegin)
    }
    position = end + (hasBlockChecksum ? 4 : 0)
  }
}

function verify(input: Buffer, position: number, checksum: number): void {
  if (input.readUInt32LE(position) !== checksum) throw corruptFrame('checksum does not match', position)
}

function wordAt(input: Buffer, position: number): number {
  if (input.length - position < 4) throw corruptFrame('frame is cut off', position)
  return input.readUInt32LE(position)
}

function headerChecksum(input: Buffer, begin: number, end: number): number {
  return (xxh32(input, begin, end) >>> 8) & 0xff
}

function corruptFrame(what: string, position: number): KafkaBackupError {
  return new KafkaBackupError('KB_BATCH_CORRUPT', `LZ4: ${what} at byte ${position}`)
}

function aboveCeiling(ceilingBytes: number): KafkaBackupError {
  return new KafkaBackupError(
    'KB_LIMIT_EXCEEDED',
    `LZ4 data is larger than ${ceilingBytes} bytes decompressed`,
  )
}

function tooManyFrames(): KafkaBackupError {
  return new KafkaBackupError('KB_LIMIT_EXCEEDED', `LZ4 data has more than ${LIMITS.bodyMaxFrames} frames`)
}
