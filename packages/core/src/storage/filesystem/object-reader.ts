import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { checkByteRange, checkRangeWithin } from '../byte-range.ts'
import { objectNotFound, objectTooLarge, objectTooShort } from '../object-errors.ts'
import type { ByteRange, ObjectKey } from '../storage-backend.ts'
import { hasErrno } from './errors.ts'

// O_NONBLOCK: opening a named pipe that somebody put there would wait for ever.
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** An open object and its size. Its bytes cannot change: `replace` makes another file of the same name. */
export class ObjectReader {
  readonly #handle: FileHandle
  readonly #key: ObjectKey
  readonly #bytes: number

  private constructor(handle: FileHandle, key: ObjectKey, bytes: number) {
    this.#handle = handle
    this.#key = key
    this.#bytes = bytes
  }

  /** @throws KB_OBJECT_NOT_FOUND when there is no regular file, or `folder` is undefined. */
  static async open(folder: string | undefined, key: ObjectKey): Promise<ObjectReader> {
    if (folder === undefined) throw objectNotFound(key)
    const handle = await openFile(join(folder, nameOf(key)), key)
    try {
      const found = await handle.stat()
      if (!found.isFile()) throw objectNotFound(key)
      return new ObjectReader(handle, key, found.size)
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** The whole object. @throws KB_LIMIT_EXCEEDED when it has more than `maxBytes` bytes. */
  async readAll(maxBytes: number): Promise<Buffer> {
    if (this.#bytes > maxBytes) throw objectTooLarge(this.#key, this.#bytes, maxBytes)
    return this.readRange({ begin: 0, end: this.#bytes })
  }

  /** Exactly the range, in a buffer of its own. @throws KB_SEGMENT_CORRUPT, KB_LIMIT_EXCEEDED */
  async readRange(range: ByteRange): Promise<Buffer> {
    const rangeBytes = checkByteRange(this.#key, range)
    checkRangeWithin(this.#key, range, this.#bytes)
    const result = Buffer.allocUnsafeSlow(rangeBytes)
    for (let done = 0; done < rangeBytes; ) {
      const { bytesRead } = await this.#handle.read(result, done, rangeBytes - done, range.begin + done)
      if (bytesRead === 0) throw objectTooShort(this.#key, range, range.begin + done)
      done += bytesRead
    }
    return result
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}

async function openFile(path: string, key: ObjectKey): Promise<FileHandle> {
  try {
    return await open(path, READ_FLAGS)
  } catch (error) {
    // Links, sockets and what lies below a file are no objects; listings leave them out too.
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO')) throw objectNotFound(key, error)
    throw error
  }
}

function nameOf(key: ObjectKey): string {
  return key.slice(key.lastIndexOf('/') + 1)
}
