import { sha256Hex } from '../format/canonical-json.ts'
import type { ArtifactRecord, DivergenceRecord, GapRecord, UnreadRecord } from '../format/commit.ts'
import type { FrameDigester } from '../format/frame-digest.ts'
import type { FrameMode, FrameTransform } from '../format/frame-transform.ts'
import type { SegmentRecord } from '../format/segment-record.ts'
import type { AbortedTransactions } from '../protocol/aborted-transactions.ts'
import { quarantineKey, segmentKey } from '../repository/key-layout.ts'
import { SegmentUpload } from '../repository/segment-upload.ts'
import type { Budget } from '../runtime/budget.ts'
import type { Clock } from '../runtime/clock.ts'
import { settleAll } from '../runtime/settle-all.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import type { PartitionPlan } from './backup-plan.ts'
import { BatchIntake, type CutFrame, type MissingOffsets, NO_TARGET } from './batch-intake.ts'
import type { DamagedBatch } from './damaged-batch.ts'
import { type MinimumFinder, settledWithin } from './minimum-finder.ts'
import { OpenSegment } from './open-segment.ts'
import { type EncodedFrame, SmallPart } from './small-part.ts'
import { type Sighting, Standing } from './standing.ts'

/** What the writers of one run share. Sizes in bytes, times in milliseconds. */
export interface WriterContext {
  readonly storage: StorageBackend
  readonly backupId: string
  readonly writer: string
  readonly clock: Clock
  readonly transform: FrameTransform
  readonly isCompressing: boolean
  readonly compressionSlots: Budget
  readonly digester: FrameDigester
  readonly minima: MinimumFinder
  /** How long the end of a segment waits for minima while nothing waits behind it. */
  readonly minimumPatienceMs: number
  /** As for an intake; what is given serves one writer. */
  readonly transactions?: AbortedTransactions | undefined
  readonly frameMinBytes: number
  /** Writers have no target: they go on until the run is stopped. */
  readonly isEndless: boolean
  readonly segmentMaxBytes: number
  readonly segmentMaxIntervalMs: number
  readonly onSegmentClosed: (segment: SegmentRecord) => void
  readonly onFrameWritten: (records: number, rawBytes: number, storedBytes: number) => void
}

/** What became durable since it was last asked, in order of offset, ready for a commit. */
export interface DurableWork {
  readonly segments: readonly SegmentRecord[]
  readonly gaps: readonly GapRecord[]
  readonly divergences: readonly DivergenceRecord[]
  readonly artifacts: readonly ArtifactRecord[]
}

/** What a partition has for a checkpoint. */
export interface CheckpointOffer {
  /** Too little for an object of its own; whoever gets it has to settle it. null: nothing of that kind. */
  readonly part: SmallPart | null
  /** Resolves when everything that is due is durable, with `part`. */
  readonly durable: Promise<void>
}

/**
 * Writes one partition: frames are compressed side by side, and written one after the other into segments that stream to
 * the store. A segment is handed out for a commit only when the store has confirmed it.
 */
export class PartitionWriter {
  readonly plan: PartitionPlan
  readonly intake: BatchIntake
  /** How far the reading and the commits are behind the source. */
  readonly standing: Standing
  readonly #context: WriterContext
  #sequence: number
  #open: OpenSegment | null = null
  #openedAtMs: number | null = null
  #segments: SegmentRecord[] = []
  #gaps: GapRecord[] = []
  #divergences: DivergenceRecord[] = []
  #artifacts: ArtifactRecord[] = []
  #hasGaps = false
  #endOffset: bigint
  #isRetired = false
  #unread: UnreadRecord | null = null
  #tail: Promise<void> = Promise.resolve()
  /** Steps of the chain that have not ended. */
  #steps = 0
  /** Aborted when a step of the chain has to wait. */
  #leisure = new AbortController()

