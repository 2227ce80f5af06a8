import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { Observer } from '../events/run-event.ts'
import { decodeLease, encodeLease, type LeaseRecord, leasedRanges, shareAPartition } from '../format/lease.ts'
import type { TopicPartition } from '../kafka/cluster.ts'
import type { Clock } from '../runtime/clock.ts'
import { withinGrace } from '../runtime/grace.ts'
import { LIMITS } from '../runtime/limits.ts'
import type { Random } from '../runtime/random.ts'
import type { ProcessIdentity } from '../runtime/this-process.ts'
import { orAbsent } from '../storage/object-errors.ts'
import type { ObjectEntry, ObjectKey, StorageBackend } from '../storage/storage-backend.ts'
import { leaseKey, leasePrefix, parseKey } from './key-layout.ts'

/** Who asks, and for what. */
export interface LeaseRequest {
  readonly storage: StorageBackend
  readonly backupId: string
  readonly partitions: Iterable<TopicPartition>
  readonly program: string
  readonly identity: ProcessIdentity
  readonly clock: Clock
  readonly random: Random
  readonly observe: Observer
  readonly signal: AbortSignal
}

/** A run's word that it is at work. */
export interface Lease extends AsyncDisposable {
  /** Whether another run was watched first: what was known of the backup may be out of date. */
  readonly hasWaited: boolean
  /** The run has begun to read these too; said with the next renewal. Who reads them already is not looked for. */
  cover(partitions: Iterable<TopicPartition>): void
  /** Takes it back. Never fails: a lease that nobody could take back is not renewed any more, which says the same. */
  [Symbol.asyncDispose](): Promise<void>
}

/** Of a run that does not announce itself. */
export const NO_LEASE: Lease = {
  hasWaited: false,
  cover: () => undefined,
  [Symbol.asyncDispose]: async () => undefined,
}

/**
 * Says in the repository that a run is at work, again and again until it is released, and refuses when another run says so
 * of one of the same partitions. This makes the refusal early and readable, and nothing else: that a backup has one history
 * is the doing of the commit log alone. No two clocks are compared. A lease is out of date by the store's own times, or
 * when it stays as it is while it is watched.
 * @throws KB_LEASE_HELD; whatever else goes wrong, there is no lease
 */
export async function acquireLease(request: LeaseRequest): Promise<Lease> {
  const lease = new HeldLease(request)
  try {
    await lease.announce()
    lease.hasWaited = await new Rivals(request, lease.record).yieldToThem()
    await lease.confirm()
  } catch (error) {
    await lease[Symbol.asyncDispose]()
    if (!isKafkaBackupError(error) || error.code === 'KB_LEASE_HELD' || request.signal.aborted) throw error
    // Whatever keeps the store from holding one: if it keeps it from more, the run finds out by itself.
    request.observe({ type: 'lease_unavailable', reason: error.message })
    return NO_LEASE
  }
  lease.keep()
  return lease
}

class HeldLease implements Lease {
  record: LeaseRecord
  hasWaited = false
  readonly #request: LeaseRequest
  readonly #key: ObjectKey
  readonly #covered: TopicPartition[]
  readonly #released = new AbortController()
  #renewing: Promise<void> = Promise.resolve()

