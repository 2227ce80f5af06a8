import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { createZstdCompress } from 'node:zlib'
import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { BackupState } from '../format/backup-state.ts'
import { sha256Hex } from '../format/canonical-json.ts'
import {
  decodeSkippable,
  encodeSkippable,
  SKIPPABLE_OVERHEAD_BYTES,
  SNAPSHOT_DIGEST_MAGIC,
} from '../format/skippable-frame.ts'
import { decodeSnapshot, snapshotPieces } from '../format/snapshot.ts'
import { LIMITS } from '../runtime/limits.ts'
import { decompressDocument } from './document-frame.ts'

const DIGEST_BYTES = 32
// The default of 16 KiB makes a thousand pieces of a snapshot of 16 MiB.
const CHUNK_BYTES = 256 * 1024

/**
 * The bytes of a snapshot object: the document as one Zstandard frame, then a skippable frame with the SHA-256 of that
 * frame. The seal inside the document is not enough: Zstandard has bits that no decoder looks at, and decoders stop at
 * the end of a frame, so some changes of the object would not change the document. The document is compressed while it is written:
 * that of a long run is a hundred times larger than what the run holds. @throws KB_LIMIT_EXCEEDED when it is larger than what is read
 */
export async function encodeSnapshotObject(
  state: BackupState,
  maxBytes: number = LIMITS.snapshotMaxRawBytes,
): Promise<Buffer> {
  const compressing = createZstdCompress()
  const written = pipeline(Readable.from(chunksOf(snapshotPieces(state), maxBytes)), compressing)
  const [frame] = await Promise.all([buffer(compressing), written])
  return Buffer.concat([frame, encodeSkippable(SNAPSHOT_DIGEST_MAGIC, digestOf(frame))])
}

/** Pieces together in chunks that are worth a call of the compressor. @throws KB_LIMIT_EXCEEDED */
function* chunksOf(pieces: Iterable<string>, maxBytes: number): Generator<Buffer> {
  let texts: string[] = []
  let length = 0
  let bytes = 0
  const take = (): Buffer => {
    const chunk = Buffer.from(texts.join(''))
    bytes += chunk.length
    if (bytes > maxBytes)
      throw new KafkaBackupError('KB_LIMIT_EXCEEDED', `a snapshot would take more than ${maxBytes} bytes`)
    texts = []
    length = 0
    return chunk
  }
  for (const piece of pieces) {
    texts.push(piece)
    length += piece.length
    if (length >= CHUNK_BYTES) yield take()
  }
  yield take()
}

/** @throws KB_SNAPSHOT_CORRUPT with the reason */
export async function decodeSnapshotObject(bytes: Buffer): Promise<BackupState> {
  const frame = bytes.subarray(0, -(SKIPPABLE_OVERHEAD_BYTES + DIGEST_BYTES))
  let document: Buffer
  try {
    const digest = decodeSkippable(SNAPSHOT_DIGEST_MAGIC, bytes.subarray(frame.length))
    if (!digest.equals(digestOf(frame))) throw new Error('SHA-256 differs')
    document = await decompressDocument(frame, LIMITS.snapshotMaxRawBytes)
  } catch (error) {
    const message = `the snapshot is damaged: ${(error as Error).message}`
    throw new KafkaBackupError('KB_SNAPSHOT_CORRUPT', message, { cause: error })
  }
  return decodeSnapshot(document)
}

function digestOf(frame: Buffer): Buffer {
  return Buffer.from(sha256Hex(frame), 'hex')
}
