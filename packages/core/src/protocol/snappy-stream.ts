import { compress, compressSync } from 'snappy'
import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { decodeSnappyElements, readSnappyLength } from './snappy-block.ts'

/*
 * Java producers wrap Snappy in the framing of xerial's snappy-java: magic 82 "SNAPPY" 00, version and compatible
 * version (int32 each, 1), then blocks: int32 length (big-endian) and a raw Snappy block. Others send one raw block.
 */

const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0])
const XERIAL_HEADER = Buffer.concat([XERIAL_MAGIC, Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])])

/** Block length that snappy-java writes with its default settings. */
const XERIAL_BLOCK_BYTES = 32 * 1024

/** Told of one block: where its elements lie, and how long they are decoded. */
type VisitBlock = (begin: number, end: number, decodedBytes: number) => void

/**
 * Decodes a raw Snappy block or a stream in xerial's framing. The declared lengths are added up first, so nothing
 * is allocated for input that would pass `ceilingBytes`.
 * @throws KB_LIMIT_EXCEEDED above the ceiling, KB_BATCH_CORRUPT for malformed input.
 */
export function decompressSnappy(input: Buffer, ceilingBytes: number): Buffer {
  // Walked twice instead of kept in a list: a hostile stream has a block in every five bytes.
  let decodedBytes = 0
  visitBlocks(input, (_begin, _end, blockBytes) => {
    decodedBytes += blockBytes
  })
  if (decodedBytes > ceilingBytes) {
    throw new KafkaBackupError(
      'KB_LIMIT_EXCEEDED',
      `Snappy data is larger than ${ceilingBytes} bytes decompressed`,
    )
  }
  const output = Buffer.allocUnsafe(decodedBytes)
  let write = 0
  visitBlocks(input, (begin, end, blockBytes) => {
    decodeSnappyElements(input, begin, end, output, write, write + blockBytes)
    write += blockBytes
  })
  return output
}

/** Compresses `raw` in xerial's framing, which every Kafka client reads. */
export function compressXerial(raw: Buffer): Buffer {
  return frameXerial(chunksOf(raw).map((chunk) => compressSync(chunk)))
}

/** {@link compressXerial} on the thread pool. */
export async function compressXerialAsync(raw: Buffer): Promise<Buffer> {
  return frameXerial(await Promise.all(chunksOf(raw).map((chunk) => compress(chunk))))
}

function isXerial(input: Buffer, position: number): boolean {
  return (
    input.length - position >= XERIAL_HEADER.length &&
    XERIAL_MAGIC.compare(input, position, position + 8) === 0
  )
}

function visitBlocks(input: Buffer, visit: VisitBlock): void {
  if (!isXerial(input, 0)) {
    visitBlock(input, 0, input.length, visit)
    return
  }
  for (let position = XERIAL_HEADER.length; position < input.length; ) {
    // snappy-java reads streams that were joined: a header may stand where a block would.
    if (isXerial(input, position)) {
      position += XERIAL_HEADER.length
      continue
    }
    const begin = position + 4
    const end = begin <= input.length ? begin + input.readInt32BE(position) : 0
    if (end <= begin || end > input.length) {
      throw new KafkaBackupError('KB_BATCH_CORRUPT', `Snappy: block at byte ${position} is cut off`)
    }
    visitBlock(input, begin, end, visit)
    position = end
  }
}

function visitBlock(input: Buffer, begin: number, end: number, visit: VisitBlock): void {
  const source = { bytes: input, position: begin, end }
  const decodedBytes = readSnappyLength(source)
  visit(source.position, end, decodedBytes)
}

function chunksOf(raw: Buffer): Buffer[] {
  const chunks: Buffer[] = []
  for (let begin = 0; begin < raw.length; begin += XERIAL_BLOCK_BYTES) {
    chunks.push(raw.subarray(begin, begin + XERIAL_BLOCK_BYTES))
  }
  return chunks
}

function frameXerial(blocks: readonly Buffer[]): Buffer {
  const pieces: Buffer[] = [XERIAL_HEADER]
  for (const block of blocks) {
    const length = Buffer.allocUnsafe(4)
    length.writeInt32BE(block.length)
    pieces.push(length, block)
  }
  return Buffer.concat(pieces)
}
