import type { GetObjectCommandOutput, HeadObjectCommandOutput } from '@aws-sdk/client-s3'
import { isKafkaBackupError } from '../../errors/kafka-backup-error.ts'
import { md5Of, readBody } from '../answer-body.ts'
import { objectExists, objectTooLarge } from '../object-errors.ts'
import type { Comparison, ExclusiveCreate } from '../settled-create.ts'
import type { ObjectEntry, ObjectKey } from '../storage-backend.ts'
import type { S3Connection } from './connection.ts'
import { brokenBody, foreignAnswer, isUnprovenAbsence, strangeStore } from './errors.ts'
import type { S3Place } from './place.ts'

/** A body to be stored under a key. */
export interface S3Put {
  readonly key: ObjectKey
  readonly bytes: Uint8Array
  /** Refuse when the key is taken. */
  readonly isExclusive: boolean
}

/** Metadata of an object that was put whole: its MD5, so that a reader sees what the way has done to it. */
const DIGEST_NAME = 'kafka-backup-md5'
const READS_MAX = 3
/** What a deletion is answered with. */
const NO_CONTENT = 204

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
        { action: 'read', subject: key, isHead: true },
        signal,
        async ({ sdk, client, options }) => {
          const command = new sdk.HeadObjectCommand(this.target(key))
          const answer = await client.send(command, options).catch(async (error: unknown) => {
            // Some stores number no requests, and neither does a proxy.
            if (isUnprovenAbsence(error)) await this.#refusePresence(key, signal)
            throw error
          })
          if (!answer.ETag || answer.ContentLength === undefined) {
            throw foreignAnswer({ action: 'read', subject: key, bucket: this.place.bucket })
          }
          return answer
        },
      )
    } catch (error) {
      if (isKafkaBackupError(error, 'KB_OBJECT_NOT_FOUND')) return undefined
      throw error
    }
  }

  /** After an absence that nothing proves: the refusal of GET has a document. @throws KB_OBJECT_NOT_FOUND, KB_STORAGE_UNAVAILABLE */
  async #refusePresence(key: ObjectKey, signal: AbortSignal | undefined): Promise<never> {
    await this.get(key, undefined, signal, async (answer) => discardBody(answer))
    throw foreignAnswer({ action: 'read', subject: key, bucket: this.place.bucket }, 404)
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
        if (!answer.ETag) {
          discardBody(answer)
          throw foreignAnswer({ action: 'read', subject: key, bucket: this.place.bucket })
        }
        // The SDK breaks off what is read. What nobody has begun to read fails where nobody listens.
        if (signal?.aborted) {
          discardBody(answer)
          throw signal.reason
        }
        return take(answer)
      },
    )
  }

  /**
   * A whole object. Bytes that are not those of its metadata are asked for again: twice the same are what the store has, and
   * what that is worth is for the digests of the archive to say. @throws KB_LIMIT_EXCEEDED
   */
  async getWhole(key: ObjectKey, maxBytes: number, signal?: AbortSignal): Promise<Buffer> {
    let previous: Buffer | undefined
    for (let reads = 1; ; reads++) {
      const { bytes, digest } = await this.#getOnce(key, maxBytes, signal)
      const isAsPut = digest === undefined || digest === digestOf(bytes)
      if (isAsPut || previous?.equals(bytes) || reads === READS_MAX) return bytes
      previous = bytes
    }
  }

  #getOnce(key: ObjectKey, maxBytes: number, signal: AbortSignal | undefined) {
    const attempt = { action: 'read' as const, subject: key, bucket: this.place.bucket }
    return this.get(key, undefined, signal, async (answer) => {
      const byteCount = answer.ContentLength
      if (byteCount === undefined || byteCount > maxBytes) {
        discardBody(answer)
        if (byteCount !== undefined) throw objectTooLarge(key, byteCount, maxBytes)
        throw strangeStore(attempt, 'the store does not say how long the object is')
      }
      const bytes = await readBody(bodyOf(answer), byteCount)
      if (!bytes) throw brokenBody(attempt)
      return { bytes, digest: answer.Metadata?.[DIGEST_NAME] }
    })
  }

  /**
   * Stores a whole body once. `Content-MD5` is the checksum that AWS, Ceph, MinIO, R2 and VersityGW all compare with what
   * arrived, and that a bucket with object lock demands; the newer ones of AWS (CRC32, CRC64NVME) are unknown to older Ceph
   * and other stores. The signature covers a SHA-256 of the body besides.
   */
  async put({ key, bytes, isExclusive }: S3Put, signal?: AbortSignal): Promise<void> {
    const digest = digestOf(bytes)
    const input = {
      ...this.target(key),
      Body: bytes,
      ContentLength: bytes.byteLength,
      ContentMD5: digest,
      Metadata: { [DIGEST_NAME]: digest },
      ...(isExclusive && !this.place.isSingleWriter ? { IfNoneMatch: '*' } : {}),
    }
    if (isExclusive && this.place.isSingleWriter && (await this.head(key, signal))) throw objectExists(key)
    await this.connection.request(
      { action: 'write', subject: key },
      signal,
      async ({ sdk, client, options }) => {
        const answer = await client.send(new sdk.PutObjectCommand(input), options)
        if (!answer.ETag) {
          throw foreignAnswer({ action: 'write', subject: key, bucket: this.place.bucket })
        }
      },
    )
  }

  /** Length and time of one object; undefined when it is absent. */
  async stat(key: ObjectKey, signal?: AbortSignal): Promise<ObjectEntry | undefined> {
    const found = await this.head(key, signal)
    return found && { key, bytes: found.ContentLength ?? 0, modifiedMs: found.LastModified?.getTime() ?? 0 }
  }

  async delete(key: ObjectKey, signal?: AbortSignal): Promise<void> {
    await this.connection.request(
      { action: 'delete', subject: key },
      signal,
      async ({ sdk, client, options }) => {
        const { $metadata: answer } = await client.send(
          new sdk.DeleteObjectCommand(this.target(key)),
          options,
        )
        // Nothing comes back that could be looked at; a page that says 200 has not the number that stores give to requests.
        if (answer.httpStatusCode !== NO_CONTENT && answer.requestId === undefined) {
          throw foreignAnswer({ action: 'delete', subject: key, bucket: this.place.bucket })
        }
      },
    )
  }

  /** The requests that create an object exclusively, and what tells whose it is when an answer was lost. */
  exclusive(key: ObjectKey, bytes: Uint8Array, signal?: AbortSignal): ExclusiveCreate {
    return {
      key,
      put: () => this.put({ key, bytes, isExclusive: true }, signal),
      compare: () => this.#compare(key, bytes, signal),
    }
  }

  async #compare(key: ObjectKey, bytes: Uint8Array, signal: AbortSignal | undefined): Promise<Comparison> {
    try {
      const found = await this.getWhole(key, bytes.byteLength, signal)
      return Buffer.compare(found, bytes) === 0 ? 'same' : 'other'
    } catch (error) {
      if (isKafkaBackupError(error, 'KB_OBJECT_NOT_FOUND')) return 'absent'
      if (isKafkaBackupError(error, 'KB_LIMIT_EXCEEDED')) return 'other'
      throw error
    }
  }
}

/** Gives up a body that nobody wants, and its connection. */
export function discardBody(answer: GetObjectCommandOutput): void {
  const body = answer.Body as { destroy?: () => void } | undefined
  body?.destroy?.()
}

/** What an answer holds; in Node it is a stream. */
export async function* bodyOf(answer: GetObjectCommandOutput): AsyncGenerator<Uint8Array> {
  // An empty object may have none.
  if (answer.Body !== undefined) yield* answer.Body as unknown as AsyncIterable<Uint8Array>
}

/** Base64, as the header wants it. */
function digestOf(bytes: Uint8Array): string {
  return md5Of(bytes).toString('base64')
}
