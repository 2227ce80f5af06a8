import { isKafkaBackupError } from '../../errors/kafka-backup-error.ts'
import type { PlaceFacts } from '../storage-backend.ts'
import type { AzureConnection } from './connection.ts'

const UNKNOWN: PlaceFacts = { versioning: 'unknown', objectLock: 'unknown', defaultRetention: null }

/**
 * What the service that holds the data says of a container. Whether versions are kept, and how long a policy lasts, is
 * known to the management service only, which this program does not talk to: versions are known to be kept where objects
 * can be locked one by one, since that needs them. A SAS token may not ask.
 */
export async function inspectContainer(
  connection: AzureConnection,
  signal: AbortSignal | undefined,
): Promise<PlaceFacts> {
  try {
    const facts = await connection.request(
      { action: 'inspect', subject: '' },
      signal,
      ({ container, options }) => container.getProperties(options),
    )
    const { isImmutableStorageWithVersioningEnabled: ofVersions, hasImmutabilityPolicy, hasLegalHold } = facts
    const isKnown = ofVersions !== undefined || hasImmutabilityPolicy !== undefined
    return {
      versioning: ofVersions ? 'on' : 'unknown',
      objectLock: ofVersions || hasImmutabilityPolicy || hasLegalHold ? 'on' : isKnown ? 'off' : 'unknown',
      defaultRetention: null,
    }
  } catch (error) {
    if (!isKafkaBackupError(error, 'KB_STORAGE_PERMISSION')) throw error
    return UNKNOWN
  }
}
