import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { Availability, Observer, RunEvent } from '../events/run-event.ts'
import type { BackupState } from '../format/backup-state.ts'
import type { RunOutcome } from '../format/commit.ts'
import type { Clock } from '../runtime/clock.ts'
import { withinGrace } from '../runtime/grace.ts'
import { invariant } from '../runtime/invariant.ts'
import { LIMITS } from '../runtime/limits.ts'
import { thisProcess } from '../runtime/this-process.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import type { CheckpointCache } from './checkpoint-cache.ts'
import { circuitAfter, closedCircuit } from './circuit.ts'
import type { CircuitTarget } from './circuit-rows.ts'
import { isLogPutBack } from './log-put-back.ts'
import {
  type JobRow,
  type JobStatus,
  type OffsetChange,
  type OffsetRow,
  OffsetTracker,
} from './offset-state.ts'
import { OffsetStateCopies } from './offset-state-copies.ts'

/** What a keeper works with. Times in milliseconds. */
export interface KeeperOptions {
  /** `location` is that of the repository. */
  readonly makeCache: (location: string, warn: (text: string) => void) => CheckpointCache
  /** 0: no copies are made. */
  readonly syncIntervalMs: number
  readonly clock: Clock
  /** Gets what the keeper itself has to tell. */
  readonly tell: Observer
}

/** The run whose state is kept. `state` is followed as the run extends it. */
export interface KeptRun {
  readonly storage: StorageBackend
  readonly state: BackupState
  readonly clusterId: string
}

const STATUS_OF_OUTCOME: Readonly<Record<RunOutcome, JobStatus>> = {
  running: 'running',
  complete: 'completed',
  incomplete: 'failed',
  interrupted: 'paused',
  failed: 'failed',
}

/**
 * Keeps the offset state of a run: in a cache at every commit and heartbeat, and as a copy in the repository. It watches only:
 * nothing waits for it, and nothing of what fails in it reaches the run.
 */
export class OffsetStateKeeper {
  readonly #options: KeeperOptions
  readonly #over = new AbortController()
  readonly #givenUp = new AbortController()
  readonly #pending = new Map<string, OffsetRow>()
  readonly #toldOf = new Set<string>()
  #cache: CheckpointCache | undefined
  #run: KeptRun | undefined
  #tracker: OffsetTracker | undefined
  #copies: OffsetStateCopies | undefined
  #job: JobRow | undefined
  #hasBegun = false
  #isDirty = false
  #saving: Promise<void> = Promise.resolve()
  #comparing: Promise<void> = Promise.resolve()
  #isSaving = false

  constructor(options: KeeperOptions) {
    this.#options = options
  }

