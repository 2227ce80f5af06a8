import type { ContainerGetPropertiesResponse } from '@azure/storage-blob'
import { isKafkaBackupError } from '../../errors/kafka-backup-error.ts'
import type { PlaceFacts } from '../storage-backend.ts'
import type { AzureConnection } from './connection.ts'
import { foreignAnswer } from './errors.ts'

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
  const attempt = { action: 'inspect' as const, subject: '', container: connection.container }
  try {
    const facts = await connection.request(attempt, signal, ({ container, options }) =>
      container.getProperties(options),
    )
    // Every answer of the service has the number of its request.
    if (!facts.etag || !facts.requestId) throw foreignAnswer(attempt)
    return placeFactsOf(facts)
  } catch (error) {
    if (!isKafkaBackupError(error, 'KB_STORAGE_PERMISSION')) throw error
    return UNKNOWN
  }
}

/** The part of the properties of a container that tells of immutability. */
type ImmutabilityFacts = Pick<
  ContainerGetPropertiesResponse,
  'isImmutableStorageWithVersioningEnabled' | 'hasImmutabilityPolicy' | 'hasLegalHold'
>

/** A policy or a hold of the container locks every new object at once, for a time that is not told. */
export function placeFactsOf({
  isImmutableStorageWithVersioningEnabled: areVersionsLockable,
  hasImmutabilityPolicy: hasPolicy,
  hasLegalHold: hasHold,
}: ImmutabilityFacts): PlaceFacts {
  const isKnown = areVersionsLockable !== undefined || hasPolicy !== undefined
  const isLockable = areVersionsLockable || hasPolicy || hasHold
  const ofContainer = [hasPolicy ? 'a policy' : '', hasHold ? 'a legal hold' : ''].filter(
    (text) => text !== '',
  )
  return {
    versioning: areVersionsLockable ? 'on' : 'unknown',
    objectLock: isLockable ? 'on' : isKnown ? 'off' : 'unknown',
    defaultRetention: ofContainer.length === 0 ? null : `${ofContainer.join(' and ')} of the container`,
  }
}
