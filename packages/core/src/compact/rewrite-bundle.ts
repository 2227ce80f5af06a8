import { createHash } from 'node:crypto'
import { BatchIntake, type CutFrame } from '../backup/batch-intake.ts'
import { type FrameMinimum, inlineMinima, knownMinima } from '../backup/minimum-finder.ts'
import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { FrameTransform } from '../format/frame-transform.ts'
import type { AbortedEntry } from '../format/segment-index.ts'
import type { OffsetInterval, SegmentRecord } from '../format/segment-record.ts'
import { bundleKey } from '../repository/key-layout.ts'
import { SegmentUpload, type StreamExtent } from '../repository/segment-upload.ts'
import { invariant } from '../runtime/invariant.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { assertSeekTable } from '../verify/segment-structure.ts'
import { ArchivedTransactions } from './archived-transactions.ts'
import { type CheckedReading, checkedFrames, openChecked } from './checked-part.ts'
import { isPacked, type Stretch } from './compact-unit.ts'
import { ObjectWindow } from './object-window.ts'
import { readStretch } from './read-stretch.ts'
import { READ_BYTES } from './request-estimate.ts'
import { acceptWhole, planOf, transformOf } from './rewrite-stretch.ts'
import type { UnitInput } from './unit-input.ts'

/** What surrounds a bundle that is written. `sequence`: its number among the bundles of the backup. */
export interface BundleContext {
  readonly storage: StorageBackend
  readonly reading: CheckedReading
  readonly input: UnitInput
  readonly writer: string
  readonly sequence: number
  readonly createdAtMs: bigint
  readonly frameMinBytes: number
}

/**
 * Writes several stretches, each of another partition, into one bundle, one after the other, and reads what was written: it must be the same
 * batches. @throws KB_SEGMENT_CORRUPT, KB_BATCH_CORRUPT …
 */
export async function rewriteBundle(
  context: BundleContext,
  stretches: readonly Stretch[],
): Promise<SegmentRecord> {
  const bundle = new Bundle(context, stretches)
  try {
    for (const [stream, stretch] of stretches.entries()) await bundle.add(stream, stretch)
    const record = await bundle.close()
    await assertSameStreams(context, record, bundle.digests)
    return record
  } catch (error) {
    await bundle.abort()
    throw error
  }
}

class Bundle {
  /** SHA-256 over the batches of each stream. */
  readonly digests: string[] = []
  readonly #context: BundleContext
  readonly #stretches: readonly Stretch[]
  readonly #aborted: AbortedEntry[] = []
  readonly #extents: StreamExtent[] = []
  readonly #minima: (FrameMinimum | null)[] = []
  #upload: SegmentUpload | undefined

  constructor(context: BundleContext, stretches: readonly Stretch[]) {
    this.#context = context
    this.#stretches = stretches
  }

  async add(stream: number, stretch: Stretch): Promise<void> {
    const { input, reading, frameMinBytes } = this.#context
    const plan = planOf(stretch, 0)
    const transactions = new ArchivedTransactions()
    const intake = new BatchIntake({ ...plan, frameMinBytes, transactions })
    const read = createHash('sha256')
    const holes: OffsetInterval[] = []
    let last: CutFrame | undefined
    let transform: FrameTransform | undefined
    const write = async (frame: CutFrame) => {
      invariant(transform, 'a frame that was read')
      const mode = isPacked(stretch) && frame.isCompressible ? 'compressed' : 'stored'
      const upload = await this.#begin(transform)
      const { statistics, rawBytes } = frame
      this.#minima.push(inlineMinima.find(frame))
      await upload.addFrame({ ...statistics, stream, rawBytes }, await transform.encode(frame.chunks, mode))
      holes.push(...frame.holes)
      last = frame
    }
    for await (const frame of readStretch(input, stretch, reading.signal)) {
      transform ??= transformOf(frame.reader, reading)
      if (frame.isReachingBack) throw unbundled(frame.reader.record.key)
      read.update(frame.batches)
      for (const cut of acceptWhole(intake, transactions, frame)) if (cut.kind === 'frame') await write(cut)
    }
    const rest = intake.flush()
    if (rest) await write(rest)
    const { beginOffset, targetOffset, lineage } = plan
    this.#aborted.push(...intake.abortedWithin(beginOffset, targetOffset, stream))
    this.#extents.push({ beginOffset, holes, lineage, lastBatch: last?.lastBatch ?? null })
    this.digests.push(read.digest('hex'))
  }

  close(): Promise<SegmentRecord> {
    invariant(this.#upload, 'a bundle of nothing')
    return this.#upload.close(this.#aborted, this.#extents, knownMinima(this.#minima))
  }

  async abort(): Promise<void> {
    await this.#upload?.abort()
  }

  async #begin(transform: FrameTransform): Promise<SegmentUpload> {
    const { storage, reading, writer, sequence, createdAtMs } = this.#context
    const { backupId } = reading
    const key = bundleKey(backupId, { sequence, writer, extension: transform.extension })
    const streams = this.#stretches.map(({ history: { topic, topicId, partition } }) => {
      return { topic, topicId, partition }
    })
    const header = { backupId, writer, sequence, createdAtMs, transforms: [transform.id], streams }
    this.#upload ??= await SegmentUpload.begin(storage, key, header)
    return this.#upload
  }
}

async function assertSameStreams(
  { storage, reading }: BundleContext,
  record: SegmentRecord,
  expected: readonly string[],
): Promise<void> {
  const window = new ObjectWindow(storage, record.bytes, READ_BYTES)
  const reader = await openChecked(window, record, reading)
  for (const [stream, digest] of expected.entries()) {
    const written = createHash('sha256')
    for await (const { batches } of checkedFrames(reader, stream, reading.signal)) written.update(batches)
    if (written.digest('hex') === digest) continue
    throw new KafkaBackupError(
      'KB_SEGMENT_CORRUPT',
      `what was written is not what was read: ${record.key}; no commit names it`,
    )
  }
  const tail = { begin: record.index.position + record.index.bytes, end: record.bytes }
  assertSeekTable(record, reader.index, await window.readRange(record.key, tail, reading))
}

/** Two parts of one partition would be needed, and a bundle has one of each. */
function unbundled(key: string): KafkaBackupError {
  const message = `${key}: a batch reaches back behind what was read, which a larger bundle cannot hold; --unbundle makes segments of it`
  return new KafkaBackupError('KB_SEGMENT_CORRUPT', message, { context: { key } })
}
