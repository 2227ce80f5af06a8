import type { Observer } from '../events/run-event.ts'
import { type Cluster, partitionName } from '../kafka/cluster.ts'
import type { ProducerIdentity } from '../kafka/producer-id-api.ts'
import type { ClusterSecurity } from '../kafka/security.ts'
import type { RestoreLedger } from '../repository/restore-ledger.ts'
import type { TransformsById } from '../repository/segment-reader.ts'
import type { Clock } from '../runtime/clock.ts'
import { type ConcurrencyLimits, runConcurrently } from '../runtime/run-concurrently.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { FreeGate } from './free-gate.ts'
import type { GapWriter } from './gap-writer.ts'
import { LeaderQueues } from './leader-queues.ts'
import type { LearnedMinima } from './learned-minima.ts'
import { type FillKind, OffsetKeeper } from './offset-keeper.ts'
import { splitRuns } from './offset-runs.ts'
import { ProgressKeeper } from './progress-keeper.ts'
import type { RestorePlan, RestoreWork } from './restore-plan.ts'
import { type Claim, type Identities, takeOver } from './take-over.ts'
import type { TargetEnd } from './target-tails.ts'
import { TransactionGate } from './transaction-gate.ts'
import { readWork, type WorkStreamOptions } from './work-stream.ts'
import type { WriteGate } from './write-gate.ts'
import { type LaneContext, WriteLane } from './write-lane.ts'

/** What every attempt of a restore works with. */
export interface AttemptOptions {
  readonly plan: RestorePlan
  /** What the target takes now: not what it took when the restore was begun. */
  readonly target: Pick<WorkStreamOptions, 'batchMaxBytes' | 'topicCodecs'>
  readonly ledger: RestoreLedger
  readonly storage: StorageBackend
  readonly transforms: TransformsById
  readonly learned: LearnedMinima
  readonly cluster: Cluster
  readonly clientId: string
  readonly security?: ClusterSecurity
  readonly produceTimeoutMs: number
  readonly connectionsPerBroker: number
  readonly concurrentPartitions: number
  /** Of one target topic; undefined: as many as of all. */
  readonly concurrentPartitionsPerTopic?: number | undefined
  readonly transactionMaxBytes: number
  readonly progressIntervalMs: number
  /** False: others may write to the target too, so offsets follow no rule. */
  readonly isExclusive: boolean
  readonly identities: Identities
  readonly throttle: (records: number, bytes: number, signal: AbortSignal) => Promise<void>
  readonly onWritten: (records: number, bytes: number) => void
  /** Takes offsets that no record has; null: records get what offsets come. */
  readonly gapWriter: GapWriter | null
  /** Offsets that markers may take instead of filler at the start of a partition. */
  readonly gapMax: number
  readonly onFilled: (kind: FillKind, offsets: number) => void
  /** Something of it is there for good. */
  readonly onDurable: () => void
  readonly clock: Clock
  readonly observe: Observer
  readonly signal: AbortSignal
}

/** What stands in one target partition when everything is written. */
export interface LaneEnd {
  readonly topic: string
  readonly partition: number
  readonly position: bigint
  /** First offset that a record of this restore could get. */
  readonly beginOffset: bigint
  readonly nextOffset: bigint
  /** Where the log must end; null: others write here too. */
  readonly expectedOffset: bigint | null
  readonly reencodedBatches: number
}

const TRANSACTION_MAX_MS = 10_000
/** When a run is interrupted, what is under way is waited for and committed, for at most this long. */
const LAST_COMMIT_MS = 10_000

/** One try to write everything that is not there yet. It either reaches the end or leaves a target that the next one understands. */
export class RestoreAttempt {
  /** Known from the claim on. */
  identity: ProducerIdentity | null = null
  readonly #options: AttemptOptions
  readonly #ended = new AbortController()

  constructor(options: AttemptOptions) {
    this.#options = options
  }

