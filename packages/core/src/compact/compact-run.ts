import { inlineMinima } from '../backup/minimum-finder.ts'
import type { WriterContext } from '../backup/partition-writer.ts'
import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { Observer } from '../events/run-event.ts'
import type { BackupState } from '../format/backup-state.ts'
import { inlineDigester } from '../format/frame-digest.ts'
import type { FrameTransform } from '../format/frame-transform.ts'
import type { SegmentRecord } from '../format/segment-record.ts'
import { appendRemoval, type RemovalContext, renderAndTell } from '../repository/append-removal.ts'
import { assertExclusiveCommits } from '../repository/commit-log.ts'
import { type SweepReport, sortWaiting, sweepFreed } from '../repository/delete-waiting.ts'
import { parseKey } from '../repository/key-layout.ts'
import { openExistingBackup } from '../repository/open-backup.ts'
import { openUndamaged } from '../repository/removal-of.ts'
import { findPins, type RestorePins } from '../repository/restore-pins.ts'
import { findUnnamed } from '../repository/waiting-objects.ts'
import { Budget } from '../runtime/budget.ts'
import { systemClock } from '../runtime/clock.ts'
import { runConcurrently } from '../runtime/run-concurrently.ts'
import type { CheckedReading } from './checked-part.ts'
import { COMMIT_PARTS_MAX, type CompactChoice, type CompactPlan, planCompact } from './compact-plan.ts'
import { type CompactUnit, isPacked } from './compact-unit.ts'
import { HELD_BYTES_MAX } from './request-estimate.ts'
import { rewriteBundle } from './rewrite-bundle.ts'
import { rewriteStretch } from './rewrite-stretch.ts'
import { UnitInput } from './unit-input.ts'

/** What somebody asks a compaction for. Times in milliseconds. */
export interface CompactRequest extends Omit<CompactChoice, 'isChosen'> {
  /** Of all topics of the backup those that may be written anew. */
  readonly choose: (topics: readonly string[]) => readonly string[]
  /** How long an object stays after the commit that freed it. */
  readonly graceMs: number
}

/** Where a compaction works, and with what. */
export interface CompactContext extends RemovalContext {
  /** By the id that segments name. */
  readonly transforms: ReadonlyMap<string, FrameTransform>
  readonly observe: Observer
  /** Bundles that are in memory together; default: {@link HELD_BYTES_MAX}. */
  readonly heldBytesMax?: number
}

/** A compaction before its first write. */
export interface PreparedCompact {
  readonly state: BackupState
  readonly request: CompactRequest
  readonly plan: CompactPlan
  /** What earlier commits freed, sorted by the clock of this machine. */
  readonly freed: ReturnType<typeof sortWaiting>
  readonly pins: RestorePins
}

/** What a compaction did. Sizes in bytes. */
export interface CompactReport extends SweepReport {
  readonly plan: CompactPlan
  /** Commits that it made. */
  readonly commits: readonly bigint[]
  readonly objectsIn: number
  readonly objectsOut: number
  readonly bytesIn: number
  readonly bytesOut: number
  /** Objects that stay as they are because of damage, and what was found. */
  readonly damaged: readonly { readonly objects: number; readonly error: KafkaBackupError }[]
}

// Each holds frames before and after compression, and a part of an upload.
const CONCURRENT_STRETCHES = 2
const COMPRESSION_SLOTS = 2
const FRAME_MIN_BYTES = 1024 * 1024
const COMMIT_BYTES = 1024 * 1024 * 1024
const WRITER_BYTES = 4

/** Plans a compaction. Writes nothing. @throws KB_BACKUP_NOT_FOUND, KB_COMMIT_CORRUPT, KB_STORAGE_* */
export async function prepareCompact(
  context: CompactContext,
  request: CompactRequest,
): Promise<PreparedCompact> {
  const { storage, backupId, signal, clock = systemClock } = context
  const state = await openExistingBackup(storage, backupId, { signal })
  const chosen = new Set(request.choose([...state.topics.keys()]))
  const plan = planCompact(state, { ...request, isChosen: (topic) => chosen.has(topic) })
  const pins = await findPins(storage, backupId, signal)
  const { waiting } = await findUnnamed(storage, state, signal)
  const freed = sortWaiting(waiting, pins.pins, { nowMs: clock.nowMs(), graceMs: request.graceMs })
  return { state, request, plan, freed, pins }
}

