import type { CompletedPart } from '@aws-sdk/client-s3'
import { isKafkaBackupError } from '../../errors/kafka-backup-error.ts'
import type { Random } from '../../runtime/random.ts'
import { md5Of } from '../answer-body.ts'
import { objectExists } from '../object-errors.ts'
import type { PartUpload, UploadPart } from '../parts/part-upload.ts'
import { isAmbiguous } from '../settled-create.ts'
import type { ObjectKey } from '../storage-backend.ts'
import type { S3Session } from './connection.ts'
import { foreignAnswer, mayBeDone } from './errors.ts'
import type { S3Objects } from './object-requests.ts'

/** Metadata of an object: which upload made it. */
const TOKEN_NAME = 'kafka-backup-upload'
const TOKEN_BYTES = 16

interface UploadIdentity {
  readonly uploadId: string
  readonly token: string
  /** A begin of the same key was not answered before. */
  readonly mayHaveTwins: boolean
}

/** What the beginnings of all uploads of a place share. */
export interface UploadBeginning {
  readonly random: Random
  /** Keys of which the store may have begun an upload whose name nobody heard. */
  readonly unanswered: Set<ObjectKey>
}

/** One multipart upload: single requests, each without a second attempt. */
export class MultipartUpload implements PartUpload {
  readonly #objects: S3Objects
  readonly #key: ObjectKey
  readonly #identity: UploadIdentity
  readonly #parts: CompletedPart[] = []
  #byteCount = 0
  /** The object may be there already, made of these parts. */
  #isEndSent = false
  readonly removeTwins?: (signal: AbortSignal) => Promise<void>

  private constructor(objects: S3Objects, key: ObjectKey, identity: UploadIdentity) {
    this.#objects = objects
    this.#key = key
    this.#identity = identity
    if (identity.mayHaveTwins) this.removeTwins = (signal) => this.#removeOthers(signal)
  }

  static async begin(
    objects: S3Objects,
    key: ObjectKey,
    { random, unanswered }: UploadBeginning,
    signal: AbortSignal,
  ): Promise<MultipartUpload> {
    const token = random.hex(TOKEN_BYTES)
    const input = { ...objects.target(key), Metadata: { [TOKEN_NAME]: token } }
    const { UploadId: uploadId } = await objects.connection.request(
      { action: 'write', subject: key },
      signal,
      async ({ sdk, client, options }) => {
        const answer = client.send(new sdk.CreateMultipartUploadCommand(input), options)
        return answer.catch((error: unknown) => {
          if (mayBeDone(error)) unanswered.add(key)
          throw error
        })
      },
    )
    if (!uploadId) {
      unanswered.add(key)
      const attempt = { action: 'write' as const, subject: key, bucket: objects.place.bucket }
      throw foreignAnswer(attempt)
    }
    return new MultipartUpload(objects, key, { uploadId, token, mayHaveTwins: unanswered.delete(key) })
  }