  /** @throws what ended it; errors that may pass are retryable */
  async run(own: ProducerIdentity | null): Promise<LaneEnd[]> {
    const { signal, plan } = this.#options
    signal.throwIfAborted()
    const stop = () => void this.#endLater()
    signal.addEventListener('abort', stop, { once: true })
    const options = {
      ...this.#options,
      signal: this.#signal,
      transactionalId: this.#options.identities.transactionalId,
    }
    const queues = new LeaderQueues(options, [...new Set(plan.topics.map((topic) => topic.targetTopic))])
    try {
      const claim = await takeOver({ ...options, signal }, own)
      this.identity = claim.identity
      const lanes = await this.#write(claim, queues)
      signal.throwIfAborted()
      return lanes
    } finally {
      signal.removeEventListener('abort', stop)
      this.#ended.abort()
      await queues.close()
    }
  }

  /** Goes on for a moment after the run was interrupted. */
  get #signal(): AbortSignal {
    return this.#ended.signal
  }

  async #endLater(): Promise<void> {
    const { clock, signal } = this.#options
    await clock.sleep(LAST_COMMIT_MS, this.#signal).catch(() => undefined)
    this.#ended.abort(signal.reason)
  }

  async #write(claim: Claim, queues: LeaderQueues): Promise<LaneEnd[]> {
    const { plan, clock, ledger } = this.#options
    const fail = (error: unknown): void => {
      gate.fail(error)
      // Nobody waits for answers that no longer matter.
      void queues.close()
    }
    const keeper = new ProgressKeeper({
      ledger,
      clock,
      signal: this.#signal,
      intervalMs: this.#options.progressIntervalMs,
      onFailure: fail,
    })
    const gate = this.#openGate(claim, () => {
      this.#options.onDurable()
      keeper.onDurable()
    })
    const context: LaneContext = {
      queues,
      gate,
      fail,
      identity: claim.identity,
      isTransactional: this.#options.identities.coordinator !== null,
      throttle: (records, bytes) => this.#options.throttle(records, bytes, this.#options.signal),
      onWritten: this.#options.onWritten,
      offsets: this.#openKeeper(queues),
    }
    const lanes: WriteLane[] = []
    let firstFailure: { readonly error: unknown } | undefined
    await runConcurrently(plan.works, this.#concurrency(), async (work) => {
      try {
        lanes.push(...(await this.#writeWork(work, claim, context, keeper)))
      } catch (error) {
        firstFailure ??= { error }
        fail(error)
        throw error
      }
    }).catch((error) => {
      throw firstFailure?.error ?? error
    })
    await gate.finish()
    await keeper.finish()
    const begins = new Map(ledger.state.begun?.partitions.map((own) => [partitionName(own), own.beginOffset]))
    return lanes.map(({ place, position, nextOffset, expectedOffset, reencodedBatches }) => {
      return {
        ...place,
        position,
        beginOffset: begins.get(partitionName(place)) ?? 0n,
        nextOffset,
        expectedOffset,
        reencodedBatches,
      }
    })
  }

  #concurrency(): ConcurrencyLimits<RestoreWork> {
    const { concurrentPartitions: total, concurrentPartitionsPerTopic: max } = this.#options
    if (max === undefined) return { total }
    return { total, ofGroup: { max, groupOf: (work) => work.targets[0]?.topic ?? '' } }
  }

  #openKeeper(queues: LeaderQueues): OffsetKeeper | null {
    const { gapWriter, onFilled, onDurable, signal: interruption } = this.#options
    if (gapWriter === null) return null
    return new OffsetKeeper({
      ...this.#options,
      queues,
      gaps: gapWriter,
      onFilled(kind, offsets) {
        onFilled(kind, offsets)
        onDurable()
      },
      signal: this.#signal,
      interruption,
    })
  }

  #openGate(claim: Claim, onDurable: () => void): WriteGate {
    const { identities, clock } = this.#options
    const { coordinator } = identities
    if (!coordinator) return new FreeGate(onDurable)
    const transactions = {
      addPartitions: (partitions: Parameters<typeof coordinator.addPartitions>[1]) =>
        coordinator.addPartitions(claim.identity, partitions, this.#signal),
      commit: () => coordinator.end(claim.identity, true, this.#signal),
    }
    return new TransactionGate({
      transactions,
      bounds: { maxBytes: this.#options.transactionMaxBytes, maxMs: TRANSACTION_MAX_MS },
      clock,
      signal: this.#signal,
      onDurable,
    })
  }

  async #writeWork(
    work: RestoreWork,
    claim: Claim,
    context: LaneContext,
    keeper: ProgressKeeper,
  ): Promise<WriteLane[]> {
    const ends = work.targets.map((place) => claim.ends.get(partitionName(place)) as TargetEnd)
    const lanes = ends.map((end) => {
      const { place, position, nextOffset, endOffset } = end
      const expectedOffset = this.#options.isExclusive ? endOffset : null
      const basePosition = claim.basePosition(partitionName(place))
      const begin = { position, basePosition, expectedOffset, nextOffset }
      return new WriteLane(context, place, { ...begin, extent: this.#extentOf(work) })
    })
    await this.#adoptWritten(work, ends, lanes)
    for (const [at, lane] of lanes.entries()) keeper.add(lane, ends[at]?.knownPosition ?? 0n)
    const begin = ends.map((end) => end.position)
    const { signal } = this.#options
    // Whoever waited for the speed limit stops here; what is under way is still waited for.
    const unlessInterrupted = (error: unknown): void => {
      if (!signal.aborted || error !== signal.reason) throw error
    }
    for (const lane of lanes) await lane.begin().catch(unlessInterrupted)
    for await (const { lane, batch } of this.#stream(work, begin)) {
      if (signal.aborted) break
      await lanes[lane]?.write(batch).catch(unlessInterrupted)
    }
    for (const lane of lanes) await (signal.aborted ? lane.drain() : lane.finish().catch(unlessInterrupted))
    return lanes
  }

  /** Of a work with one source and one lane: a plan that keeps offsets has no others. */
  #extentOf({ sources }: RestoreWork) {
    const { plan } = this.#options
    return plan.isKeepingOffsets ? (plan.partitions[sources[0] ?? -1]?.offsets ?? null) : null
  }

  /** What the target holds and the ledger does not know yet gets its place in the offset map. */
  async #adoptWritten(
    work: RestoreWork,
    ends: readonly TargetEnd[],
    lanes: readonly WriteLane[],
  ): Promise<void> {
    const pieces = ends.map((end) => [...end.pieces])
    const begin = ends.map((end) => end.knownPosition)
    if (pieces.every((own) => own.length === 0)) return
    for await (const { lane, batch } of this.#stream(work, begin)) {
      let left = batch.runs
      const own = pieces[lane] ?? []
      while (left.length > 0 && own.length > 0) {
        const piece = own[0]
        if (!piece) break
        const [placed, rest] = splitRuns(left, piece.records)
        const count = placed.reduce((sum, run) => sum + run.records, 0)
        lanes[lane]?.adopt(placed, piece.targetOffset)
        if (count === piece.records) own.shift()
        else {
          const { position, targetOffset, records } = piece
          const by = BigInt(count)
          own[0] = { position: position + by, targetOffset: targetOffset + by, records: records - count }
        }
        left = rest
      }
      if (pieces.every((entry) => entry.length === 0)) return
    }
  }

  #stream(work: RestoreWork, begin: readonly bigint[]) {
    const { plan, storage, transforms, target, learned } = this.#options
    const { batchMaxBytes, topicCodecs } = target
    const source = { storage, backupId: plan.backupId, transforms, learned, signal: this.#signal }
    const options = { ...source, batchMaxBytes, topicCodecs }
    return readWork(options, plan, work, begin)
  }
}
