import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { BackupState } from '../format/backup-state.ts'
import { sha256Hex } from '../format/canonical-json.ts'
import {
  type Commit,
  type CompactionRecord,
  decodeCommit,
  encodeCommit,
  type PrunedRange,
  type PruneRecord,
} from '../format/commit.ts'
import { LIMITS } from '../runtime/limits.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { commitKey, isOrphanKey, parseKey } from './key-layout.ts'
import { readWithSecondLook } from './second-look.ts'

/** A commit before it has its place in the log. */
export type CommitDraft = Omit<Commit, 'number' | 'previousSha256'>

/** A commit as read, with the digest that its successor names. */
export interface ReadCommit {
  readonly commit: Commit
  readonly sha256: string
}

/** @throws KB_OBJECT_NOT_FOUND, KB_COMMIT_CORRUPT, KB_FORMAT_UNSUPPORTED, each with the key */
export async function readCommit(
  storage: StorageBackend,
  backupId: string,
  number: bigint,
  signal?: AbortSignal,
): Promise<ReadCommit> {
  const key = commitKey(backupId, number)
  const options = signal ? { signal } : {}
  return readWithSecondLook(
    () => storage.read(key, LIMITS.commitMaxBytes, options),
    (bytes) => checkedCommit(bytes, backupId, number),
  )
}

function checkedCommit(bytes: Buffer, backupId: string, number: bigint): ReadCommit {
  const key = commitKey(backupId, number)
  try {
    const commit = decodeCommit(bytes)
    assertPlace(backupId, number, commit)
    assertKeys(backupId, commit)
    return { commit, sha256: sha256Hex(bytes) }
  } catch (error) {
    if (!isKafkaBackupError(error)) throw error
    throw new KafkaBackupError(error.code, `${key}: ${error.message}`, {
      cause: error,
      context: { backup: backupId, key },
    })
  }
}

/**
 * Creates the next commit and folds it into `state`. Another writer may win the number: see docs/format/repository.md,
 * "One committer". The draft must name durable objects only. `writing`: partitions that the caller extends, now or later; asked for each
 * winner, since partitions may join the caller while it waits for the store.
 * @throws KB_STORAGE_UNSUPPORTED, KB_COMMIT_CONFLICT when the winner touches one of these partitions; nothing was changed then
 */
export async function appendCommit(
  storage: StorageBackend,
  state: BackupState,
  draft: CommitDraft,
  signal?: AbortSignal,
  writing: () => ReadonlySet<string> = () => touchedPartitions(draft),
): Promise<Commit> {
  assertExclusiveCommits(storage)
  const options = signal ? { signal } : {}
  for (;;) {
    const commit: Commit = { ...draft, number: state.nextNumber, previousSha256: state.tip?.sha256 ?? null }
    assertKeys(state.backupId, commit)
    state.assertFollowedBy(commit)
    const { bytes, sha256 } = encodeCommit(commit)
    try {
      await storage.put(commitKey(state.backupId, commit.number), bytes, options)
    } catch (error) {
      if (!isKafkaBackupError(error, 'KB_OBJECT_EXISTS')) throw error
      const winner = await readCommit(storage, state.backupId, commit.number, signal)
      if (winner.sha256 !== sha256) {
        assertNoConflict(draft, writing(), winner.commit)
        state.apply(winner.commit, winner.sha256)
        continue
      }
    }
    state.apply(commit, sha256)
    return commit
  }
}

/**
 * Refuses a store in which two runs could overwrite each other's commits, unless somebody vouches that there is one.
 * @throws KB_STORAGE_UNSUPPORTED
 */
export function assertExclusiveCommits({ location, capabilities }: StorageBackend): void {
  if (capabilities.putIfAbsent || capabilities.hasSingleWriter === true) return
  throw new KafkaBackupError(
    'KB_STORAGE_UNSUPPORTED',
    `${location} cannot create an object only if it is absent, so that two runs could overwrite each other`,
    {
      hint: 'Choose another storage, or vouch that only one run at a time writes: storage.single_writer: true.',
    },
  )
}

/** Names of the partitions a commit says something about. */
export function touchedPartitions(
  commit: Pick<Commit, 'begins' | 'segments' | 'gaps' | 'divergences' | 'compacted'>,
): Set<string> {
  // What is compacted is extended by nobody.
  if (commit.compacted) return new Set()
  const parts = commit.segments.flatMap((segment) => segment.parts)
  const entries = [...commit.begins, ...parts, ...commit.gaps, ...commit.divergences]
  return new Set(entries.map((entry) => `${entry.topic}/${entry.partition}`))
}

/** Keys of the objects that a commit makes part of the backup. */
function namedObjects({ segments, artifacts }: Pick<Commit, 'segments' | 'artifacts'>): string[] {
  return [...segments, ...artifacts].map(({ key }) => key)
}

/**
 * A run adds behind what is held, a prune takes from its begin, and what is compacted was there before: only two that free objects are in
 * each other's way, when these are the same or two prunes are of one partition.
 */
function assertNoConflict(draft: CommitDraft, writing: ReadonlySet<string>, winner: Commit): void {
  assertNoRemoval(draft, winner)
  const touched = touchedPartitions(winner)
  for (const name of writing) {
    if (touched.has(name)) {
      throw new KafkaBackupError(
        'KB_COMMIT_CONFLICT',
        `another run (${winner.run?.id}) wrote commit ${winner.number} of backup ${winner.backupId} and extends ${name} too; this run changed nothing after its last commit`,
        { context: { backup: winner.backupId } },
      )
    }
  }
}