  /** `recoveryPointMs`: of what is not read by this writer, wall clock; null: not known. */
  constructor(context: WriterContext, plan: PartitionPlan, recoveryPointMs: number | null = null) {
    this.standing = new Standing(recoveryPointMs)
    this.#context = context
    this.plan = plan
    this.#sequence = plan.nextSequence
    const { frameMinBytes, isEndless, transactions } = context
    const targetOffset = isEndless ? NO_TARGET : plan.targetOffset
    this.intake = new BatchIntake({ ...plan, targetOffset, frameMinBytes, transactions })
    this.#endOffset = plan.targetOffset
    if (plan.divergence) this.#divergences.push(plan.divergence)
    if (plan.gap) this.#gaps.push(this.#gap(plan.gap.firstOffset, plan.gap.endOffset, 'deleted_before_read'))
  }

  /** True when there is no target: reading ends with the run. */
  get isEndless(): boolean {
    return this.#context.isEndless
  }

  /** Where reading ends (exclusive); of an endless writer, the highest end that the leader has shown. */
  get targetOffset(): bigint {
    const { nextOffset } = this.intake
    return this.isEndless && nextOffset > this.#endOffset ? nextOffset : this.#endOffset
  }

  /** True once offsets of this partition were found to be gone. */
  get hasGaps(): boolean {
    return this.#hasGaps
  }

  /** What this run will not read of the partition, and why. */
  get unread(): UnreadRecord | null {
    return this.#unread
  }

  /** True when the source began another history: another writer has the partition now. */
  get isRetired(): boolean {
    return this.#isRetired
  }

  /** True when nothing more is to be read for this writer. */
  get isDone(): boolean {
    return this.#isRetired || this.#unread !== null || this.intake.isAtTarget
  }

  /** Number of the partition's next segment. */
  get nextSequence(): number {
    return this.#sequence
  }

  /** Ends reading before the target; what was taken until now stays. */
  giveUp(reason: UnreadRecord['reason'], detail: string): UnreadRecord {
    const { topic, partition } = this.plan
    const { targetOffset: endOffset } = this
    this.#unread = { topic, partition, firstOffset: this.intake.nextOffset, endOffset, reason, detail }
    return this.#unread
  }

  /** Ends reading for good: the topic is gone, and nothing that was seen of it is missing. */
  leave(): void {
    this.#isRetired = true
  }