  /** Takes the events of a run and of its store; those before `begin` are of no interest. */
  readonly observe: Observer = (event) => {
    if (this.#job && !this.#over.signal.aborted) this.#note(event)
  }

  /** Begins to keep; returns at once. Call it before the run makes its first commit. */
  begin(run: KeptRun): void {
    const { clock, syncIntervalMs } = this.#options
    const { storage, state, clusterId } = run
    const nowMs = clock.nowMs()
    this.#run = run
    this.#cache = this.#options.makeCache(storage.location, (text) => this.#complain('local', text))
    this.#tracker = new OffsetTracker(state)
    this.#job = {
      backupId: state.backupId,
      repository: storage.location,
      clusterId,
      status: 'running',
      outcome: 'running',
      reason: '',
      createdAtMs: state.createdAtMs,
      runBeganAtMs: nowMs,
      runId: null,
      lastHeartbeatMs: nowMs,
      lastCheckpointMs: state.tip?.createdAtMs ?? null,
      commit: markOf(state),
      heartbeatIntervalMs: LIMITS.heartbeatIntervalMs,
      syncIntervalMs,
      circuits: { store: closedCircuit(nowMs), cluster: closedCircuit(nowMs) },
      host: thisProcess.host,
      processId: thisProcess.processId,
    }
    this.#takeOffsets()
    this.#change({})
    void this.#every(LIMITS.heartbeatIntervalMs, () => this.#change({}))
    if (syncIntervalMs === 0) return
    this.#copies = new OffsetStateCopies(storage, state.backupId, {
      render: () => this.#afterSaving((cache) => cache.render()),
      complain: (detail) => this.#complain('copy', detail),
    })
    void this.#every(syncIntervalMs, () => this.#copies?.start())
  }

  /** Ends with what became of the run, and waits for the last writes, for a stated time at most. Never fails. */
  async end(outcome: RunOutcome, failure?: unknown): Promise<void> {
    const { clock } = this.#options
    const cache = this.#cache
    const reason = isKafkaBackupError(failure) ? `${failure.code}: ${failure.message}` : ''
    this.#change({ outcome, status: STATUS_OF_OUTCOME[outcome], reason })
    this.#over.abort()
    if (!cache) return
    const late = () => new KafkaBackupError('KB_STORAGE_UNAVAILABLE', 'the run ended before it was written')
    await withinGrace(clock, { graceMs: LIMITS.offsetStateGraceMs, reason: late }, async (signal) => {
      const isGivenUp = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      await Promise.race([this.#settle(failure, signal), isGivenUp])
      this.#givenUp.abort()
      await cache.close(signal)
    })
  }

  async #settle(failure: unknown, signal: AbortSignal): Promise<void> {
    while (this.#isSaving) await this.#saving
    // A store that has just been given up is not asked for another five seconds.
    if (isKafkaBackupError(failure) && failure.category === 'storage') await this.#copies?.stop()
    else await this.#copies?.finish(signal)
    await this.#comparing
  }

  #note(event: RunEvent): void {
    if (event.type === 'cluster_availability') this.#turn('cluster', event)
    if (event.type === 'store_availability') {
      this.#turn('store', event)
      if (event.state === 'closed') this.#change({ status: 'running', reason: '' })
      else if (event.reason !== '') {
        this.#change({ status: 'paused', reason: `the store does not answer: ${event.reason}` })
      }
    }
    if (event.type !== 'commit_created' || !this.#run) return
    const { state } = this.#run
    this.#takeOffsets()
    this.#change({
      createdAtMs: state.createdAtMs,
      lastCheckpointMs: state.tip?.createdAtMs ?? null,
      commit: markOf(state),
      runId: state.runs.at(-1)?.id ?? null,
    })
  }

  #turn(target: CircuitTarget, change: Availability): void {
    if (!this.#job) return
    const { circuits } = this.#job
    const nowMs = this.#options.clock.nowMs()
    const before = circuits[target] ?? closedCircuit(nowMs)
    this.#change({ circuits: { ...circuits, [target]: circuitAfter(before, change, nowMs) } })
  }

  #takeOffsets(): void {
    for (const row of this.#tracker?.changes() ?? []) {
      this.#pending.set(`${row.topic}/${row.partition}`, row)
    }
  }

  #change(change: Partial<JobRow>): void {
    if (!this.#job) return
    this.#job = { ...this.#job, ...change, lastHeartbeatMs: this.#options.clock.nowMs() }
    this.#isDirty = true
    this.#save()
  }

  #save(): void {
    if (this.#isSaving) return
    this.#isSaving = true
    this.#saving = this.#saveAll().finally(() => this.#endSaving())
  }

  /** What changed after the last call was made and before this is noted would be saved by nobody, such as the end of the run. */
  #endSaving(): void {
    this.#isSaving = false
    if (this.#isDirty) this.#save()
  }

  /** One call at a time; what changes meanwhile goes together with the next one, so that a slow disk piles nothing up. */
  async #saveAll(): Promise<void> {
    const cache = this.#cache
    while (this.#isDirty && this.#job && cache) {
      this.#isDirty = false
      const change = { job: this.#job, offsets: [...this.#pending.values()] }
      this.#pending.clear()
      try {
        if (this.#hasBegun) await cache.save(change)
        else await this.#begin(cache, change)
      } catch (error) {
        this.#complain('local', (error as Error).message)
        if (!this.#hasBegun) this.#keepPending(change.offsets)
      }
    }
  }

  async #begin(cache: CheckpointCache, change: OffsetChange): Promise<void> {
    const seen = await cache.begin(change)
    this.#hasBegun = true
    if (!seen || !this.#run) return
    const { storage, state } = this.#run
    const end = { backupId: state.backupId, commit: change.job.commit }
    // Not awaited: it may ask the store.
    this.#comparing = isLogPutBack(storage, end, seen, this.#givenUp.signal).then((isPutBack) => {
      if (!isPutBack) return
      const { number: seenCommit, seenAtMs } = seen
      this.#options.tell({ type: 'log_put_back', seenCommit, seenAtMs, endCommit: end.commit?.number ?? 0n })
    })
  }

  /** What came later wins. */
  #keepPending(rows: readonly OffsetRow[]): void {
    const later = [...this.#pending]
    this.#pending.clear()
    for (const row of rows) this.#pending.set(`${row.topic}/${row.partition}`, row)
    for (const [name, row] of later) this.#pending.set(name, row)
  }

  /** Calls of a cache are not concurrent. */
  async #afterSaving<T>(step: (cache: CheckpointCache) => Promise<T>): Promise<T> {
    while (this.#isSaving) await this.#saving
    const cache = this.#cache
    invariant(cache, 'a copy without a run')
    const result = step(cache)
    this.#isSaving = true
    this.#saving = result
      .then(
        () => this.#saveAll(),
        () => this.#saveAll(),
      )
      .finally(() => this.#endSaving())
    return result
  }

  async #every(intervalMs: number, step: () => void): Promise<void> {
    const { signal } = this.#over
    while (!signal.aborted) {
      await this.#options.clock.sleep(intervalMs, signal).catch(() => undefined)
      if (!signal.aborted) step()
    }
  }

  #complain(where: 'local' | 'copy', detail: string): void {
    if (this.#toldOf.has(where)) return
    this.#toldOf.add(where)
    const place = where === 'copy' ? (this.#run?.storage.location ?? '') : (this.#cache?.place ?? '')
    this.#options.tell({ type: 'offset_state_trouble', where, place, detail })
  }
}

function markOf({ tip }: BackupState): JobRow['commit'] {
  return tip && { number: tip.number, sha256: tip.sha256 }
}
