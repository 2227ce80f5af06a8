import type { CompletedPart } from '@aws-sdk/client-s3'
import { isKafkaBackupError } from '../../errors/kafka-backup-error.ts'
import type { Random } from '../../runtime/random.ts'
import { md5Of } from '../answer-body.ts'
import { objectExists } from '../object-errors.ts'
import type { PartUpload, UploadPart } from '../parts/part-upload.ts'
import { isAmbiguous } from '../settled-create.ts'
import type { ObjectKey } from '../storage-backend.ts'
import { foreignAnswer } from './errors.ts'
import type { S3Objects } from './object-requests.ts'

/** Metadata of an object: which upload made it. */
const TOKEN_NAME = 'kafka-backup-upload'
const TOKEN_BYTES = 16

interface UploadIdentity {
  readonly uploadId: string
  readonly token: string
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

  private constructor(objects: S3Objects, key: ObjectKey, identity: UploadIdentity) {
    this.#objects = objects
    this.#key = key
    this.#identity = identity
  }

  static async begin(
    objects: S3Objects,
    key: ObjectKey,
    random: Random,
    signal: AbortSignal,
  ): Promise<MultipartUpload> {
    const token = random.hex(TOKEN_BYTES)
    const input = { ...objects.target(key), Metadata: { [TOKEN_NAME]: token } }
    const { UploadId: uploadId } = await objects.connection.request(
      { action: 'write', subject: key },
      signal,
      ({ sdk, client, options }) => client.send(new sdk.CreateMultipartUploadCommand(input), options),
    )
    if (!uploadId) {
      const attempt = { action: 'write' as const, subject: key, bucket: objects.place.bucket }
      throw foreignAnswer(attempt)
    }
    return new MultipartUpload(objects, key, { uploadId, token })
  }

  async sendPart({ number, bytes }: UploadPart, signal: AbortSignal): Promise<void> {
    const input = {
      ...this.#target(),
      PartNumber: number,
      Body: bytes,
      ContentLength: bytes.byteLength,
      ContentMD5: md5Of(bytes).toString('base64'),
    }
    const { ETag: etag } = await this.#objects.connection.request(
      { action: 'write', subject: this.#key },
      signal,
      ({ sdk, client, options }) => client.send(new sdk.UploadPartCommand(input), options),
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
      const { ETag: etag } = await this.#objects.connection.request(
        { action: 'write', subject: this.#key },
        signal,
        ({ sdk, client, options }) => client.send(new sdk.CompleteMultipartUploadCommand(input), options),
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

  async abort(signal: AbortSignal): Promise<void> {
    await this.#objects.connection.request(
      { action: 'write', subject: this.#key },
      signal,
      async ({ sdk, client, options }) => {
        const command = new sdk.AbortMultipartUploadCommand(this.#target())
        await client.send(command, options).catch((error: unknown) => {
          // Its parts are gone, by a rule or by an abort whose answer was lost.
          if (!(error instanceof Error) || error.name !== 'NoSuchUpload') throw error
        })
      },
    )
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
