import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { SegmentRecord } from '../format/segment-record.ts'
import { readMinima } from '../repository/kept-minima.ts'
import { readWithSecondLook } from '../repository/second-look.ts'
import { SegmentReader, type TransformsById } from '../repository/segment-reader.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import {
  type AffectedPartition,
  affectedFrame,
  affectedPart,
  damageFrom,
  type Finding,
  isDamageError,
} from './finding.ts'
import { PartContent } from './frame-content.ts'
import { assertLastBatch } from './last-batch.ts'
import { assertRecord, assertSeekTable, assertStructure } from './segment-structure.ts'

/** What the checks of all segments share. `onChecked` is told of bytes that were read and compared. */
export interface SegmentCheckContext {
  readonly storage: StorageBackend
  readonly backupId: string
  readonly transforms: TransformsById
  readonly isDeep: boolean
  /** Whether something is kept beside the segment with this key. */
  readonly hasMinima: (key: string) => boolean
  readonly signal: AbortSignal | undefined
  readonly onChecked: (bytes: number) => void
}

/**
 * Checks one segment against the commit that names it; `storedBytes` is its length in the store, undefined when it is not
 * there. Goes on behind damage as far as it can. Holds one data frame at a time.
 */
export async function checkSegment(
  context: SegmentCheckContext,
  record: SegmentRecord,
  storedBytes: number | undefined,
): Promise<Finding[]> {
  const check = new SegmentCheck(context, record)
  await check.run(storedBytes)
  return check.findings
}

class SegmentCheck {
  readonly findings: Finding[] = []
  readonly #context: SegmentCheckContext
  readonly #record: SegmentRecord
  readonly #whole: readonly AffectedPartition[]

  constructor(context: SegmentCheckContext, record: SegmentRecord) {
    this.#context = context
    this.#record = record
    this.#whole = record.parts.map(affectedPart)
  }

  async run(storedBytes: number | undefined): Promise<void> {
    await this.#attempt(this.#whole, () => assertLength(this.#record, storedBytes))
    // What is longer than it should be can still be read; of what is shorter, nobody knows what is left.
    if (storedBytes === undefined || storedBytes < this.#record.bytes) return
    const reader = await this.#attempt(this.#whole, () => this.#open())
    if (!reader) return
    await this.#attempt(this.#whole, () => this.#checkSeekTable(reader))
    if (this.#context.isDeep) await this.#checkContent(reader)
  }

  async #open(): Promise<SegmentReader> {
    const { storage, backupId, transforms, signal, onChecked } = this.#context
    assertRecord(this.#record)
    const reader = await SegmentReader.open(storage, backupId, this.#record, transforms, signal)
    assertStructure(this.#record, reader.header, reader.index)
    assertExtension(this.#record.key, transforms.get(reader.header.transforms[0] ?? '')?.extension)
    onChecked(reader.index.header.bytes + this.#record.index.bytes)
    return reader
  }

  async #checkSeekTable(reader: SegmentReader): Promise<void> {
    const { storage, signal, onChecked } = this.#context
    const { index, bytes, key } = this.#record
    const range = { begin: index.position + index.bytes, end: bytes }
    await readWithSecondLook(
      () => storage.readRange(key, range, signal ? { signal } : {}),
      (stored) => assertSeekTable(this.#record, reader.index, stored),
    )
    onChecked(range.end - range.begin)
  }

  async #checkContent(reader: SegmentReader): Promise<void> {
    const minima = await this.#keptMinima(reader)
    for (const [stream, part] of this.#record.parts.entries()) {
      const content = new PartContent(part, stream, reader.index)
      for (let number = part.frames[0]; number < part.frames[1]; number++) {
        const frame = reader.index.frames[number]
        if (!frame) continue
        await this.#attempt([affectedFrame(part, frame)], async () => {
          try {
            const batches = await reader.readBatches(frame, this.#context.signal)
            content.assertFrame(frame, batches, minima.get(number) ?? null)
            if (number === part.frames[1] - 1) assertLastBatch(part, batches)
          } catch (error) {
            content.skip(frame)
            throw isDamageError(error) ? inFrame(error, this.#record.key, number) : error
          }
        })
        this.#context.onChecked(frame.bytes)
      }
      await this.#attempt([affectedPart(part)], () => content.assertDone())
    }
  }

  async #keptMinima({ record, index: { frames } }: SegmentReader): Promise<ReadonlyMap<number, bigint>> {
    const { storage, backupId, hasMinima, signal } = this.#context
    return hasMinima(record.key) ? readMinima(storage, backupId, { record, frames }, signal) : new Map()
  }

  async #attempt<T>(
    affected: readonly AffectedPartition[],
    step: () => T | Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await step()
    } catch (error) {
      if (!isDamageError(error)) throw error
      this.findings.push(damageFrom(error, this.#record.key, affected))
      return undefined
    }
  }
}

function assertLength(record: SegmentRecord, storedBytes: number | undefined): void {
  if (storedBytes === undefined) {
    throw new KafkaBackupError('KB_OBJECT_NOT_FOUND', 'a commit names it, and it is not there')
  }
  if (storedBytes !== record.bytes) {
    const message = `it has ${storedBytes} bytes, its commit says ${record.bytes}`
    throw new KafkaBackupError('KB_SEGMENT_CORRUPT', message)
  }
}

function assertExtension(key: string, extension: string | undefined): void {
  if (extension !== undefined && key.endsWith(`.${extension}`)) return
  throw new KafkaBackupError('KB_SEGMENT_CORRUPT', 'the ending of its name is not that of its transform')
}

/** The same error with the frame's number in front, once. */
function inFrame(error: KafkaBackupError, key: string, number: number): KafkaBackupError {
  const message = error.message.replace(`${key}: `, '')
  const named = message.startsWith(`frame ${number} `) ? message : `frame ${number}: ${message}`
  return new KafkaBackupError(error.code, named, { cause: error, context: error.context })
}
