import type { BackupState } from '../format/backup-state.ts'
import type { SegmentRecord } from '../format/segment-record.ts'
import { bundleKey, parseKey } from '../repository/key-layout.ts'
import { SegmentUpload } from '../repository/segment-upload.ts'
import { invariant } from '../runtime/invariant.ts'
import { LIMITS } from '../runtime/limits.ts'
import { settleAll } from '../runtime/settle-all.ts'
import { type FrameMinimum, knownMinima, settledWithin } from './minimum-finder.ts'
import type { PartitionWriter, WriterContext } from './partition-writer.ts'
import type { SmallPart } from './small-part.ts'

/**
 * Keeps the number of objects bounded: what partitions have at a checkpoint that is less than a frame of each goes into one object
 * together. Partitions with more stream into segments of their own.
 */
export class BundleWriter {
  readonly #context: WriterContext
  readonly #onDurable: (record: SegmentRecord) => void
  #sequence: number

  /** `onDurable` is told of an object before anything that follows its parts can become durable. */
  constructor(context: WriterContext, state: BackupState, onDurable: (record: SegmentRecord) => void) {
    this.#context = context
    this.#onDurable = onDurable
    this.#sequence = nextSequence(state)
  }

  /** A checkpoint of all writers; resolves when everything that was due is durable. */
  async checkpoint(writers: readonly PartitionWriter[], isForced: boolean): Promise<void> {
    const offers = await Promise.allSettled(writers.map((writer) => writer.offerCheckpoint(isForced)))
    const given = offers.flatMap((offer) => (offer.status === 'fulfilled' ? offer.value : []))
    const failed = offers.find((offer) => offer.status === 'rejected')
    // Side by side: one request behind the other would make every checkpoint longer.
    const writing = this.#writeAll(
      given.flatMap(({ part }) => part ?? []),
      failed,
    )
    await settleAll([writing, ...given.map(({ durable }) => durable)])
  }

  async #writeAll(parts: readonly SmallPart[], failed: PromiseRejectedResult | undefined): Promise<void> {
    try {
      if (failed) throw failed.reason
      const { clock, minimumPatienceMs: patienceMs } = this.#context
      await settledWithin(minimaOf(parts), { clock, patienceMs })
      for (const group of groupsOf(parts, this.#context.segmentMaxBytes)) await this.#write(group)
    } catch (error) {
      for (const part of parts) part.fail(error)
      throw error
    }
  }

  async #write(parts: readonly SmallPart[]): Promise<void> {
    const { storage, backupId, writer, transform, clock, onSegmentClosed, onFrameWritten } = this.#context
    const { key, sequence } = this.#placeOf(parts)
    const upload = await SegmentUpload.begin(storage, key, {
      backupId,
      writer,
      sequence,
      createdAtMs: BigInt(clock.nowMs()),
      transforms: [transform.id],
      streams: parts.map(({ content }) => content.identity),
    })
    for (const [stream, { content }] of parts.entries()) {
      const { statistics, rawBytes } = content.frame
      const before = upload.bytes
      const { chunks, sha256 } = content.encoded
      await upload.addFrame({ ...statistics, stream, rawBytes }, chunks, sha256)
      onFrameWritten(statistics.records, rawBytes, upload.bytes - before)
    }
    const aborted = parts.flatMap(({ content }, stream) =>
      content.aborted.map((entry) => ({ ...entry, stream })),
    )
    const extents = parts.map(({ content }) => content.extent)
    const record = await upload.close(aborted, extents, knownMinima(minimaOf(parts)))
    this.#onDurable(record)
    onSegmentClosed(record)
    for (const part of parts) part.succeed()
  }

  #placeOf(parts: readonly SmallPart[]): { readonly key: string; readonly sequence: number } {
    const [first] = parts
    invariant(first, 'an object of nothing')
    if (parts.length === 1) return first.content.takePlace()
    const { backupId, writer, transform } = this.#context
    const sequence = this.#sequence++
    return { key: bundleKey(backupId, { sequence, writer, extension: transform.extension }), sequence }
  }
}

/** Parts in objects of at most `maxBytes` (a larger part stands alone) and so many partitions as an index may have. */
export function groupsOf(parts: readonly SmallPart[], maxBytes: number): SmallPart[][] {
  const groups: SmallPart[][] = []
  let group: SmallPart[] = []
  let bytes = 0
  for (const part of parts) {
    const own = part.content.encoded.chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    if (group.length > 0 && (group.length === LIMITS.bundleMaxParts || bytes + own > maxBytes)) {
      groups.push(group)
      group = []
      bytes = 0
    }
    group.push(part)
    bytes += own
  }
  if (group.length > 0) groups.push(group)
  return groups
}

/** One frame each. */
function minimaOf(parts: readonly SmallPart[]): (FrameMinimum | null)[] {
  return parts.map(({ content }) => content.encoded.minimum)
}

function nextSequence(state: BackupState): number {
  let last = 0
  for (const { key } of state.segments) {
    const parsed = parseKey(state.backupId, key)
    if (parsed?.kind === 'bundle' && parsed.sequence > last) last = parsed.sequence
  }
  return last + 1
}
