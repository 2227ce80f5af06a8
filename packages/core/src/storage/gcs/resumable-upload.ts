import { isKafkaBackupError, type KafkaBackupError } from '../../errors/kafka-backup-error.ts'
import { crc32c } from '../../protocol/crc32c.ts'
import type { Random } from '../../runtime/random.ts'
import { passing } from '../error-meaning.ts'
import { objectExists } from '../object-errors.ts'
import type { PartStore, PartUpload, UploadPart } from '../parts/part-upload.ts'
import { createSettledAgain, isAmbiguous } from '../settled-create.ts'
import type { ObjectKey } from '../storage-backend.ts'
import { CHUNK_BYTES, CHUNKS_MAX } from './chunk-size.ts'
import type { GcsCall } from './connection.ts'
import { failure, foreignAnswer, type GcsAttempt, lostSession, strangeStore } from './errors.ts'
import { encodeCrc32c, type GcsObject, type GcsObjects } from './object-requests.ts'

/** Metadata of an object: which upload made it. */
const TOKEN_NAME = 'kafka-backup-upload'
const TOKEN_BYTES = 16
/** Statuses of Google: go on; and what the end of a session that was given up has. */
const GO_ON = 308
const GIVEN_UP = 499

/** Streams into Google: resumable uploads, whose chunks must arrive in order. */
export function chunkStoreOf(objects: GcsObjects): PartStore {
  return {
    partsMax: CHUNKS_MAX,
    partsUnderWayMax: 1,
    partBytesOf: () => CHUNK_BYTES,
    isBegunByRequest: true,
    beginUpload: (key, random, signal) => ResumableUpload.begin(objects, key, random, signal),
    create: (key, bytes, signal) => createSettledAgain(objects.exclusive(key, bytes, signal)),
  }
}

/** One session: single requests, each without a second attempt. Its address is a secret: whoever has it can write. */
class ResumableUpload implements PartUpload {
  readonly #objects: GcsObjects
  readonly #key: ObjectKey
  readonly #token: string
  readonly #session: string
  /** Bytes of chunks that the store has, and their checksum. */
  #byteCount = 0
  #checksum = 0
  /** An answer was lost, so that only the store knows how much it has. */
  #isUnsure = false
  /** The object may be there already, made of these chunks. */
  #isEndSent = false
  /** The last chunk waits for `complete`, since it makes the object. */
  #lastBytes: Buffer = Buffer.alloc(0)

  private constructor(objects: GcsObjects, key: ObjectKey, token: string, session: string) {
    this.#objects = objects
    this.#key = key
    this.#token = token
    this.#session = session
  }

  static async begin(
    objects: GcsObjects,
    key: ObjectKey,
    random: Random,
    signal: AbortSignal,
  ): Promise<ResumableUpload> {
    const token = random.hex(TOKEN_BYTES)
    const description = { name: objects.fullKey(key), metadata: { [TOKEN_NAME]: token } }
    const { headers } = await objects.connection.document({ action: 'create', subject: key }, signal, {
      method: 'POST',
      path: objects.uploadPath('create', { uploadType: 'resumable' }),
      headers: {
        'content-type': 'application/json; charset=UTF-8',
        'x-upload-content-type': 'application/octet-stream',
      },
      body: Buffer.from(JSON.stringify(description)),
      expected: [200, 201],
    })
    const session = sessionPath(headers.location)
    if (session === undefined) {
      throw strangeStore(objects.attempt('create', key), 'the store begins an upload without a name')
    }
    return new ResumableUpload(objects, key, token, session)
  }

  async sendPart({ bytes }: UploadPart, signal: AbortSignal): Promise<void> {
    await this.#sendChunk(bytes, signal)
    this.#byteCount += bytes.length
    this.#checksum = crc32c(bytes, this.#checksum)
  }

  keepLastPart(bytes: Buffer): void {
    this.#lastBytes = bytes
  }

