import { readFile } from 'node:fs/promises'
import { zstdDecompressSync } from 'node:zlib'

const SEEKABLE_MAGIC = 0x8f92eab1
const ZSTD_MAGIC = 0xfd2fb528

/**
 * What `zstd -d` makes of a segment, by a decoder of its own: the frames are found through the seek table alone, as any
 * tool for seekable Zstandard files would, and decompressed one by one.
 */
export async function decompressSegment(path: string): Promise<Buffer> {
  return Buffer.concat(await decompressFrames(path))
}

/** The data frames of a segment one by one, by the same decoder. */
export async function decompressFrames(path: string): Promise<Buffer[]> {
  const bytes = await readFile(path)
  if (bytes.readUInt32LE(bytes.length - 4) !== SEEKABLE_MAGIC) throw new Error(`${path} has no seek table`)
  const frameCount = bytes.readUInt32LE(bytes.length - 9)
  const tableBegin = bytes.length - 9 - frameCount * 8
  const frames: Buffer[] = []
  let position = 0
  for (let at = 0; at < frameCount; at++) {
    const size = bytes.readUInt32LE(tableBegin + at * 8)
    const frame = bytes.subarray(position, position + size)
    if (frame.readUInt32LE(0) === ZSTD_MAGIC) frames.push(zstdDecompressSync(frame))
    position += size
  }
  return frames
}