/** Keys of the objects that nothing names once the commit is made, beside orphans. */
function freedObjects({ pruned, compacted }: Pick<Commit, 'pruned' | 'compacted'>): readonly string[] {
  if (compacted) return compacted.objects
  return pruned ? [...pruned.partitions.flatMap(({ objects }) => objects), ...(pruned.artifacts ?? [])] : []
}

function assertNoRemoval(draft: CommitDraft, winner: Commit): void {
  const conflict = (message: string) =>
    new KafkaBackupError('KB_COMMIT_CONFLICT', message, { context: { backup: winner.backupId } })
  const removed = new Set(winner.pruned?.orphans)
  const lost = namedObjects(draft).find((key) => removed.has(key))
  if (lost !== undefined) {
    throw conflict(
      `commit ${winner.number} of backup ${winner.backupId} removed ${lost}, which nothing had named for long; this run changed nothing after its last commit`,
    )
  }
  const freed = new Set(freedObjects(winner))
  const twiceFreed = freedObjects(draft).find((key) => freed.has(key))
  if (twiceFreed !== undefined) {
    const deed = winner.compacted ? 'compacted' : 'pruned'
    throw conflict(
      `commit ${winner.number} of backup ${winner.backupId} ${deed} ${twiceFreed} meanwhile; nothing was ${draft.compacted ? 'compacted' : 'pruned'} by this one`,
    )
  }
  if (!draft.pruned) return
  const named = new Set(namedObjects(winner))
  const adopted = draft.pruned.orphans.find((key) => named.has(key))
  if (adopted !== undefined) {
    throw conflict(
      `${adopted} belongs to a run that is alive: commit ${winner.number} names it; nothing was removed`,
    )
  }
  const pruned = new Set(winner.pruned?.partitions.map(({ topic, partition }) => `${topic}/${partition}`))
  const twice = draft.pruned.partitions.find(({ topic, partition }) => pruned.has(`${topic}/${partition}`))
  if (!twice) return
  throw conflict(
    `commit ${winner.number} of backup ${winner.backupId} pruned ${twice.topic}/${twice.partition} meanwhile; nothing was pruned by this one`,
  )
}

/** A whole commit under another commit's name must not pass for it. */
function assertPlace(backupId: string, number: bigint, commit: Commit): void {
  if (commit.backupId === backupId && commit.number === number) return
  const found = `commit ${commit.number} of backup ${commit.backupId}`
  throw new KafkaBackupError('KB_COMMIT_CORRUPT', `the object holds ${found}`)
}

function assertPrunedKeys(backupId: string, { partitions, orphans, artifacts = [] }: PruneRecord): void {
  const isObjectOf = (key: string, { topic, partition }: PrunedRange) => {
    const parsed = parseKey(backupId, key)
    const isOfPartition = parsed?.kind === 'segment' || parsed?.kind === 'quarantine'
    return isOfPartition && parsed.topic === topic && parsed.partition === partition
  }
  const astray = [
    ...partitions.flatMap((range) => range.objects.filter((key) => !isObjectOf(key, range))),
    ...orphans.filter((key) => !isOrphanKey(backupId, key)),
    ...artifacts.filter((key) => parseKey(backupId, key)?.kind !== 'artifact'),
  ]
  if (astray[0] === undefined) return
  throw new KafkaBackupError('KB_COMMIT_CORRUPT', `"${astray[0]}" is not the key of what can be removed`)
}

function assertCompactedKeys(backupId: string, { objects }: CompactionRecord): void {
  const astray = objects.find((key) => {
    const kind = parseKey(backupId, key)?.kind
    return kind !== 'segment' && kind !== 'bundle'
  })
  if (astray === undefined) return
  throw new KafkaBackupError('KB_COMMIT_CORRUPT', `"${astray}" is not the key of what can be replaced`)
}

/** A name in a document is used only when it is the name we would build from the document's own fields. */
function assertKeys(backupId: string, commit: Commit): void {
  if (commit.pruned) assertPrunedKeys(backupId, commit.pruned)
  if (commit.compacted) assertCompactedKeys(backupId, commit.compacted)
  for (const segment of commit.segments) {
    const parsed = parseKey(backupId, segment.key)
    const part = segment.parts[0]
    const isSegment = parsed?.kind === 'segment' && segment.parts.length === 1
    const isOwn = isSegment && parsed.topic === part?.topic && parsed.partition === part.partition
    if (!isOwn && parsed?.kind !== 'bundle') {
      throw new KafkaBackupError('KB_COMMIT_CORRUPT', `"${segment.key}" is not the key of what it holds`)
    }
  }
  for (const artifact of commit.artifacts) {
    const parsed = parseKey(backupId, artifact.key)
    const kind = parsed?.kind === 'artifact' ? parsed.artifactKind : parsed?.kind
    if (kind !== artifact.kind || (kind !== 'quarantine' && parsed?.kind !== 'artifact')) {
      throw new KafkaBackupError('KB_COMMIT_CORRUPT', `"${artifact.key}" is not the key of what it holds`)
    }
  }
  for (const { topic, partition, quarantine } of commit.gaps) {
    if (!quarantine) continue
    const parsed = parseKey(backupId, quarantine.key)
    const isOwn = parsed?.kind === 'quarantine' && parsed.topic === topic && parsed.partition === partition
    if (!isOwn || !commit.artifacts.some(({ key }) => key === quarantine.key)) {
      throw new KafkaBackupError('KB_COMMIT_CORRUPT', `"${quarantine.key}" is not the key of what it holds`)
    }
  }
}
