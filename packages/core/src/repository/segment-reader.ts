import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { sha256Hex } from '../format/canonical-json.ts'
import type { FrameTransform } from '../format/frame-transform.ts'
import { decodeSegmentHeader, type SegmentHeader } from '../format/segment-header.ts'
import { decodeSegmentIndex, type FrameEntry, type SegmentIndex } from '../format/segment-index.ts'
import type { SegmentRecord } from '../format/segment-record.ts'
import { LIMITS } from '../runtime/limits.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { readWithSecondLook } from './second-look.ts'

/** Transforms by id, as the registry knows them. */
export type TransformsById = ReadonlyMap<string, FrameTransform>

/** What a segment is read from. */
export type RangeSource = Pick<StorageBackend, 'readRange'>

/** Reads one committed segment by range; every byte it returns was checked against the commit. */
export class SegmentReader {
  readonly record: SegmentRecord
  readonly header: SegmentHeader
  readonly index: SegmentIndex
  readonly #storage: RangeSource
  readonly #transform: FrameTransform

  private constructor(
    storage: RangeSource,
    record: SegmentRecord,
    parsed: { header: SegmentHeader; index: SegmentIndex; transform: FrameTransform },
  ) {
    this.#storage = storage
    this.record = record
    this.header = parsed.header
    this.index = parsed.index
    this.#transform = parsed.transform
  }

  /**
   * Reads index and header and checks them against the commit's record.
   * @throws KB_SEGMENT_CORRUPT, KB_OBJECT_NOT_FOUND, KB_TRANSFORM_UNAVAILABLE, KB_FORMAT_UNSUPPORTED
   */
  static async open(
    storage: RangeSource,
    backupId: string,
    record: SegmentRecord,
    transforms: TransformsById,
    signal?: AbortSignal,
  ): Promise<SegmentReader> {
    const options = signal ? { signal } : {}
    return inSegment(record.key, async () => {
      const index = await readIndex(storage, record, signal)
      const read = (begin: number, end: number) => storage.readRange(record.key, { begin, end }, options)
      const headerFrame = await readWithSecondLook(
        () => read(0, index.header.bytes),
        (found) => withDigest(found, index.header.sha256, 'the header'),
      )
      const header = decodeSegmentHeader(headerFrame)
      assertBelongs(backupId, record, header)
      return new SegmentReader(storage, record, {
        header,
        index,
        transform: soleTransform(header, transforms),
      })
    })
  }

  /** The frame's bytes as stored, digest checked. */
  async readStored(frame: FrameEntry, signal?: AbortSignal): Promise<Buffer> {
    return inSegment(this.record.key, async () => {
      const range = { begin: frame.position, end: frame.position + frame.bytes }
      return readWithSecondLook(
        () => this.#storage.readRange(this.record.key, range, signal ? { signal } : {}),
        (stored) => withDigest(stored, frame.sha256, this.#describe(frame)),
      )
    })
  }

  /** The frame's record batches, in a buffer of their own that the caller may change. */
  async readBatches(frame: FrameEntry, signal?: AbortSignal): Promise<Buffer> {
    const stored = await this.readStored(frame, signal)
    return inSegment(this.record.key, () => this.#transform.decode(stored, frame.rawBytes))
  }

  #describe(frame: FrameEntry): string {
    return `frame ${this.index.frames.indexOf(frame)} (offsets ${frame.firstOffset}-${frame.lastOffset})`
  }
}

/**
 * The index of a committed segment alone, checked against the commit's record: one request.
 * @throws KB_SEGMENT_CORRUPT, KB_OBJECT_NOT_FOUND
 */
export function readSegmentIndex(
  storage: RangeSource,
  record: SegmentRecord,
  signal?: AbortSignal,
): Promise<SegmentIndex> {
  return inSegment(record.key, () => readIndex(storage, record, signal))
}

async function readIndex(
  storage: RangeSource,
  { key, index: { position, bytes, sha256 } }: SegmentRecord,
  signal: AbortSignal | undefined,
): Promise<SegmentIndex> {
  if (bytes > LIMITS.segmentIndexMaxBytes) {
    throw new KafkaBackupError('KB_LIMIT_EXCEEDED', `an index of ${bytes} bytes`)
  }
  const range = { begin: position, end: position + bytes }
  const frame = await readWithSecondLook(
    () => storage.readRange(key, range, signal ? { signal } : {}),
    (found) => withDigest(found, sha256, 'the index'),
  )
  return decodeSegmentIndex(frame)
}

/** Runs a step; damage that it meets names the object. */
export async function inSegment<T>(key: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (error) {
    if (!isKafkaBackupError(error) || error.context.key !== undefined) throw error
    const context = { ...error.context, key }
    throw new KafkaBackupError(error.code, `${key}: ${error.message}`, { context, cause: error })
  }
}

function withDigest(bytes: Buffer, sha256: string, what: string): Buffer {
  if (sha256Hex(bytes) !== sha256) {
    throw new KafkaBackupError(
      'KB_SEGMENT_CORRUPT',
      `${what}: SHA-256 differs from what was recorded when it was written`,
    )
  }
  return bytes
}

function assertBelongs(backupId: string, record: SegmentRecord, header: SegmentHeader): void {
  const isSame =
    header.backupId === backupId &&
    header.streams.length === record.parts.length &&
    header.streams.every((stream, at) => {
      const part = record.parts[at]
      return stream.topic === part?.topic && stream.partition === part.partition
    })
  if (!isSame)
    throw new KafkaBackupError('KB_SEGMENT_CORRUPT', 'the header names other partitions than the commit')
}

function soleTransform(header: SegmentHeader, transforms: TransformsById): FrameTransform {
  const [id = '', ...more] = header.transforms
  const transform = transforms.get(id)
  if (!transform || more.length > 0) {
    const name = transform ? more.join(', ') : id
    throw new KafkaBackupError('KB_TRANSFORM_UNAVAILABLE', `this program has no frame transform "${name}"`)
  }
  return transform
}
