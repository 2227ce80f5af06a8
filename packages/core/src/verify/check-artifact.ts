import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { sha256Hex } from '../format/canonical-json.ts'
import type { ArtifactRecord } from '../format/commit.ts'
import { LIMITS } from '../runtime/limits.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'

// A batch in quarantine may be larger than a document.
const ARTIFACT_MAX_BYTES = Math.max(LIMITS.documentMaxBytes, LIMITS.batchMaxBytes)

/** Reads an artifact and compares it with the commit that names it. @throws KB_OBJECT_NOT_FOUND, KB_VALIDATION_FAILED, KB_LIMIT_EXCEEDED */
export async function assertArtifact(
  storage: StorageBackend,
  record: ArtifactRecord,
  signal?: AbortSignal,
): Promise<void> {
  const bytes = await storage.read(record.key, ARTIFACT_MAX_BYTES, signal ? { signal } : {})
  if (bytes.length === record.bytes && sha256Hex(bytes) === record.sha256) return
  throw new KafkaBackupError('KB_VALIDATION_FAILED', 'length or SHA-256 differs from what its commit says', {
    context: { key: record.key },
  })
}