  async sendPart({ number, bytes }: UploadPart, signal: AbortSignal): Promise<void> {
    const input = {
      ...this.#target(),
      PartNumber: number,
      Body: bytes,
      ContentLength: bytes.byteLength,
      ContentMD5: md5Of(bytes).toString('base64'),
    }
    const { ETag: etag } = await this.#request(signal, ({ sdk, client, options }) =>
      client.send(new sdk.UploadPartCommand(input), options),
    )
    if (!etag) throw this.#foreign()
    this.#byteCount += bytes.byteLength
    this.#parts.push({ PartNumber: number, ETag: etag })
  }

  /**
   * Makes the object of its parts, unless the key is taken. When an answer was lost, the object tells whose it is: the
   * store copies the token of this upload, 128 random bits, into the object that it makes of it, and nobody else has the
   * name of the upload. A token that is ours and the length that we sent therefore prove that our request was carried out.
   * @throws KB_OBJECT_EXISTS
   */
  async complete(signal: AbortSignal): Promise<void> {
    const { isSingleWriter } = this.#objects.place
    if (isSingleWriter && !this.#isEndSent && (await this.#objects.head(this.#key, signal))) {
      throw objectExists(this.#key)
    }
    const isFirst = !this.#isEndSent
    this.#isEndSent = true
    const input = {
      ...this.#target(),
      MultipartUpload: { Parts: this.#parts.toSorted((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0)) },
      ...(isSingleWriter ? {} : { IfNoneMatch: '*' }),
    }
    try {
      const { ETag: etag } = await this.#request(signal, ({ sdk, client, options }) =>
        client.send(new sdk.CompleteMultipartUploadCommand(input), options),
      )
      // Some page of a proxy says 200 too: without the tag, the object itself has to tell.
      if (!etag) throw this.#foreign()
    } catch (error) {
      // A clear refusal of the first request is the answer. Of a later one, such as "no such upload", it may only mean that
      // an earlier one was carried out; "exists" and "no such upload" may mean that also of the first one, when something on
      // the way sends requests twice.
      const isOfSecond =
        isKafkaBackupError(error, 'KB_OBJECT_EXISTS') || isKafkaBackupError(error, 'KB_STORAGE_UNSUPPORTED')
      const mayBeDone = isAmbiguous(error) || isOfSecond || (!isFirst && isKafkaBackupError(error))
      if (!mayBeDone || !(await this.#isDone(signal))) throw error
    }
  }

  abort(signal: AbortSignal): Promise<void> {
    return this.#abort(this.#identity.uploadId, signal)
  }

  async #abort(uploadId: string, signal: AbortSignal): Promise<void> {
    const input = { ...this.#objects.target(this.#key), UploadId: uploadId }
    await this.#objects.connection.request(
      { action: 'write', subject: this.#key },
      signal,
      async ({ sdk, client, options }) => {
        await client.send(new sdk.AbortMultipartUploadCommand(input), options).catch((error: unknown) => {
          // Its parts are gone, by a rule or by an abort whose answer was lost.
          if (!isGone(error)) throw error
        })
      },
    )
  }

  async #removeOthers(signal: AbortSignal): Promise<void> {
    const { Bucket, Key: fullKey } = this.#objects.target(this.#key)
    const page = await this.#objects.connection.request(
      { action: 'list', subject: this.#key },
      signal,
      ({ sdk, client, options }) =>
        client.send(new sdk.ListMultipartUploadsCommand({ Bucket, Prefix: fullKey }), options),
    )
    const { Bucket: bucket, IsTruncated: isTruncated, MaxUploads: most, Uploads: uploads = [] } = page
    // What something else answers as a success would be an empty page.
    if ((bucket ?? isTruncated ?? most) === undefined) throw this.#foreign()
    for (const { Key: key, UploadId: uploadId } of uploads) {
      // Longer keys begin with this one too.
      const isTwin = key === fullKey && uploadId !== this.#identity.uploadId
      if (isTwin && uploadId !== undefined) await this.#abort(uploadId, signal)
    }
  }

  /** One request about this upload; that the key is taken explains that the upload is gone. @throws KB_OBJECT_EXISTS */
  #request<T>(signal: AbortSignal, step: (session: S3Session) => Promise<T>): Promise<T> {
    const attempt = { action: 'write' as const, subject: this.#key }
    return this.#objects.connection.request(attempt, signal, async (session) => {
      try {
        return await step(session)
      } catch (error) {
        // Whoever has made the object removes what can become none any more.
        if (isGone(error) && (await this.#objects.head(this.#key, signal))) throw objectExists(this.#key)
        throw error
      }
    })
  }

  async #isDone(signal: AbortSignal): Promise<boolean> {
    const found = await this.#objects.head(this.#key, signal)
    return found?.Metadata?.[TOKEN_NAME] === this.#identity.token && found.ContentLength === this.#byteCount
  }

  #foreign(): Error {
    return foreignAnswer({ action: 'write', subject: this.#key, bucket: this.#objects.place.bucket })
  }

  #target(): { readonly Bucket: string; readonly Key: string; readonly UploadId: string } {
    return { ...this.#objects.target(this.#key), UploadId: this.#identity.uploadId }
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && error.name === 'NoSuchUpload'
}
