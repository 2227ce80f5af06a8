import { compressZstdAsync, decompressZstdAsync, walkZstdFrames } from '../protocol/zstd-frames.ts'
import { LIMITS } from '../runtime/limits.ts'

/** A document as one Zstandard frame; null: it is small, or readers would take the frame for a bomb, so that it is stored as it is. */
export async function compressDocument(document: Buffer): Promise<Buffer | null> {
  if (document.length < LIMITS.documentCompressedMinBytes) return null
  const frame = await compressZstdAsync(document)
  return document.length <= documentCeilingBytes(frame.length, LIMITS.documentMaxBytes) ? frame : null
}

/**
 * What one Zstandard frame holds, which is all that there is. More than `maxBytes`, or than documents shrink by, is refused before memory is
 * taken for it where the headers tell. @throws KB_BATCH_CORRUPT, KB_LIMIT_EXCEEDED, or a plain Error: callers know which document it is
 */
export async function decompressDocument(frame: Buffer, maxBytes: number): Promise<Buffer> {
  const [only, ...more] = walkZstdFrames(frame)
  if (!only || only.isSkippable || more.length > 0) throw new Error('it is not one Zstandard frame')
  return decompressZstdAsync(frame, documentCeilingBytes(frame.length, maxBytes))
}

function documentCeilingBytes(frameBytes: number, maxBytes: number): number {
  const plausible = Math.max(LIMITS.documentFreeRawBytes, frameBytes * LIMITS.documentMaxRatio)
  return Math.min(maxBytes, plausible)
}
