import { createHash } from 'node:crypto'
import type { GetObjectCommandOutput, HeadObjectCommandOutput } from '@aws-sdk/client-s3'
import { isKafkaBackupError } from '../../errors/kafka-backup-error.ts'
import { objectExists } from '../object-errors.ts'
import type { ObjectKey } from '../storage-backend.ts'
import type { S3Connection } from './connection.ts'
import { brokenBody, isAmbiguous } from './errors.ts'
import type { S3Place } from './place.ts'

/** A body to be stored under a key. */
export interface S3Put {
  readonly key: ObjectKey
  readonly bytes: Uint8Array
  /** Refuse when the key is taken. */
  readonly isExclusive: boolean
}

/** Single requests about objects of one place, by our keys. */
export class S3Objects {
  readonly place: S3Place
  readonly connection: S3Connection

  constructor(place: S3Place, connection: S3Connection) {
    this.place = place
    this.connection = connection
  }

  /** The key that the bucket knows. */
  fullKey(key: string): string {
    return this.place.prefix === '' ? key : `${this.place.prefix}/${key}`
  }

  /** Bucket and key, as every request has them. */
  target(key: ObjectKey): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.place.bucket, Key: this.fullKey(key) }
  }

  /** One object, which need not exist: undefined then. */
  async head(key: ObjectKey, signal?: AbortSignal): Promise<HeadObjectCommandOutput | undefined> {
    try {
      return await this.connection.request(
        { action: 'read', subject: key },
        signal,
        ({ sdk, client, options }) => client.send(new sdk.HeadObjectCommand(this.target(key)), options),
      )
    } catch (error) {
      if (isKafkaBackupError(error, 'KB_OBJECT_NOT_FOUND')) return undefined
      throw error
    }
  }

  /** Asks for an object, or for bytes of it, and lets `take` have the answer while it arrives. */
  get<T>(
    key: ObjectKey,
    range: string | undefined,
    signal: AbortSignal | undefined,
    take: (answer: GetObjectCommandOutput) => Promise<T>,
  ): Promise<T> {
    const input = { ...this.target(key), ...(range === undefined ? {} : { Range: range }) }
    return this.connection.request(
      { action: 'read', subject: key },
      signal,
      async ({ sdk, client, options }) => {
        const answer = await client.send(new sdk.GetObjectCommand(input), options)
        // The signal of the SDK ends with the headers of the answer; the body may take much longer.
        const stop = () => discardBody(answer)
        signal?.addEventListener('abort', stop, { once: true })
        try {
          signal?.throwIfAborted()
          return await take(answer)
        } finally {
          signal?.removeEventListener('abort', stop)
        }
      },
    )
  }

  /**
   * Stores a whole body once. `Content-MD5` is the checksum that AWS, Ceph, MinIO, R2 and VersityGW all compare with what
   * arrived, and that a bucket with object lock demands; the newer ones of AWS (CRC32, CRC64NVME) are unknown to older Ceph
   * and other stores. The signature covers a SHA-256 of the body besides.
   */
  async put({ key, bytes, isExclusive }: S3Put, signal?: AbortSignal): Promise<void> {
    const input = {
      ...this.target(key),
      Body: bytes,
      ContentLength: bytes.byteLength,
      ContentMD5: md5Of(bytes),
      ...(isExclusive && !this.place.isSingleWriter ? { IfNoneMatch: '*' } : {}),
    }
    if (isExclusive && this.place.isSingleWriter && (await this.head(key, signal))) throw objectExists(key)
    await this.connection.request(
      { action: 'write', subject: key },
      signal,
      async ({ sdk, client, options }) => {
        await client.send(new sdk.PutObjectCommand(input), options)
      },
    )
  }

  /**
   * Creates an object exclusively. When the answer is lost, the object itself is the answer: its bytes are ours or not.
   * Two writers never put the same bytes under one key, unless they mean the same: a commit names its run. An object that
   * is absent says nothing, since the request may still arrive; the error goes on then, and the next attempt settles it.
   * @throws KB_OBJECT_EXISTS
   */
  async create(key: ObjectKey, bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
    try {
      await this.put({ key, bytes, isExclusive: true }, signal)
    } catch (error) {
      if (!isAmbiguous(error)) throw error
      const found = await this.#compare(key, bytes, signal)
      if (found === 'absent') throw error
      if (found === 'other') throw objectExists(key)
    }
  }

  /**
   * The same for a caller that has a failed attempt behind it: a taken key may be that attempt's work.
   * @throws KB_OBJECT_EXISTS
   */
  async createAgain(key: ObjectKey, bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
    try {
      await this.create(key, bytes, signal)
    } catch (error) {
      const isTaken = isKafkaBackupError(error, 'KB_OBJECT_EXISTS')
      if (!isTaken || (await this.#compare(key, bytes, signal)) !== 'same') throw error
    }
  }

  async #compare(
    key: ObjectKey,
    bytes: Uint8Array,
    signal: AbortSignal | undefined,
  ): Promise<'absent' | 'same' | 'other'> {
    try {
      return await this.get(key, undefined, signal, async (answer) => {
        if (answer.ContentLength !== bytes.byteLength) {
          discardBody(answer)
          return 'other'
        }
        const found = await readBody(answer, bytes.byteLength)
        if (found === undefined) {
          throw brokenBody({ action: 'read', subject: key, bucket: this.place.bucket })
        }
        return Buffer.compare(found, bytes) === 0 ? 'same' : 'other'
      })
    } catch (error) {
      if (isKafkaBackupError(error, 'KB_OBJECT_NOT_FOUND')) return 'absent'
      throw error
    }
  }
}

/** A body of exactly so many bytes; undefined when it has fewer or more. */
export async function readBody(
  answer: GetObjectCommandOutput,
  byteCount: number,
): Promise<Buffer | undefined> {
  const bytes = Buffer.allocUnsafeSlow(byteCount)
  let filled = 0
  for await (const chunk of bodyOf(answer)) {
    // Left in the middle, the loop destroys the stream and its connection.
    if (filled + chunk.length > byteCount) return undefined
    bytes.set(chunk, filled)
    filled += chunk.length
  }
  return filled === byteCount ? bytes : undefined
}

/** Gives up a body that nobody wants, and its connection. */
export function discardBody(answer: GetObjectCommandOutput): void {
  const body = answer.Body as { destroy?: () => void } | undefined
  body?.destroy?.()
}

/** Base64, as the header wants it. */
export function md5Of(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('base64')
}

async function* bodyOf(answer: GetObjectCommandOutput): AsyncGenerator<Uint8Array> {
  // In Node the body is a stream; an empty object may have none.
  if (answer.Body !== undefined) yield* answer.Body as unknown as AsyncIterable<Uint8Array>
}
