import { isKafkaBackupError, type KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { BackupState } from '../format/backup-state.ts'
import { type GroupRecord, type GroupsDocument, groupsDigest } from '../format/groups-document.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { latestGroups } from '../repository/group-artifacts.ts'
import { openBackup } from '../repository/open-backup.ts'
import type { Clock } from '../runtime/clock.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { mergeGroups } from './merge-groups.ts'

/** What groups had committed, before it is known when the records up to there are stored. Times are those of the wall clock. */
export interface GroupReading {
  readonly clusterId: string
  readonly groups: readonly GroupRecord[]
  /** When the cluster was asked, and when everything was told: all offsets were committed before. */
  readonly readAtMs: number
  readonly readUntilMs: number
  /** Brokers that did not list their groups, with Kafka's name of the error. */
  readonly silentBrokers: ReadonlyMap<string, string>
  /** What the backup knew of them before; null: nothing. */
  readonly before: GroupsDocument | null
  /** Why nothing could be read, and `groups` is empty; null: it could. */
  readonly failure: KafkaBackupError | null
}

/** Where groups are read from, and what is known of them. */
export interface GroupSource {
  readonly cluster: Pick<Cluster, 'consumerGroups'>
  readonly clock: Clock
  readonly signal: AbortSignal
}

/**
 * Asks the cluster for its groups; has to come before the end offsets that a run goes up to. What goes wrong is part of the result: no
 * backup of records fails for it. @throws the signal's reason
 */
export async function readGroups(
  source: GroupSource,
  storage: StorageBackend,
  state: BackupState,
): Promise<GroupReading> {
  const before = await knownGroups(storage, state, source.signal)
  return readAgain(source, before)
}

/** The same when it is known what was known before. */
export async function readAgain(
  { cluster, clock, signal }: GroupSource,
  before: GroupsDocument | null,
): Promise<GroupReading> {
  const readAtMs = clock.nowMs()
  const known = before?.groups.map(({ group }) => group) ?? []
  try {
    const { clusterId, groups: read, silentBrokers } = await cluster.consumerGroups(known, signal)
    const groups = mergeGroups(before, read, readAtMs)
    return { clusterId, groups, readAtMs, readUntilMs: clock.nowMs(), silentBrokers, before, failure: null }
  } catch (error) {
    signal.throwIfAborted()
    if (!isKafkaBackupError(error)) throw error
    const nothing = { clusterId: '', groups: [], silentBrokers: new Map<string, string>() }
    return { ...nothing, readAtMs, readUntilMs: clock.nowMs(), before, failure: error }
  }
}

/** What a run writes of a reading. `writer`: of the run. */
export function groupsDocumentOf(
  { readAtMs, clusterId, groups }: GroupReading,
  backupId: string,
  writer: string,
): GroupsDocument {
  return { backupId, writer, readAtMs: BigInt(readAtMs), clusterId, groups }
}

/** True when a reading says something else than what is known; that there are none, and were none, is no news. */
export function isNews(reading: GroupReading, knownDigest: string | null): boolean {
  if (reading.failure !== null) return false
  return knownDigest === null ? reading.groups.length > 0 : groupsDigest(reading) !== knownDigest
}

/**
 * Damage to what was written before is what `validate` tells; a run goes on without it. What the state names may have been superseded and
 * pruned since: then the newest state has the one that counts.
 */
async function knownGroups(
  storage: StorageBackend,
  state: BackupState,
  signal: AbortSignal,
): Promise<GroupsDocument | null> {
  try {
    return await latestGroups(storage, state, signal)
  } catch (error) {
    signal.throwIfAborted()
    if (isKafkaBackupError(error, 'KB_PRUNED'))
      return knownGroups(storage, await openBackup(storage, state.backupId, { signal }), signal)
    const isLost = isKafkaBackupError(error, 'KB_OBJECT_NOT_FOUND')
    if (isLost || (isKafkaBackupError(error) && error.category === 'integrity')) return null
    throw error
  }
}