  /** Takes where the leader's log ends: offsets are exclusive, times are those of the wall clock. */
  noteSighting(sighting: Sighting): void {
    if (this.isEndless && sighting.highWatermark > this.#endOffset) this.#endOffset = sighting.highWatermark
    this.standing.note(sighting, this.intake.nextOffset)
  }

  /** Closes what belongs to this history; resolves when it is durable. */
  async retire(): Promise<void> {
    this.#isRetired = true
    await this.checkpoint(true)
  }

  /** Queues what the intake cut; resolves when no buffer of it is needed any more. */
  async enqueue(cut: readonly (CutFrame | MissingOffsets)[]): Promise<void> {
    if (cut.length > 0 || this.intake.pendingBytes > 0) this.#openedAtMs ??= this.#context.clock.monotonicMs()
    const steps = cut.map((item) =>
      item.kind === 'frame'
        ? this.#enqueueFrame(item)
        : this.#enqueueGap(item.firstOffset, item.endOffset, 'missing_in_log'),
    )
    await settleAll(steps)
  }

  /** Declares offsets that were deleted before they could be read, if there are any, and goes on behind them. */
  async skipDeleted(endOffset: bigint): Promise<void> {
    const firstOffset = this.intake.nextOffset
    this.intake.forgetAnchor()
    if (endOffset <= firstOffset) return
    await this.#flushPending()
    this.intake.skipTo(endOffset)
    await this.#enqueueGap(firstOffset, endOffset, 'deleted_before_read')
  }

  /** Keeps a damaged batch as it came, declares its offsets, and goes on behind them. */
  async setAside(damaged: DamagedBatch): Promise<void> {
    const rest = this.intake.flush()
    // At once: the next request is made from where the intake stands.
    this.intake.skipTo(damaged.endOffset)
    const steps = rest ? [this.#enqueueFrame(rest)] : []
    steps.push(this.#chain(() => this.#quarantine(damaged)))
    await settleAll(steps)
  }

  /** Closes the open segment when it is old enough, or in any case when `isForced`. */
  async checkpoint(isForced: boolean): Promise<void> {
    const openedAtMs = this.#openedAtMs
    const { reachedAtMs } = this.standing
    if (openedAtMs === null) {
      await this.#tail
      this.standing.seal(reachedAtMs)
      return
    }
    const ageMs = this.#context.clock.monotonicMs() - openedAtMs
    if (!isForced && ageMs < this.#context.segmentMaxIntervalMs) return
    this.#openedAtMs = null
    const rest = this.intake.flush()
    // Both are in the chain at once: who finds nothing open and waits for the chain waits for the end of this segment too.
    if (rest) void this.#enqueueFrame(rest)
    await this.#chain(() => this.#closeSegment())
    this.standing.seal(reachedAtMs)
  }

  /** A checkpoint that hands out what is too little for an object of its own, less than a frame. */
  async offerCheckpoint(isForced: boolean): Promise<CheckpointOffer> {
    const openedAtMs = this.#openedAtMs
    const isDue =
      openedAtMs !== null &&
      (isForced || this.#context.clock.monotonicMs() - openedAtMs >= this.#context.segmentMaxIntervalMs)
    const { reachedAtMs } = this.standing
    const rest = isDue ? this.intake.flush() : undefined
    if (!rest) return offerOf(null, this.checkpoint(isForced))
    this.#openedAtMs = null
    const encoding = this.#encode(rest)
    encoding.catch(() => undefined)
    const offered = Promise.withResolvers<SmallPart | null>()
    const onDurable = () => this.standing.seal(reachedAtMs)
    const step = this.#chain(async () => {
      const encoded = await encoding
      if (this.#open) {
        offered.resolve(null)
        await this.#writeFrame(rest, encoded)
        await this.#closeSegment()
        return onDurable()
      }
      const part = this.#smallPart(rest, encoded, onDurable)
      offered.resolve(part)
      await part.settled
    })
    step.catch(offered.reject)
    return offerOf(await offered.promise, step)
  }

  /** What may be committed now; each piece is handed out once. */
  takeDurable(): DurableWork {
    this.standing.take()
    const work = {
      segments: this.#segments,
      gaps: this.#gaps,
      divergences: this.#divergences,
      artifacts: this.#artifacts,
    }
    this.#segments = []
    this.#gaps = []
    this.#divergences = []
    this.#artifacts = []
    return work
  }

  /** Discards what was not closed. */
  async abort(): Promise<void> {
    await this.#tail.catch(() => undefined)
    await this.#open?.upload.abort()
    this.#open = null
  }

  async #flushPending(): Promise<void> {
    const rest = this.intake.flush()
    if (rest) await this.#enqueueFrame(rest)
  }

  #enqueueFrame(frame: CutFrame): Promise<void> {
    const encoding = this.#encode(frame)
    // The chain reports it; until its turn comes it must not count as unhandled.
    encoding.catch(() => undefined)
    return this.#chain(async () => this.#writeFrame(frame, await encoding))
  }

  /** Encoding and digesting run ahead of the chain, side by side with other frames. */
  async #encode(frame: CutFrame): Promise<EncodedFrame> {
    const { transform, digester, isCompressing } = this.#context
    const minimum = this.#context.minima.find(frame)
    const mode: FrameMode = isCompressing && frame.isCompressible ? 'compressed' : 'stored'
    const chunks =
      mode === 'stored' ? await transform.encode(frame.chunks, mode) : await this.#compress(frame)
    return { chunks, sha256: await digester.digest(chunks), minimum }
  }

