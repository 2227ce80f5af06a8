import { isKafkaBackupError, KafkaBackupError, toKafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { BackupState } from '../format/backup-state.ts'
import { newestTopics } from '../repository/newest-topics.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import type { TargetOptions } from './restore-preflight.ts'
import type { RestoreRequest } from './restore-request.ts'

/**
 * Records are worth more than settings: what cannot be read is said, and topics are created as if nothing had been captured. What was pruned is
 * no damage: somebody who names an earlier state has to say that its settings may be missing. @throws KB_PRUNED
 */
export async function capturedSettings(
  storage: StorageBackend,
  state: BackupState,
  { restoreTopicConfigs }: RestoreRequest,
  signal: AbortSignal,
): Promise<Pick<TargetOptions, 'captured' | 'captureTrouble'>> {
  if (!restoreTopicConfigs) return { captured: null, captureTrouble: null }
  try {
    return { captured: await newestTopics(storage, state, signal), captureTrouble: null }
  } catch (error) {
    if (isKafkaBackupError(error, 'KB_PRUNED')) {
      const hint =
        'Restore a later state, or this one without the settings of its topics: --restore-topic-configs false'
      throw new KafkaBackupError(error.code, error.message, { hint, context: error.context, cause: error })
    }
    const { category, code, message } = toKafkaBackupError(error)
    if (category !== 'integrity' && code !== 'KB_OBJECT_NOT_FOUND') throw error
    return { captured: null, captureTrouble: message }
  }
}
