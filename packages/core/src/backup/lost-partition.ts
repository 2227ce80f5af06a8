import type { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { partitionName } from '../kafka/cluster.ts'
import type { LostPartition, Symptom } from './fetch-loop.ts'
import type { PartitionWriter } from './partition-writer.ts'
import { LEADER_ONLY, type SharedReading, TROUBLE } from './shared-reading.ts'
import { examineSource, type SourceChange } from './source-change.ts'

// Metadata of a topic that was just changed, or whose ACL was just changed, may be late: said twice, it is believed.
const ABSENT_AFTER_MS = 3_000
const REPLICA_FOR_MS = 5 * 60_000

/** CORRUPT_MESSAGE: a broker that cannot find its way in its own log, because a length in it is damaged. */
const CORRUPT_MESSAGE = 2
const DAMAGED_AFTER_ATTEMPTS = 3

/** What brokers answer when only the leader has changed: looking for it is all there is to do. */
const LEADER_CHANGES: ReadonlySet<number> = new Set([5, 6, 7, 8, 9, 13, 56, 74, 75, 77, 78])

/**
 * Goes on with partitions that a fetch loop gave back: declares what has become of them, gives them up, or has them followed to where
 * their leaders are now. @throws what cannot be waited out or declared
 */
export async function goOnAfterLoss(shared: SharedReading, lost: readonly LostPartition[]): Promise<void> {
  const { clock, signal } = shared
  const readers: PartitionWriter[] = []
  let hasTrouble = false
  for (const { writer, symptom } of lost) {
    if (symptom.kind === 'moved') {
      noteReplica(shared, writer, symptom.replica)
      readers.push(writer)
      continue
    }
    if (symptom.kind === 'damaged') {
      giveUp(shared, writer, 'damaged_in_log', symptom.error.message)
      continue
    }
    hasTrouble = true
    const reader = await settleTrouble(shared, writer, symptom)
    if (reader) readers.push(reader)
  }
  if (hasTrouble) await clock.sleep(pauseMs(shared, readers), signal).catch(() => undefined)
  if (readers.length > 0 && !signal.aborted) shared.follow(readers)
}

/** Reads the partition from its leader for a while. True when it was read from another replica until now. */
export function backToLeader(shared: SharedReading, writer: PartitionWriter): boolean {
  const replica = shared.replicas.get(writer)
  if (!replica || replica.broker === LEADER_ONLY) return false
  noteReplica(shared, writer, LEADER_ONLY)
  return true
}

function noteReplica(shared: SharedReading, writer: PartitionWriter, broker: number): void {
  shared.replicas.set(writer, { broker, untilMs: shared.clock.monotonicMs() + REPLICA_FOR_MS })
}

/** The longer the trouble, the more patience. */
function pauseMs(shared: SharedReading, readers: readonly PartitionWriter[]): number {
  const nowMs = shared.clock.monotonicMs()
  const lasting = readers.map((reader) => nowMs - (shared.troubles.get(reader)?.sinceMs ?? nowMs))
  const longestMs = lasting.reduce((max, ms) => Math.max(max, ms), 0)
  return Math.min(Math.max(longestMs / 4, TROUBLE.firstDelayMs), TROUBLE.maxDelayMs)
}

/** Who goes on with the partition; null when it is given up. */
async function settleTrouble(
  shared: SharedReading,
  writer: PartitionWriter,
  symptom: Exclude<Symptom, { kind: 'moved' }>,
): Promise<PartitionWriter | null> {
  const sinceMs = noteTrouble(shared, writer)
  const wasReplica = backToLeader(shared, writer)
  const isLeaderChange = symptom.kind === 'error' && LEADER_CHANGES.has(symptom.kafkaCode)
  // A replica may lag or have been asked by mistake: only what a leader says counts.
  if (isLeaderChange || wasReplica) {
    announce(shared, writer, symptom)
    return stillWaiting(shared, sinceMs) ? writer : giveUpLeaderless(shared, writer, symptom)
  }
  const change = await examineSource(shared.cluster, writer, symptom).catch((error) => {
    // A run that was told to stop has not found out, and judges nothing by it.
    if (shared.signal.aborted) return null
    if (!error?.retryable) throw error
    return { kind: 'none' } as const
  })
  if (change === null) return writer
  return applyChange(shared, { writer, symptom, sinceMs }, change)
}

interface Trouble {
  readonly writer: PartitionWriter
  readonly symptom: Exclude<Symptom, { kind: 'moved' }>
  readonly sinceMs: number
}

async function applyChange(
  shared: SharedReading,
  trouble: Trouble,
  change: SourceChange,
): Promise<PartitionWriter | null> {
  const { writer, symptom, sinceMs } = trouble
  switch (change.kind) {
    case 'diverged':
      return shared.onDiverged(writer, change)
    case 'deleted':
      await writer.skipDeleted(change.endOffset)
      return writer
    case 'short': {
      const { targetOffset } = writer
      const detail = `the log ends at offset ${change.endOffset} now; the source lost what it had acknowledged up to ${targetOffset}`
      return giveUp(shared, writer, 'log_truncated', detail)
    }
    case 'absent':
      if (shared.clock.monotonicMs() - sinceMs < ABSENT_AFTER_MS) return writer
      return change.reason === 'denied'
        ? giveUp(shared, writer, 'access_denied', 'the account may no longer read the topic')
        : giveUp(shared, writer, 'topic_deleted', 'the cluster has no such topic or partition any more')
    default: {
      const isDamaged = symptom.kind === 'error' && symptom.kafkaCode === CORRUPT_MESSAGE
      if (isDamaged && (shared.troubles.get(writer)?.attempts ?? 0) >= DAMAGED_AFTER_ATTEMPTS)
        return giveUp(shared, writer, 'damaged_in_log', symptom.error.message)
      const isRetryable = symptom.kind !== 'error' || symptom.error.retryable
      const mayPass = isRetryable || isDamaged || symptom.error.code === 'KB_OFFSET_OUT_OF_RANGE'
      if (!mayPass) throw symptom.error
      announce(shared, writer, symptom)
      return stillWaiting(shared, sinceMs) ? writer : giveUpLeaderless(shared, writer, symptom)
    }
  }
}

/** Since when the partition has been in trouble without having got anything meanwhile. */
function noteTrouble(shared: SharedReading, writer: PartitionWriter): number {
  const offset = writer.intake.fetchOffset
  const known = shared.troubles.get(writer)
  const before = known?.offset === offset ? known : undefined
  const sinceMs = before?.sinceMs ?? shared.clock.monotonicMs()
  shared.troubles.set(writer, { offset, sinceMs, attempts: (before?.attempts ?? 0) + 1 })
  return sinceMs
}

function stillWaiting(shared: SharedReading, sinceMs: number): boolean {
  return shared.clock.monotonicMs() - sinceMs <= TROUBLE.giveUpAfterMs
}

function giveUpLeaderless(shared: SharedReading, writer: PartitionWriter, symptom: Symptom): null {
  const reason =
    symptom.kind === 'error' || symptom.kind === 'gone'
      ? symptom.error.message
      : 'the leader does not serve it'
  return giveUp(shared, writer, 'no_leader', reason)
}

function giveUp(
  shared: SharedReading,
  writer: PartitionWriter,
  reason: Parameters<PartitionWriter['giveUp']>[0],
  detail: string,
): null {
  if (writer.isEndless && reason === 'topic_deleted' && writer.intake.nextOffset === writer.targetOffset) {
    writer.leave()
    const { topic, partition } = writer.plan
    shared.observe({ type: 'partition_left', topic, partition })
    return null
  }
  shared.observe({ type: 'partition_unread', ...writer.giveUp(reason, detail) })
  return null
}

function announce(shared: SharedReading, writer: PartitionWriter, symptom: Symptom): void {
  const error: KafkaBackupError | undefined = 'error' in symptom ? symptom.error : undefined
  const reason = error?.message ?? `${partitionName(writer.plan)} has to be asked for elsewhere`
  const attempt = shared.troubles.get(writer)?.attempts ?? 1
  shared.observe({ type: 'retry_scheduled', what: partitionName(writer.plan), reason, attempt })
}