  /** Each compression under way holds a context of several megabytes, so there are no more of them than threads to run them. */
  async #compress(frame: CutFrame): Promise<readonly Uint8Array[]> {
    const { transform, compressionSlots } = this.#context
    await compressionSlots.acquire(1)
    try {
      return await transform.encode(frame.chunks, 'compressed')
    } finally {
      compressionSlots.release(1)
    }
  }

  async #writeFrame(frame: CutFrame, encoded: EncodedFrame): Promise<void> {
    const segment = this.#open ?? (await this.#openSegment(frame.beginOffset))
    const storedBytes = await segment.add(frame, encoded)
    this.#context.onFrameWritten(frame.statistics.records, frame.rawBytes, storedBytes)
    if (segment.upload.bytes >= this.#context.segmentMaxBytes) await this.#closeSegment()
  }

  async #quarantine({ bytes, firstOffset, endOffset, detail }: DamagedBatch): Promise<void> {
    await this.#closeSegment()
    const { storage, backupId, writer } = this.#context
    const { topic, partition } = this.plan
    const key = quarantineKey(backupId, { topic, partition, sequence: this.#sequence++, writer })
    await storage.put(key, bytes)
    this.#artifacts.push({ kind: 'quarantine', key, bytes: bytes.length, sha256: sha256Hex(bytes) })
    const gap = this.#gap(firstOffset, endOffset, 'damaged_in_log')
    this.#gaps.push({ ...gap, quarantine: { key, detail } })
  }

  #enqueueGap(firstOffset: bigint, endOffset: bigint, reason: GapRecord['reason']): Promise<void> {
    return this.#chain(async () => {
      await this.#closeSegment()
      this.#gaps.push(this.#gap(firstOffset, endOffset, reason))
    })
  }

  async #openSegment(beginOffset: bigint): Promise<OpenSegment> {
    const { storage, backupId, writer, transform, clock } = this.#context
    const { topic, topicId, partition } = this.plan
    const { key, sequence } = this.#takePlace()
    const upload = await SegmentUpload.begin(storage, key, {
      backupId,
      writer,
      sequence,
      createdAtMs: BigInt(clock.nowMs()),
      transforms: [transform.id],
      streams: [{ topic, topicId, partition }],
    })
    this.#open = new OpenSegment(upload, beginOffset)
    return this.#open
  }

  #takePlace(): { readonly key: string; readonly sequence: number } {
    const { backupId, writer, transform } = this.#context
    const { topic, partition } = this.plan
    const sequence = this.#sequence++
    const { extension } = transform
    return { key: segmentKey(backupId, { topic, partition, sequence, writer, extension }), sequence }
  }

  #smallPart(frame: CutFrame, encoded: EncodedFrame, onDurable: () => void): SmallPart {
    const { topic, topicId, partition, lineage } = this.plan
    const { beginOffset, holes, lastBatch } = frame
    return new SmallPart({
      identity: { topic, topicId, partition },
      extent: { beginOffset, holes, lineage, lastBatch },
      frame,
      encoded,
      aborted: this.intake.abortedWithin(beginOffset, frame.statistics.lastOffset + 1n, 0),
      takePlace: () => this.#takePlace(),
      onDurable,
    })
  }

  async #closeSegment(): Promise<void> {
    const segment = this.#open
    if (!segment) return
    this.#open = null
    const aborted = this.intake.abortedWithin(segment.beginOffset, segment.endOffset, 0)
    const { clock, minimumPatienceMs: patienceMs } = this.#context
    if (this.#steps === 1)
      await settledWithin(segment.minima, { clock, patienceMs, signal: this.#leisure.signal })
    const record = await segment.close(aborted, this.plan.lineage)
    this.#segments.push(record)
    this.#context.onSegmentClosed(record)
  }

  #gap(firstOffset: bigint, endOffset: bigint, reason: GapRecord['reason']): GapRecord {
    this.#hasGaps = true
    const { topic, partition, lineage } = this.plan
    return { topic, partition, lineage, firstOffset, endOffset, reason }
  }

  /** Steps run one after the other; after a failed one none is begun. */
  #chain(step: () => Promise<void>): Promise<void> {
    this.#leisure.abort()
    this.#leisure = new AbortController()
    this.#steps++
    this.#tail = this.#tail.then(step).finally(() => this.#steps--)
    this.#tail.catch(() => undefined)
    return this.#tail
  }
}

function offerOf(part: SmallPart | null, durable: Promise<void>): CheckpointOffer {
  // Whoever takes the offer waits for it, but for other offers first.
  durable.catch(() => undefined)
  return { part, durable }
}
