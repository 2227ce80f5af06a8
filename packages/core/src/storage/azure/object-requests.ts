import type { BlobDownloadResponseParsed, BlobGetPropertiesResponse } from '@azure/storage-blob'
import { isKafkaBackupError } from '../../errors/kafka-backup-error.ts'
import { readBody } from '../answer-body.ts'
import { objectExists, objectTooLarge } from '../object-errors.ts'
import type { Comparison, ExclusiveCreate } from '../settled-create.ts'
import type { ObjectEntry, ObjectKey } from '../storage-backend.ts'
import type { AzureConnection } from './connection.ts'
import { type AzureAttempt, brokenBody, foreignAnswer } from './errors.ts'
import type { AzurePlace } from './place.ts'

/** A body on its way, and how long it will be. */
export interface AzureAnswer {
  readonly byteCount: number
  readonly body: NodeJS.ReadableStream
  /** The answer says which bytes of the object these are. */
  readonly isPart: boolean
}

/** Single requests about objects of one place, by our keys. */
export class AzureObjects {
  readonly place: AzurePlace
  readonly connection: AzureConnection

  constructor(place: AzurePlace, connection: AzureConnection) {
    this.place = place
    this.connection = connection
  }

  /** The name that the container knows. */
  fullKey(key: string): string {
    return this.place.prefix === '' ? key : `${this.place.prefix}/${key}`
  }

  attempt(action: AzureAttempt['action'], subject: string): AzureAttempt {
    return { action, subject, container: this.place.container }
  }

  /** One object, which need not exist: undefined then. */
  async head(key: ObjectKey, signal?: AbortSignal): Promise<BlobGetPropertiesResponse | undefined> {
    try {
      const found = await this.connection.request(
        { action: 'read', subject: key },
        signal,
        ({ container, options }) => container.getBlobClient(this.fullKey(key)).getProperties(options),
      )
      if (!found.etag || !found.requestId || found.contentLength === undefined) {
        throw foreignAnswer(this.attempt('read', key))
      }
      return found
    } catch (error) {
      if (isKafkaBackupError(error, 'KB_OBJECT_NOT_FOUND')) return undefined
      throw error
    }
  }

  /** Asks for an object, or for `byteCount` bytes of it from `begin`, and lets `take` have the answer while it arrives. */
  get<T>(
    key: ObjectKey,
    range: { readonly begin: number; readonly byteCount: number } | undefined,
    signal: AbortSignal | undefined,
    take: (answer: AzureAnswer) => Promise<T>,
  ): Promise<T> {
    return this.connection.request(
      { action: 'read', subject: key },
      signal,
      async ({ container, options }) => {
        const blob = container.getBlobClient(this.fullKey(key))
        const answer = await this.#download(key, () =>
          blob.download(range?.begin ?? 0, range?.byteCount, options),
        )
        // The SDK breaks off what is read. What nobody has begun to read fails where nobody listens.
        if (signal?.aborted) {
          discardBody(answer)
          throw signal.reason
        }
        return take(answer)
      },
    )
  }

  /** All bytes of an answer. @throws KB_STORAGE_UNAVAILABLE when it breaks off */
  async whole(key: ObjectKey, answer: AzureAnswer, byteCount: number): Promise<Buffer> {
    let bytes: Buffer | undefined
    try {
      bytes = await readBody(answer.body as AsyncIterable<Buffer>, byteCount)
    } catch {
      // The SDK has errors without a code for it, and the connection has many.
    }
    if (!bytes) throw brokenBody(this.attempt('read', key))
    return bytes
  }

  /** A whole object. @throws KB_LIMIT_EXCEEDED */
  read(key: ObjectKey, maxBytes: number, signal?: AbortSignal): Promise<Buffer> {
    return this.get(key, undefined, signal, async (answer) => {
      if (answer.byteCount > maxBytes) {
        discardBody(answer)
        throw objectTooLarge(key, answer.byteCount, maxBytes)
      }
      return this.whole(key, answer, answer.byteCount)
    })
  }

  /** Length and time of one object; undefined when it is absent. */
  async stat(key: ObjectKey, signal?: AbortSignal): Promise<ObjectEntry | undefined> {
    const found = await this.head(key, signal)
    return found && { key, bytes: found.contentLength ?? 0, modifiedMs: found.lastModified?.getTime() ?? 0 }
  }

  async delete(key: ObjectKey, signal?: AbortSignal): Promise<void> {
    const { requestId } = await this.connection.request(
      { action: 'delete', subject: key },
      signal,
      ({ container, options }) => container.getBlobClient(this.fullKey(key)).delete(options),
    )
    if (!requestId) throw foreignAnswer(this.attempt('delete', key))
  }

  /** Creates or replaces an object by one request. */
  async replace(key: ObjectKey, bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
    await this.#upload('write', key, bytes, signal)
  }

  /** The requests that create an object exclusively, and what tells whose it is when an answer was lost. */
  exclusive(key: ObjectKey, bytes: Uint8Array, signal?: AbortSignal): ExclusiveCreate {
    return {
      key,
      put: async () => {
        const { isSingleWriter } = this.place
        if (isSingleWriter && (await this.head(key, signal))) throw objectExists(key)
        await this.#upload('create', key, bytes, signal)
      },
      compare: () => this.#compare(key, bytes, signal),
    }
  }

  async #upload(
    action: 'create' | 'write',
    key: ObjectKey,
    bytes: Uint8Array,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const isConditional = action === 'create' && !this.place.isSingleWriter
    // A buffer of the caller's is not touched before the request has ended.
    const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const { etag, requestId } = await this.connection.request(
      { action, subject: key },
      signal,
      ({ container, options }) =>
        container.getBlockBlobClient(this.fullKey(key)).upload(body, body.length, {
          ...options,
          ...(isConditional ? { conditions: { ifNoneMatch: '*' } } : {}),
        }),
    )
    if (!etag || !requestId) throw foreignAnswer(this.attempt(action, key))
  }

  async #compare(key: ObjectKey, bytes: Uint8Array, signal: AbortSignal | undefined): Promise<Comparison> {
    try {
      return await this.get(key, undefined, signal, async (answer) => {
        if (answer.byteCount !== bytes.byteLength) {
          discardBody(answer)
          return 'other'
        }
        const found = await this.whole(key, answer, bytes.byteLength)
        return Buffer.compare(found, bytes) === 0 ? 'same' : 'other'
      })
    } catch (error) {
      if (isKafkaBackupError(error, 'KB_OBJECT_NOT_FOUND')) return 'absent'
      throw error
    }
  }

  async #download(key: ObjectKey, send: () => Promise<BlobDownloadResponseParsed>): Promise<AzureAnswer> {
    try {
      const answer = await send()
      const { contentLength: byteCount, readableStreamBody: body, contentRange, etag, requestId } = answer
      if (byteCount === undefined || body === undefined || !etag || !requestId) {
        ;(body as { destroy?(): void } | undefined)?.destroy?.()
        throw new RangeError('no object')
      }
      return { byteCount, body, isPart: contentRange !== undefined }
    } catch (error) {
      // This is how the SDK refuses an answer without a length or a tag.
      if (!(error instanceof RangeError)) throw error
      throw foreignAnswer(this.attempt('read', key))
    }
  }
}

/** Gives up a body that nobody wants, and its connection. */
export function discardBody({ body }: AzureAnswer): void {
  const stream = body as unknown as NodeJS.EventEmitter & { destroy(): void }
  // It may still tell that it was broken off.
  stream.on('error', () => {})
  stream.destroy()
}
