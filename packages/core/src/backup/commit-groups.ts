import type { BackupState } from '../format/backup-state.ts'
import { groupsDigest } from '../format/groups-document.ts'
import { renderManifest } from '../format/manifest.ts'
import { appendCommit, assertExclusiveCommits } from '../repository/commit-log.ts'
import { assertCreatesOnce } from '../repository/exclusive-creation.ts'
import { writeGroups } from '../repository/group-artifacts.ts'
import { manifestKey } from '../repository/key-layout.ts'
import { openBackup, writeSnapshotIfDue } from '../repository/open-backup.ts'
import type { Random } from '../runtime/random.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { assertSameCluster } from './backup-plan.ts'
import { type GroupsReport, reportOfGroups } from './groups-report.ts'
import { type GroupReading, type GroupSource, groupsDocumentOf, isNews, readGroups } from './read-groups.ts'

/** Whose groups are stored, and where. */
export interface GroupCommitOptions extends GroupSource {
  readonly storage: StorageBackend
  readonly backupId: string
  readonly bootstrapServers: readonly string[]
  readonly program: string
  readonly random: Random
  /** Of a backup that has no commit yet: throws where it may not be. */
  readonly assertNewPlace: () => Promise<void>
}

/** What became of it. */
export interface GroupCommitReport extends GroupsReport {
  readonly backupId: string
  readonly clusterId: string
  /** The last one of the backup; 0: there is none. */
  readonly commit: bigint
  /** False: the newest artifact says the same already, or there is nothing to say. */
  readonly isWritten: boolean
}

const WRITER_BYTES = 4

/**
 * Stores what groups have committed now, in a commit of its own, without a record. What they have read may lie behind what the backup
 * holds. @throws KB_CLUSTER_*, KB_WRONG_CLUSTER, KB_STORAGE_*, KB_LIMIT_EXCEEDED
 */
export async function commitGroups(options: GroupCommitOptions): Promise<GroupCommitReport> {
  const { storage, backupId, clock, signal } = options
  assertExclusiveCommits(storage)
  const state = await openBackup(storage, backupId, { signal })
  if (!state.tip) await options.assertNewPlace()
  await assertCreatesOnce(storage, state, clock, signal)
  const reading = await readGroups(options, storage, state)
  if (reading.failure) throw reading.failure
  assertSameCluster(state, reading.clusterId)
  const isWritten = isNews(reading, reading.before && groupsDigest(reading.before))
  if (isWritten) await commitReading(options, state, reading)
  const { clusterId } = reading
  return { ...reportOfGroups(reading), backupId, clusterId, commit: state.tip?.number ?? 0n, isWritten }
}

async function commitReading(
  { storage, backupId, bootstrapServers, program, random, clock, signal }: GroupCommitOptions,
  state: BackupState,
  reading: GroupReading,
): Promise<void> {
  const writer = random.hex(WRITER_BYTES)
  const document = groupsDocumentOf(reading, backupId, writer)
  const artifacts = [await writeGroups(storage, state, document, signal)]
  const source = { clusterId: reading.clusterId, bootstrapServers }
  const createdAtMs = BigInt(Math.trunc(clock.nowMs()))
  const nothing = { topics: [], begins: [], segments: [], gaps: [], divergences: [] }
  const draft = { backupId, writer, program, createdAtMs, run: null, source, ...nothing, artifacts }
  const { number } = await appendCommit(storage, state, draft, signal)
  // A backup without a commit could not be asked with before.
  if (number === 1n) await assertCreatesOnce(storage, state, clock, signal)
  await writeSnapshotIfDue(storage, state)
  await storage.replace(manifestKey(backupId), renderManifest(state), { signal })
}