  constructor(request: LeaseRequest) {
    this.#request = request
    this.#covered = [...request.partitions]
    this.record = {
      backupId: request.backupId,
      lease: request.random.hex(4),
      program: request.program,
      host: request.identity.host,
      processId: request.identity.processId,
      beganAtMs: BigInt(request.clock.nowMs()),
      partitions: leasedRanges(this.#covered),
      renewals: 0,
      isReleased: false,
    }
    this.#key = leaseKey(request.backupId, this.record.lease)
  }

  announce(): Promise<void> {
    return this.#write({}, this.#request.signal)
  }

  /** Tells it from one that is announced only, also where the store's times have seconds. */
  confirm(): Promise<void> {
    return this.#write({ renewals: 1 }, this.#request.signal)
  }

  cover(partitions: Iterable<TopicPartition>): void {
    this.#covered.push(...partitions)
    this.record = { ...this.record, partitions: leasedRanges(this.#covered) }
  }

  keep(): void {
    this.#renewing = this.#renew()
  }

  async #renew(): Promise<void> {
    const signal = this.#released.signal
    while (!signal.aborted) {
      try {
        await this.#request.clock.sleep(LIMITS.leaseRenewalMs, signal)
        await this.#write({ renewals: this.record.renewals + 1 }, signal)
      } catch {
        // The next renewal is the retry: a run does not fail for want of a lease.
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { storage, clock } = this.#request
    this.#released.abort(new Error('the lease is released'))
    await this.#renewing
    const grace = { graceMs: LIMITS.leaseReleaseGraceMs, reason: () => new Error('the store did not answer') }
    await withinGrace(clock, grace, async (signal) => {
      try {
        await storage.delete(this.#key, { signal })
      } catch {
        await this.#write({ isReleased: true }, signal)
      }
    }).catch(() => undefined)
  }

  async #write(changes: Partial<LeaseRecord>, signal: AbortSignal): Promise<void> {
    this.record = { ...this.record, ...changes }
    await this.#request.storage.replace(this.#key, encodeLease(this.record), { signal })
  }
}

/** The leases of others. */
class Rivals {
  readonly #request: LeaseRequest
  readonly #own: LeaseRecord
  #mayDelete = true
  #hasWatched = false

  constructor(request: LeaseRequest, own: LeaseRecord) {
    this.#request = request
    this.#own = own
  }

  /**
   * Resolves when no run that was there before is at work on what the own lease names; with true when one had to be watched
   * for that. @throws KB_LEASE_HELD
   */
  async yieldToThem(): Promise<boolean> {
    const { storage, backupId, signal } = this.#request
    const entries: ObjectEntry[] = []
    for await (const entry of storage.list(leasePrefix(backupId), { signal })) entries.push(entry)
    const own = entries.find(({ key }) => key === leaseKey(backupId, this.#own.lease))
    for (const entry of entries) {
      if (entry === own || parseKey(backupId, entry.key)?.kind !== 'lease') continue
      if (own && entry.modifiedMs < own.modifiedMs - LIMITS.leaseDeadMs) await this.#forget(entry.key)
      else await this.#yieldTo(entry.key, own === undefined || isBefore(entry, own))
    }
    return this.#hasWatched
  }

  /** Who announced itself later, and has not renewed that yet, is the one to yield. */
  async #yieldTo(key: ObjectKey, wasFirst: boolean): Promise<void> {
    const record = await this.#read(key)
    if (!record || !shareAPartition(record.partitions, this.#own.partitions)) return
    if (record.renewals === 0 && !wasFirst && !record.isReleased) return
    await this.#watch(key, record)
    await this.#forget(key)
  }

  /** Resolves when the run has ended, or does not show that it is alive. @throws KB_LEASE_HELD when it does */
  async #watch(key: ObjectKey, seen: LeaseRecord): Promise<void> {
    const { clock, observe, signal } = this.#request
    const { host, processId } = seen
    const untilMs = clock.monotonicMs() + LIMITS.leaseDeadMs
    let now: LeaseRecord | undefined = seen
    this.#hasWatched ||= this.#maybeAtWork(seen)
    if (this.#maybeAtWork(seen))
      observe({ type: 'lease_watched', host, processId, forMs: LIMITS.leaseDeadMs })
    while (now && this.#maybeAtWork(now) && clock.monotonicMs() < untilMs) {
      await clock.sleep(LIMITS.leaseWatchMs, signal)
      now = await this.#read(key)
      if (now && !now.isReleased && now.renewals !== seen.renewals) throw heldError(now)
    }
  }

  #maybeAtWork({ isReleased, host, processId }: LeaseRecord): boolean {
    const { identity } = this.#request
    return !isReleased && (host !== identity.host || identity.isAlive(processId))
  }

  /** Undefined for one that is gone, or that this version does not know; out of date, that one goes too. */
  async #read(key: ObjectKey): Promise<LeaseRecord | undefined> {
    const { storage, signal } = this.#request
    const bytes = await orAbsent(storage.read(key, LIMITS.leaseMaxBytes, { signal }))
    return bytes && decodeLease(bytes)
  }

  /** Where nothing may be deleted, it stays. */
  async #forget(key: ObjectKey): Promise<void> {
    if (!this.#mayDelete) return
    try {
      await this.#request.storage.delete(key, { signal: this.#request.signal })
    } catch {
      this.#mayDelete = false
    }
  }
}

/** By the store's times; runs that begin in one and the same moment are told apart by their names. */
function isBefore(entry: ObjectEntry, own: ObjectEntry): boolean {
  return entry.modifiedMs < own.modifiedMs || (entry.modifiedMs === own.modifiedMs && entry.key < own.key)
}

function heldError({ backupId, host, processId, beganAtMs }: LeaseRecord): KafkaBackupError {
  const since = new Date(Number(beganAtMs)).toISOString()
  return new KafkaBackupError(
    'KB_LEASE_HELD',
    `process ${processId} on ${host} has been writing to backup "${backupId}" since ${since}`,
  )
}