/**
 * Executes a plan: new segments, each read again and compared; then the commit that replaces the old ones; then the manifest; then the
 * deletion of what commits have freed, as far as the grace has passed and no restore reads it. Whatever ends it in between, the backup is as
 * before or as after, and the next compaction goes on.
 * @throws KB_COMMIT_CONFLICT when a prune or another compaction was faster, KB_STORAGE_*
 */
export async function runCompact(context: CompactContext, prepared: PreparedCompact): Promise<CompactReport> {
  const { storage, signal } = context
  const { state, request, plan } = prepared
  assertExclusiveCommits(storage)
  const run = new CompactRun(context, prepared)
  for (const unit of plan.units) await run.take(unit)
  await run.commit()
  const nowMs = await renderAndTell(storage, state, signal)
  const swept = await sweepFreed(context, state, { nowMs, graceMs: request.graceMs })
  return { plan, ...run.outcome(), ...swept }
}

class CompactRun {
  readonly #context: CompactContext
  readonly #prepared: PreparedCompact
  readonly #writerId: string
  readonly #sequences: Map<string, number>
  readonly #commits: bigint[] = []
  readonly #damaged: { objects: number; error: KafkaBackupError }[] = []
  #pending = new Pending()
  #done = new Pending()
  #doneParts = 0
  #bundleSequence: number

  constructor(context: CompactContext, prepared: PreparedCompact) {
    this.#context = context
    this.#prepared = prepared
    this.#writerId = context.random.hex(WRITER_BYTES)
    this.#sequences = sequencesOf(prepared.state)
    this.#bundleSequence = bundleSequenceOf(prepared.state)
  }

  /** Writes the segments that replace a unit; damage leaves it as it is. */
  async take(unit: CompactUnit): Promise<void> {
    const pending = this.#pending
    const parts = pending.parts + partsOf(unit.objects)
    if (pending.objects.length > 0 && (parts > COMMIT_PARTS_MAX || pending.bytes > COMMIT_BYTES)) {
      await this.commit()
    }
    try {
      this.#pending.add(unit.objects, await this.#rewrite(unit))
    } catch (error) {
      if (!isKafkaBackupError(error)) throw error
      const damage = error.code === 'KB_OBJECT_NOT_FOUND' ? await this.#missing(unit, error) : error
      if (damage.category !== 'integrity') throw damage
      this.#damaged.push({ objects: unit.objects.length, error: damage })
    }
  }

  /** Commits what was written and compared. */
  async commit(): Promise<void> {
    const { objects, segments } = this.#pending
    if (objects.length === 0) return
    const compacted = { objects: objects.map(({ key }) => key).sort() }
    this.#commits.push(await appendRemoval(this.#context, this.#prepared.state, { segments, compacted }))
    this.#done.add(objects, segments)
    this.#pending = new Pending()
  }

  outcome() {
    const { objects, segments, bytes } = this.#done
    return {
      commits: this.#commits,
      objectsIn: objects.length,
      objectsOut: segments.length,
      bytesIn: bytes,
      bytesOut: segments.reduce((sum, segment) => sum + segment.bytes, 0),
      damaged: this.#damaged,
    }
  }

