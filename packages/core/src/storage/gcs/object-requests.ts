import { isKafkaBackupError } from '../../errors/kafka-backup-error.ts'
import { crc32c } from '../../protocol/crc32c.ts'
import { md5Of, readBody } from '../answer-body.ts'
import { objectExists, objectNotFound, objectTooLarge } from '../object-errors.ts'
import type { Comparison, ExclusiveCreate } from '../settled-create.ts'
import type { ObjectEntry, ObjectKey } from '../storage-backend.ts'
import type { GcsAnswer, GcsConnection } from './connection.ts'
import { brokenBody, foreignAnswer, type GcsAttempt, strangeStore } from './errors.ts'
import type { GcsPlace } from './place.ts'

/** What the store says of an object. */
export interface GcsObject {
  readonly name?: string
  readonly size?: string
  readonly timeCreated?: string
  /** Base64 of four bytes, the highest first. */
  readonly crc32c?: string
  readonly generation?: string
  readonly metadata?: Readonly<Record<string, string>>
}

/** Names of {@link GcsObject}, for requests. */
export const OBJECT_FIELDS = 'name,size,timeCreated,crc32c,generation,metadata'

const NOT_FOUND = 404

/** Single requests about objects of one place, by our keys. */
export class GcsObjects {
  readonly place: GcsPlace
  readonly connection: GcsConnection

  constructor(place: GcsPlace, connection: GcsConnection) {
    this.place = place
    this.connection = connection
  }

  /** The name that the bucket knows. */
  fullKey(key: string): string {
    return this.place.prefix === '' ? key : `${this.place.prefix}/${key}`
  }

  attempt(action: GcsAttempt['action'], subject: string): GcsAttempt {
    return { action, subject, bucket: this.place.bucket }
  }

  /** Path of one object, with a query. */
  objectPath(key: ObjectKey, query: Readonly<Record<string, string>> = {}): string {
    const { bucket } = this.place
    return `/storage/v1/b/${bucket}/o/${encodeURIComponent(this.fullKey(key))}?${new URLSearchParams(query)}`
  }

  /** Path of an upload; it is refused for a taken key, unless somebody vouches that nobody else writes. */
  uploadPath(action: 'create' | 'write', query: Readonly<Record<string, string>>): string {
    const isConditional = action === 'create' && !this.place.isSingleWriter
    const condition = isConditional ? { ifGenerationMatch: '0' } : {}
    const parameters = new URLSearchParams({ ...query, ...condition, fields: OBJECT_FIELDS })
    return `/upload/storage/v1/b/${this.place.bucket}/o?${parameters}`
  }

  /** One object, which need not exist: undefined then. */
  async head(key: ObjectKey, signal?: AbortSignal): Promise<GcsObject | undefined> {
    try {
      const path = this.objectPath(key, { fields: OBJECT_FIELDS })
      const call = { method: 'GET' as const, path, expected: [200] }
      const { fields } = await this.connection.document({ action: 'read', subject: key }, signal, call)
      const object = fields as GcsObject | undefined
      if (object?.size === undefined) throw foreignAnswer(this.attempt('read', key))
      return object
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
    take: (answer: GcsAnswer, byteCount: number) => Promise<T>,
  ): Promise<T> {
    const path = this.objectPath(key, { alt: 'media' })
    // Without this the store would unpack what somebody has marked as packed, and send more bytes than it has.
    const headers = { 'accept-encoding': 'gzip', ...(range === undefined ? {} : { range }) }
    const call = { method: 'GET' as const, path, headers, expected: [200, 206, NOT_FOUND] }
    return this.connection.request({ action: 'read', subject: key }, signal, call, async (answer) => {
      if (answer.status === NOT_FOUND) {
        answer.body.destroy()
        return this.#refusePresence(key, signal)
      }
      const { etag, 'x-goog-generation': generation, 'content-length': length } = answer.headers
      if (etag === undefined && generation === undefined) {
        answer.body.destroy()
        throw foreignAnswer(this.attempt('read', key))
      }
      const isPlain = (answer.headers['content-encoding'] ?? 'identity') === 'identity'
      if (length === undefined || !isPlain) {
        answer.body.destroy()
        const reason = isPlain ? 'does not say how long the object is' : 'sends the object packed'
        throw strangeStore(this.attempt('read', key), `the store ${reason}`)
      }
      return take(answer, Number(length))
    })
  }

  /**
   * After a download that is refused with plain text, which anything on the way could have written: of the object itself there is a
   * document. @throws KB_OBJECT_NOT_FOUND, KB_STORAGE_UNAVAILABLE
   */
  async #refusePresence(key: ObjectKey, signal: AbortSignal | undefined): Promise<never> {
    if (await this.head(key, signal)) throw foreignAnswer(this.attempt('read', key), NOT_FOUND)
    throw objectNotFound(key)
  }

