import { isKafkaBackupError } from '../../errors/kafka-backup-error.ts'
import type { Random } from '../../runtime/random.ts'
import { objectExists } from '../object-errors.ts'
import type { PartStore, PartUpload, UploadPart } from '../parts/part-upload.ts'
import { createSettledAgain, isAmbiguous } from '../settled-create.ts'
import type { ObjectKey } from '../storage-backend.ts'
import { BLOCKS_MAX, blockBytesOf } from './block-size.ts'
import { foreignAnswer } from './errors.ts'
import type { AzureObjects } from './object-requests.ts'

/** Metadata of an object: which upload made it. Azure takes no hyphens there. */
const TOKEN_NAME = 'kafka_backup_upload'
const TOKEN_BYTES = 16
const NUMBER_DIGITS = 5

/** Streams into Azure: staged blocks, which may arrive in any order. */
export function blockStoreOf(objects: AzureObjects): PartStore {
  return {
    partsMax: BLOCKS_MAX,
    partsUnderWayMax: 2,
    partBytesOf: blockBytesOf,
    isBegunByRequest: false,
    beginUpload: async (key, random) => new BlockUpload(objects, key, random),
    create: (key, bytes, signal) => createSettledAgain(objects.exclusive(key, bytes, signal)),
  }
}

/**
 * The blocks of one object: single requests, each without a second attempt. Nothing has to be begun. Azure cannot remove blocks
 * without making an object of them or of others, so nothing is aborted: they stay, invisible, and are gone a week after the last
 * one, or when the key gets an object.
 */
class BlockUpload implements PartUpload {
  readonly #objects: AzureObjects
  readonly #key: ObjectKey
  readonly #token: string
  #blockCount = 0
  #byteCount = 0
  /** The object may be there already, made of these blocks. */
  #isEndSent = false

  constructor(objects: AzureObjects, key: ObjectKey, random: Random) {
    this.#objects = objects
    this.#key = key
    this.#token = random.hex(TOKEN_BYTES)
  }

  async sendPart({ number, bytes }: UploadPart, signal: AbortSignal): Promise<void> {
    const { requestId } = await this.#objects.connection.request(
      { action: 'create', subject: this.#key },
      signal,
      ({ container, options }) =>
        container
          .getBlockBlobClient(this.#objects.fullKey(this.#key))
          .stageBlock(this.#nameOf(number), bytes, bytes.length, options),
    )
    if (!requestId) throw this.#foreign()
    this.#blockCount = Math.max(this.#blockCount, number)
    this.#byteCount += bytes.length
  }

  /**
   * Makes the object of its blocks, unless the key is taken. When an answer was lost, the object tells whose it is: this
   * request gives it the token of this upload, 128 random bits that nobody else has. A token that is ours and the length
   * that we sent therefore prove that our request was carried out. @throws KB_OBJECT_EXISTS
   */
  async complete(signal: AbortSignal): Promise<void> {
    const { isSingleWriter } = this.#objects.place
    if (isSingleWriter && !this.#isEndSent && (await this.#objects.head(this.#key, signal))) {
      throw objectExists(this.#key)
    }
    const isFirst = !this.#isEndSent
    this.#isEndSent = true
    try {
      await this.#commit(isSingleWriter, signal)
    } catch (error) {
      // A clear refusal of the first request is the answer, except that there are no such blocks: whoever made the object
      // has thereby removed ours. Of a later request every refusal may only mean that an earlier one was carried out.
      const isWithoutBlocks = isKafkaBackupError(error, 'KB_STORAGE_UNSUPPORTED')
      const isUnclear = isAmbiguous(error) || isWithoutBlocks || (!isFirst && isKafkaBackupError(error))
      if (!isUnclear) throw error
      const found = await this.#objects.head(this.#key, signal)
      if (!found) throw error
      const isOurs = found.metadata?.[TOKEN_NAME] === this.#token && found.contentLength === this.#byteCount
      if (isOurs) return
      throw isWithoutBlocks ? objectExists(this.#key) : error
    }
  }

  async #commit(isSingleWriter: boolean, signal: AbortSignal): Promise<void> {
    const names = Array.from({ length: this.#blockCount }, (_, at) => this.#nameOf(at + 1))
    const { etag, requestId } = await this.#objects.connection.request(
      { action: 'create', subject: this.#key },
      signal,
      ({ container, options }) =>
        container.getBlockBlobClient(this.#objects.fullKey(this.#key)).commitBlockList(names, {
          ...options,
          metadata: { [TOKEN_NAME]: this.#token },
          ...(isSingleWriter ? {} : { conditions: { ifNoneMatch: '*' } }),
        }),
    )
    // Something on the way says 201 too: without what Azure says beside it, the object itself has to tell.
    if (!etag || !requestId) throw this.#foreign()
  }

  #foreign(): Error {
    return foreignAnswer(this.#objects.attempt('create', this.#key))
  }

  /** Of its own among all writers of a key, and as long as theirs, which Azure demands. */
  #nameOf(number: number): string {
    return Buffer.from(`${this.#token}-${String(number).padStart(NUMBER_DIGITS, '0')}`).toString('base64')
  }
}
