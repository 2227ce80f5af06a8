import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { isCompressedKey } from '../format/artifact-document.ts'
import type { BackupState } from '../format/backup-state.ts'
import { sha256Hex } from '../format/canonical-json.ts'
import type { ArtifactRecord } from '../format/commit.ts'
import { LIMITS } from '../runtime/limits.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { compressDocument, decompressDocument } from './document-frame.ts'
import { artifactKey } from './key-layout.ts'
import { readWithSecondLook } from './second-look.ts'

// A batch in quarantine may be larger than a document.
const ARTIFACT_MAX_BYTES = Math.max(LIMITS.documentMaxBytes, LIMITS.batchMaxBytes)

/** What a run writes beside the records. */
export interface NewArtifact {
  readonly kind: string
  /** Of the run. */
  readonly writer: string
  /** The document as it is. */
  readonly bytes: Buffer
}

/**
 * Writes an artifact; it belongs to the backup once a commit names it. A run writes one of a kind for each of its commits at most.
 * @throws KB_STORAGE_*, KB_LIMIT_EXCEEDED
 */
export async function writeArtifact(
  storage: StorageBackend,
  state: BackupState,
  { kind, writer, bytes }: NewArtifact,
  signal?: AbortSignal,
): Promise<ArtifactRecord> {
  if (bytes.length > LIMITS.documentMaxBytes) {
    throw new KafkaBackupError(
      'KB_LIMIT_EXCEEDED',
      `the artifact "${kind}" would have ${bytes.length} bytes, more than ${LIMITS.documentMaxBytes}`,
    )
  }
  const frame = await compressDocument(bytes)
  const place = { kind, number: state.nextNumber, writer, isCompressed: frame !== null }
  const key = artifactKey(state.backupId, place)
  const stored = frame ?? bytes
  await storage.put(key, stored, signal ? { signal } : {})
  return { kind, key, bytes: stored.length, sha256: sha256Hex(stored) }
}

/** The newest artifact of a kind, as of the state's last commit. */
export function latestArtifact(state: BackupState, kind: string): ArtifactRecord | undefined {
  return state.artifacts.findLast((artifact) => artifact.kind === kind)
}

/**
 * The document that the commit named, or the bytes of a quarantined batch.
 * @throws KB_OBJECT_NOT_FOUND, KB_VALIDATION_FAILED, KB_LIMIT_EXCEEDED, KB_STORAGE_*
 */
export async function readArtifact(
  storage: StorageBackend,
  record: ArtifactRecord,
  signal?: AbortSignal,
): Promise<Buffer> {
  return readWithSecondLook(
    () => storage.read(record.key, ARTIFACT_MAX_BYTES, signal ? { signal } : {}),
    async (bytes) => {
      if (bytes.length !== record.bytes || sha256Hex(bytes) !== record.sha256)
        throw damaged(record, 'length or SHA-256 differs from what its commit says')
      return isCompressedKey(record.key) ? decompressed(record, bytes) : bytes
    },
  )
}

async function decompressed(record: ArtifactRecord, frame: Buffer): Promise<Buffer> {
  try {
    return await decompressDocument(frame, LIMITS.documentMaxBytes)
  } catch (error) {
    throw damaged(record, `it cannot be decompressed: ${(error as Error).message}`, error)
  }
}

function damaged({ key }: ArtifactRecord, message: string, cause?: unknown): KafkaBackupError {
  return new KafkaBackupError('KB_VALIDATION_FAILED', message, { cause, context: { key } })
}