  /** An object is not there: somebody took it out of the backup meanwhile, or it is lost. */
  async #missing(unit: CompactUnit, error: KafkaBackupError): Promise<KafkaBackupError> {
    const { storage, backupId, signal } = this.#context
    const newest = await openUndamaged(storage, backupId, signal)
    const named = new Set(newest?.segments.map(({ key }) => key))
    const removed = newest && unit.objects.find(({ key }) => !named.has(key))
    const { context } = error
    if (removed) {
      const message = `${removed.key} was pruned or compacted meanwhile; nothing more was compacted by this one`
      return new KafkaBackupError('KB_COMMIT_CONFLICT', message, { context, cause: error })
    }
    const message = `${context.key}: a commit names it, and it is not there`
    return new KafkaBackupError('KB_SEGMENT_CORRUPT', message, { context, cause: error })
  }

  async #rewrite(unit: CompactUnit): Promise<SegmentRecord[]> {
    const { storage, backupId, transforms, signal, heldBytesMax = HELD_BYTES_MAX } = this.#context
    const reading = { backupId, transforms, signal }
    const input = new UnitInput(storage, unit, reading, heldBytesMax)
    if (unit.packs) return this.#rewritePacks(unit.packs, input, reading)
    const written: SegmentRecord[][] = []
    for (const group of await input.groups()) {
      await input.load(group)
      // Two stretches of one partition would draw the same numbers.
      const groupOf = ({ history }: (typeof group)[number]) => `${history.topic}/${history.partition}`
      const limits = { total: CONCURRENT_STRETCHES, ofGroup: { max: 1, groupOf } }
      await runConcurrently(group, limits, async (stretch) => {
        signal.throwIfAborted()
        const name = groupOf(stretch)
        const nextSequence = this.#sequences.get(name) ?? 1
        const writerOf = (transform: FrameTransform) => this.#writerContext(transform, isPacked(stretch))
        const context = { storage, writerOf, reading, input, nextSequence }
        const rewritten = await rewriteStretch(context, stretch)
        this.#sequences.set(name, rewritten.nextSequence)
        written.push([...rewritten.segments])
        this.#progress(stretch.parts.length)
      })
    }
    return written.flat()
  }

  async #rewritePacks(
    packs: NonNullable<CompactUnit['packs']>,
    input: UnitInput,
    reading: CheckedReading,
  ): Promise<SegmentRecord[]> {
    const { storage, clock = systemClock } = this.#context
    const written: SegmentRecord[] = []
    await input.groups()
    for (const pack of packs) {
      reading.signal.throwIfAborted()
      await input.load(pack)
      const context = {
        ...{ storage, reading, input, frameMinBytes: FRAME_MIN_BYTES },
        ...{ writer: this.#writerId, sequence: this.#bundleSequence++ },
        createdAtMs: BigInt(Math.trunc(clock.nowMs())),
      }
      written.push(await rewriteBundle(context, pack))
      this.#progress(pack.reduce((sum, { parts }) => sum + parts.length, 0))
    }
    return written
  }

  #writerContext(transform: FrameTransform, isCompressing: boolean): WriterContext {
    const { storage, backupId, clock = systemClock } = this.#context
    const { segmentMaxBytes } = this.#prepared.request
    return {
      storage,
      backupId,
      writer: this.#writerId,
      clock,
      transform,
      isCompressing,
      compressionSlots: new Budget(COMPRESSION_SLOTS),
      digester: inlineDigester,
      frameMinBytes: FRAME_MIN_BYTES,
      // Frames are in memory, and nobody waits for them: the moment to learn what the run that wrote them had no time for.
      minima: inlineMinima,
      minimumPatienceMs: 0,
      isEndless: false,
      segmentMaxBytes,
      segmentMaxIntervalMs: Number.POSITIVE_INFINITY,
      onSegmentClosed: ({ key, bytes }) => this.#context.observe({ type: 'segment_closed', key, bytes }),
      onFrameWritten: () => undefined,
    }
  }

  #progress(parts: number): void {
    this.#doneParts += parts
    const { units } = this.#prepared.plan
    const totalOffsets = units.reduce((sum, { objects }) => sum + partsOf(objects), 0)
    const doneOffsets = this.#doneParts
    this.#context.observe({
      type: 'progressed',
      progress: { records: 0, rawBytes: 0, storedBytes: 0, doneOffsets, totalOffsets },
    })
  }
}

/** Objects that are replaced, and the segments in their place. */
class Pending {
  readonly objects: SegmentRecord[] = []
  readonly segments: SegmentRecord[] = []

  add(objects: readonly SegmentRecord[], segments: readonly SegmentRecord[]): void {
    this.objects.push(...objects)
    this.segments.push(...segments)
  }

  get parts(): number {
    return partsOf(this.objects)
  }

  get bytes(): number {
    return this.objects.reduce((sum, { bytes }) => sum + bytes, 0)
  }
}

function partsOf(objects: readonly SegmentRecord[]): number {
  return objects.reduce((sum, { parts }) => sum + parts.length, 0)
}

/** Number of each partition's next segment. */
function sequencesOf({ segments, backupId }: BackupState): Map<string, number> {
  const sequences = new Map<string, number>()
  for (const { key } of segments) {
    const parsed = parseKey(backupId, key)
    if (parsed?.kind !== 'segment') continue
    const name = `${parsed.topic}/${parsed.partition}`
    sequences.set(name, Math.max(sequences.get(name) ?? 1, parsed.sequence + 1))
  }
  return sequences
}

/** Number of the next bundle. */
function bundleSequenceOf({ segments, backupId }: BackupState): number {
  const numbers = segments.map(({ key }) => {
    const parsed = parseKey(backupId, key)
    return parsed?.kind === 'bundle' ? parsed.sequence : 0
  })
  return numbers.reduce((max, number) => Math.max(max, number), 0) + 1
}
