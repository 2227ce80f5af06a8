import type { ObjectLockConfiguration } from '@aws-sdk/client-s3'
import { isKafkaBackupError } from '../../errors/kafka-backup-error.ts'
import type { PlaceFacts } from '../storage-backend.ts'
import type { S3Connection, S3Session } from './connection.ts'

/** How AWS and those who follow it say that a bucket was made without object lock. */
const NO_LOCK_NAME = 'ObjectLockConfigurationNotFoundError'

const NOT_IMPLEMENTED = 501
const SILENT_CODES = ['KB_STORAGE_PERMISSION', 'KB_STORAGE_UNSUPPORTED', 'KB_OBJECT_NOT_FOUND'] as const

/** Versions and object lock of a bucket. @throws KB_STORAGE_UNAVAILABLE, KB_LOCATION_INVALID, but nothing for lack of rights */
export async function inspectBucket(
  connection: S3Connection,
  bucket: string,
  signal: AbortSignal | undefined,
): Promise<PlaceFacts> {
  const versioning = await ask(connection, signal, async ({ sdk, client, options }) => {
    const command = new sdk.GetBucketVersioningCommand({ Bucket: bucket })
    const { Status: status, $metadata: answer } = await client.send(command, options)
    // The document of a bucket without versions is empty; what is no answer of a store at all looks the same.
    if (status === undefined && answer.requestId === undefined) return 'unknown'
    return status === 'Enabled' ? ('on' as const) : ('off' as const)
  })
  const lock = await ask(connection, signal, async (session) => ({ found: await lockOf(session, bucket) }))
  const objectLock = lock === 'unknown' ? lock : lock.found?.ObjectLockEnabled === 'Enabled' ? 'on' : 'off'
  const defaultRetention = lock === 'unknown' ? null : retentionText(lock.found)
  return { versioning, objectLock, defaultRetention }
}

/** Undefined for a bucket without object lock. */
async function lockOf(
  { sdk, client, options }: S3Session,
  bucket: string,
): Promise<ObjectLockConfiguration | undefined> {
  try {
    const command = new sdk.GetObjectLockConfigurationCommand({ Bucket: bucket })
    return (await client.send(command, options)).ObjectLockConfiguration
  } catch (error) {
    if (error instanceof Error && error.name === NO_LOCK_NAME) return undefined
    throw error
  }
}

/** 'unknown' when the store cannot answer this, or does not answer it to us. */
async function ask<T>(
  connection: S3Connection,
  signal: AbortSignal | undefined,
  step: (session: S3Session) => Promise<T>,
): Promise<T | 'unknown'> {
  try {
    return await connection.request({ action: 'read', subject: '' }, signal, async (session) => {
      try {
        return await step(session)
      } catch (error) {
        // Elsewhere a failure of the server may pass; this one says for good that it has no such request.
        if (statusOf(error) === NOT_IMPLEMENTED) return 'unknown'
        throw error
      }
    })
  } catch (error) {
    if (SILENT_CODES.some((code) => isKafkaBackupError(error, code))) return 'unknown'
    throw error
  }
}

function statusOf(error: unknown): number | undefined {
  return (error as { readonly $metadata?: { readonly httpStatusCode?: number } } | undefined)?.$metadata
    ?.httpStatusCode
}

function retentionText(lock: ObjectLockConfiguration | undefined): string | null {
  const { Mode: mode, Days: days, Years: years } = lock?.Rule?.DefaultRetention ?? {}
  if (mode === undefined) return null
  const [count, unit] = years === undefined ? [days ?? 0, 'day'] : [years, 'year']
  return `${mode}, ${count} ${unit}${count === 1 ? '' : 's'}`
}