  /** All bytes of an answer. @throws KB_STORAGE_UNAVAILABLE when it breaks off */
  async whole(key: ObjectKey, { body }: GcsAnswer, byteCount: number): Promise<Buffer> {
    const bytes = await readBody(body, byteCount)
    if (!bytes) throw brokenBody(this.attempt('read', key))
    return bytes
  }

  /** A whole object. @throws KB_LIMIT_EXCEEDED */
  read(key: ObjectKey, maxBytes: number, signal?: AbortSignal): Promise<Buffer> {
    return this.get(key, undefined, signal, async (answer, byteCount) => {
      if (byteCount > maxBytes) {
        answer.body.destroy()
        throw objectTooLarge(key, byteCount, maxBytes)
      }
      return this.whole(key, answer, byteCount)
    })
  }

  /** Length and time of one object; undefined when it is absent. */
  async stat(key: ObjectKey, signal?: AbortSignal): Promise<ObjectEntry | undefined> {
    const found = await this.head(key, signal)
    return found && entryOf(key, found)
  }

  async delete(key: ObjectKey, signal?: AbortSignal): Promise<void> {
    const call = { method: 'DELETE' as const, path: this.objectPath(key), expected: [200, 204] }
    const { fields } = await this.connection.document({ action: 'delete', subject: key }, signal, call)
    // The store has nothing to say of an object that is gone; emulators say `null`.
    if (fields !== undefined && fields !== null) throw foreignAnswer(this.attempt('delete', key))
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
        if (this.place.isSingleWriter && (await this.head(key, signal))) throw objectExists(key)
        await this.#upload('create', key, bytes, signal)
      },
      compare: () => this.#compare(key, bytes, signal),
    }
  }

  /** One request with the checksums beside the bytes: the store compares both before there is an object. */
  async #upload(
    action: 'create' | 'write',
    key: ObjectKey,
    bytes: Uint8Array,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const checksum = encodeCrc32c(crc32c(bytes))
    const md5 = md5Of(bytes)
    const description = JSON.stringify({
      name: this.fullKey(key),
      contentType: 'application/octet-stream',
      md5Hash: md5.toString('base64'),
      crc32c: checksum,
    })
    const boundary = `kafka-backup-${md5.toString('hex')}`
    const body = Buffer.concat([
      Buffer.from(`--${boundary}\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n${description}\r\n`),
      Buffer.from(`--${boundary}\r\ncontent-type: application/octet-stream\r\n\r\n`),
      bytes,
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ])
    const { fields } = await this.connection.document({ action, subject: key }, signal, {
      method: 'POST',
      path: this.uploadPath(action, { uploadType: 'multipart' }),
      headers: { 'content-type': `multipart/related; boundary=${boundary}` },
      body,
      expected: [200],
    })
    const made = fields as GcsObject | undefined
    if (made?.crc32c !== checksum || Number(made.size) !== bytes.byteLength) {
      throw foreignAnswer(this.attempt(action, key))
    }
  }

  async #compare(key: ObjectKey, bytes: Uint8Array, signal: AbortSignal | undefined): Promise<Comparison> {
    try {
      return await this.get(key, undefined, signal, async (answer, byteCount) => {
        if (byteCount !== bytes.byteLength) {
          answer.body.destroy()
          return 'other'
        }
        const found = await this.whole(key, answer, byteCount)
        return Buffer.compare(found, bytes) === 0 ? 'same' : 'other'
      })
    } catch (error) {
      if (isKafkaBackupError(error, 'KB_OBJECT_NOT_FOUND')) return 'absent'
      throw error
    }
  }
}

/** A checksum as Google writes it. */
export function encodeCrc32c(checksum: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(checksum)
  return bytes.toString('base64')
}

/** The entry of an object as the store describes it. */
export function entryOf(key: ObjectKey, { size, timeCreated }: GcsObject): ObjectEntry {
  return { key, bytes: Number(size ?? 0), modifiedMs: Date.parse(timeCreated ?? '') || 0 }
}