  /**
   * Sends the last chunk, which makes the object unless the key is taken. When an answer was lost, the object tells whose
   * it is: it carries the token of this upload, 128 random bits that nobody else has. A token that is ours, the length and
   * the checksum that we sent therefore prove that our request was carried out. @throws KB_OBJECT_EXISTS
   */
  async complete(signal: AbortSignal): Promise<void> {
    const { isSingleWriter } = this.#objects.place
    if (isSingleWriter && !this.#isEndSent && (await this.#objects.head(this.#key, signal))) {
      throw objectExists(this.#key)
    }
    const isFirst = !this.#isEndSent
    this.#isEndSent = true
    try {
      await this.#sendEnd(signal)
    } catch (error) {
      // A clear refusal of the first request is the answer. Of a later one it may only mean that an earlier one was carried
      // out.
      const isUnclear = isAmbiguous(error) || (!isFirst && isKafkaBackupError(error))
      if (!isUnclear) throw error
      await this.#settle(error as KafkaBackupError, signal)
    }
  }

  /** Ends the session, so that its bytes are gone. */
  async abort(signal: AbortSignal): Promise<void> {
    const expected = [200, 204, 404, 410, GIVEN_UP]
    await this.#request({ method: 'DELETE', path: this.#session, expected }, signal)
  }

  /** Sends what the store has not got of a chunk. The store may take less than it is sent, and says so. */
  async #sendChunk(bytes: Buffer, signal: AbortSignal): Promise<void> {
    const end = this.#byteCount + bytes.length
    let position = this.#isUnsure ? await this.#askPosition(signal) : this.#byteCount
    while (position < end) {
      const rest = this.#restOf(bytes, position)
      this.#isUnsure = true
      const answer = await this.#put(rest, `bytes ${position}-${end - 1}/*`, signal)
      if (answer.status !== GO_ON) throw this.#strange('the store ends an upload in the middle')
      const taken = answer.position ?? 0
      if (taken <= position) throw failure(this.#attempt(), passing('the store took nothing of a chunk'))
      position = taken
    }
    if (position > end) throw this.#strange('the store has more bytes than it was sent')
    this.#isUnsure = false
  }

  async #sendEnd(signal: AbortSignal): Promise<void> {
    const bytes = this.#lastBytes
    const total = this.#byteCount + bytes.length
    const position = this.#isUnsure ? await this.#askPosition(signal) : this.#byteCount
    const rest = this.#restOf(bytes, position)
    const range = rest.length === 0 ? `bytes */${total}` : `bytes ${position}-${total - 1}/${total}`
    this.#isUnsure = true
    const { status, object } = await this.#put(rest, range, signal, this.#wholeChecksum())
    if (status === GO_ON) throw failure(this.#attempt(), passing('the store did not take the last chunk'))
    await this.#checkObject(object, signal)
  }

  /** Whether the object is ours after all. @throws `failed` while that is not known */
  async #settle(failed: KafkaBackupError, signal: AbortSignal): Promise<void> {
    const found = await this.#objects.head(this.#key, signal)
    if (!found) throw failed
    if (found.metadata?.[TOKEN_NAME] !== this.#token) throw objectExists(this.#key)
    await this.#checkObject(found, signal)
  }

  /** Compares what the store made of the chunks with what was sent; a damaged object is removed, as far as rights go. */
  async #checkObject(object: GcsObject | undefined, signal: AbortSignal): Promise<void> {
    const found = object?.crc32c === undefined ? await this.#objects.head(this.#key, signal) : object
    if (!found) throw foreignAnswer(this.#attempt())
    const total = this.#byteCount + this.#lastBytes.length
    if (found.crc32c === encodeCrc32c(this.#wholeChecksum()) && Number(found.size) === total) return
    if (found.metadata?.[TOKEN_NAME] === this.#token) await this.#removeDamaged(found, signal)
    throw this.#strange('the object is not what was sent: its checksum differs')
  }

  async #removeDamaged({ generation = '' }: GcsObject, signal: AbortSignal): Promise<void> {
    const query = generation === '' ? {} : { ifGenerationMatch: generation }
    const path = this.#objects.objectPath(this.#key, query)
    try {
      await this.#objects.connection.request(
        { action: 'delete', subject: this.#key },
        signal,
        { method: 'DELETE', path, expected: [200, 204] },
        async ({ body }) => void body.resume(),
      )
    } catch (error) {
      // Nothing names it, and the failure that is reported says what it is.
      if (!isKafkaBackupError(error)) throw error
    }
  }

  /** How many bytes the session has. @throws KB_STORAGE_UNSUPPORTED when there is no such session any more */
  async #askPosition(signal: AbortSignal): Promise<number> {
    const { status, position } = await this.#put(Buffer.alloc(0), 'bytes */*', signal)
    if (status !== GO_ON) throw lostSession(this.#attempt())
    return position ?? 0
  }

  #restOf(bytes: Buffer, position: number): Buffer {
    const begin = position - this.#byteCount
    if (begin < 0 || begin > bytes.length) throw this.#strange('the store has lost bytes of an upload')
    return bytes.subarray(begin)
  }

  async #put(
    bytes: Buffer,
    range: string,
    signal: AbortSignal,
    checksum?: number,
  ): Promise<{ readonly status: number; readonly position?: number; readonly object?: GcsObject }> {
    const hash = checksum === undefined ? {} : { 'x-goog-hash': `crc32c=${encodeCrc32c(checksum)}` }
    const { status, headers, fields } = await this.#request(
      {
        method: 'PUT',
        path: this.#session,
        headers: { 'content-range': range, ...hash },
        body: bytes,
        expected: [200, 201, GO_ON, 404, 410],
      },
      signal,
    )
    if (status === 404 || status === 410) throw lostSession(this.#attempt())
    if (status !== GO_ON) return { status, object: (fields ?? {}) as GcsObject }
    const last = /^bytes=0-(\d+)$/.exec(String(headers.range ?? ''))?.[1]
    return last === undefined ? { status } : { status, position: Number(last) + 1 }
  }

  #request(call: GcsCall, signal: AbortSignal | undefined) {
    return this.#objects.connection.document({ action: 'create', subject: this.#key }, signal, call)
  }

  #wholeChecksum(): number {
    return crc32c(this.#lastBytes, this.#checksum)
  }

  #attempt(): GcsAttempt {
    return this.#objects.attempt('create', this.#key)
  }

  #strange(reason: string): KafkaBackupError {
    return strangeStore(this.#attempt(), reason)
  }
}

/**
 * The address of a session below our endpoint: what the store says of its own host is of no use behind a gateway.
 * Undefined when there is none.
 */
function sessionPath(location: string | undefined): string | undefined {
  if (location === undefined || !URL.canParse(location)) return undefined
  const { pathname, search } = new URL(location)
  return search.includes('upload_id=') ? `${pathname}${search}` : undefined
}
