import { isKafkaBackupError } from '../../errors/kafka-backup-error.ts'
import type { PlaceFacts } from '../storage-backend.ts'
import { foreignAnswer } from './errors.ts'
import type { GcsObjects } from './object-requests.ts'

interface Bucket {
  readonly kind?: string
  readonly versioning?: { readonly enabled?: boolean }
  readonly retentionPolicy?: { readonly retentionPeriod?: string; readonly isLocked?: boolean }
  readonly objectRetention?: { readonly mode?: string }
}

const UNKNOWN: PlaceFacts = { versioning: 'unknown', objectLock: 'unknown', defaultRetention: null }
const DAY_S = 24 * 60 * 60

/** What the store says of a bucket; whoever may only use its objects may not ask. */
export async function inspectBucket(
  objects: GcsObjects,
  signal: AbortSignal | undefined,
): Promise<PlaceFacts> {
  const path = `/storage/v1/b/${objects.place.bucket}?fields=kind,versioning,retentionPolicy,objectRetention`
  try {
    const call = { method: 'GET' as const, path, expected: [200] }
    const { fields } = await objects.connection.document({ action: 'inspect', subject: '' }, signal, call)
    const bucket = (fields ?? {}) as Bucket
    // Without this, any other document would be a bucket that has nothing of all this.
    if (bucket.kind !== 'storage#bucket') throw foreignAnswer(objects.attempt('inspect', ''))
    return factsOf(bucket)
  } catch (error) {
    if (!isKafkaBackupError(error, 'KB_STORAGE_PERMISSION')) throw error
    return UNKNOWN
  }
}

function factsOf({ versioning, retentionPolicy: policy, objectRetention: ofObjects }: Bucket): PlaceFacts {
  const isLockable = policy !== undefined || ofObjects?.mode === 'Enabled'
  return {
    versioning: versioning?.enabled ? 'on' : 'off',
    objectLock: isLockable ? 'on' : 'off',
    defaultRetention: policy === undefined ? null : retentionText(policy),
  }
}

function retentionText({ retentionPeriod, isLocked }: NonNullable<Bucket['retentionPolicy']>): string {
  const seconds = Number(retentionPeriod ?? 0)
  const time = seconds % DAY_S === 0 ? `${seconds / DAY_S} days` : `${seconds} seconds`
  return `${isLocked ? 'locked' : 'unlocked'}, ${time}`
}
