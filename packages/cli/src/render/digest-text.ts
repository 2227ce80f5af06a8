import type { BackupDigest, TopicDigest } from '@kafka-backup/core'
import { gapDocument } from './backup-text.ts'
import {
  divergenceDocument,
  divergenceText,
  earlierHistoryHint,
  historyLabel,
  unreadDocument,
  unreadText,
} from './history-text.ts'
import { renderTable } from './table.ts'
import { formatBytes, formatCount, formatRatio, formatTime, plural } from './units.ts'

/** One line for each backup of a repository. */
export function backupListText(digests: readonly BackupDigest[], location: string): string {
  if (digests.length === 0) return `No backup in ${location}`
  const hasPruned = digests.some((digest) => digest.prunedUntilMs !== null)
  const rows = digests.map((digest) => [
    digest.backupId,
    formatCount(digest.topics.length),
    formatCount(digest.records),
    formatBytes(digest.storedBytes),
    formatRatio(digest.rawBytes, digest.storedBytes),
    String(digest.commit),
    digest.lastRun?.outcome ?? '–',
    formatTime(digest.recoveryPointMs),
    ...(hasPruned ? [wholeFrom(digest) ?? '–'] : []),
  ])
  return renderTable(
    [
      { title: 'backup' },
      { title: 'topics', isNumeric: true },
      { title: 'records', isNumeric: true },
      { title: 'stored', isNumeric: true },
      { title: 'ratio', isNumeric: true },
      { title: 'commit', isNumeric: true },
      { title: 'last run' },
      { title: 'recovery point' },
      ...(hasPruned ? [{ title: 'whole from' }] : []),
    ],
    rows,
  )
}

/** Everything the commits say, down to the partitions. */
export function describeText(digest: BackupDigest): string {
  return [
    `Backup ${digest.backupId}`,
    `  cluster         ${digest.clusterId ?? '–'}`,
    `  created         ${formatTime(digest.createdAtMs)}`,
    `  last commit     ${digest.commit}, ${formatTime(digest.lastCommitAtMs)}`,
    `  recovery point  ${formatTime(digest.recoveryPointMs)}`,
    `  isolation       ${digest.isolation ?? '–'}`,
    `  records         ${formatCount(digest.records)}`,
    `  size            ${formatBytes(digest.storedBytes)} stored, ${formatBytes(digest.rawBytes)} on the brokers (${formatRatio(digest.rawBytes, digest.storedBytes)})`,
    '',
    topicTable(digest),
    '',
    partitionTable(digest),
    ...prunedLines(digest),
    ...gapLines(digest),
    ...historyLines(digest),
    ...(digest.lastRun?.unread.map(unreadText) ?? []),
  ].join('\n')
}

/** Of what is behind this moment, nothing was pruned; undefined: nothing was, or no record had a time. */
function wholeFrom({ prunedUntilMs }: BackupDigest): string | undefined {
  return prunedUntilMs === null || prunedUntilMs < 0n ? undefined : formatTime(prunedUntilMs + 1n)
}

/** In a table of hundreds of partitions one line for each would hide the rest. */
function prunedLines(digest: BackupDigest): string[] {
  const pruned = digest.partitions.flatMap((entry) => entry.pruned ?? [])
  if (pruned.length === 0) return []
  const records = pruned.reduce((sum, entry) => sum + entry.records, 0)
  const from = wholeFrom(digest)
  const until = from === undefined ? '' : `; whole from ${from} on`
  const where = plural(pruned.length, 'partition')
  return [`Pruned: ${plural(records, 'record')} at the begin of ${where}${until}`]
}

/** The histories of a partition are told apart only where there are several. */
function partitionTable(digest: BackupDigest): string {
  const hasLineages = digest.partitions.some((entry) => entry.lineage > 1)
  return renderTable(
    [
      { title: 'partition' },
      ...(hasLineages ? [{ title: 'history', isNumeric: true }] : []),
      { title: 'first offset', isNumeric: true },
      { title: 'next offset', isNumeric: true },
      { title: 'records', isNumeric: true },
      { title: 'segments', isNumeric: true },
      { title: 'stored', isNumeric: true },
      { title: 'ratio', isNumeric: true },
    ],
    digest.partitions.map((entry) => [
      `${entry.topic}/${entry.partition}`,
      ...(hasLineages ? [String(entry.lineage)] : []),
      (entry.pruned?.endOffset ?? entry.beginOffset).toString(),
      entry.nextOffset.toString(),
      formatCount(entry.records),
      formatCount(entry.segments),
      formatBytes(entry.storedBytes),
      formatRatio(entry.rawBytes, entry.storedBytes),
    ]),
  )
}

/** A line for each topic. `lagOf`: offsets that the source has and the backup has not; undefined: nobody knows. */
export function topicTable(digest: BackupDigest, lagOf?: (topic: string) => bigint | undefined): string {
  return renderTable(
    [
      { title: 'topic' },
      { title: 'parts', isNumeric: true },
      { title: 'records', isNumeric: true },
      { title: 'stored', isNumeric: true },
      { title: 'ratio', isNumeric: true },
      { title: 'oldest' },
      { title: 'newest' },
      ...(lagOf ? [{ title: 'lag', isNumeric: true }] : []),
    ],
    digest.topics.map((topic) => [
      topic.topic,
      formatCount(topic.partitions),
      formatCount(topic.records),
      formatBytes(topic.storedBytes),
      formatRatio(topic.rawBytes, topic.storedBytes),
      oldestText(topic),
      formatTime(topic.newestTimestampMs),
      ...(lagOf ? [lagText(lagOf(topic.topic))] : []),
    ]),
  )
}

/** A lag, or that nobody knows it. */
export function lagText(lag: bigint | undefined): string {
  return lag === undefined ? '–' : formatCount(lag)
}

function oldestText({ records, oldestTimestampMs }: TopicDigest): string {
  if (records === 0) return '–'
  return oldestTimestampMs === null ? 'unknown' : formatTime(oldestTimestampMs)
}

/** A line for each gap. */
export function gapLines(digest: BackupDigest): string[] {
  return digest.gaps.map(
    (gap) => `Gap: ${historyLabel(gap)} offsets ${gap.firstOffset}-${gap.endOffset - 1n} (${gap.reason})`,
  )
}

/** A line for each history but the first ones. */
export function historyLines(digest: BackupDigest): string[] {
  return digest.partitions.flatMap(({ divergence, sinceCommit }) =>
    divergence
      ? [
          `New history: ${divergenceText(divergence)} with commit ${sinceCommit}; ${earlierHistoryHint(sinceCommit)}`,
        ]
      : [],
  )
}

function prunedDocument(pruned: NonNullable<BackupDigest['partitions'][number]['pruned']>) {
  return {
    end_offset: pruned.endOffset,
    commit: pruned.commit,
    records: pruned.records,
    segments: pruned.segments,
    stored_bytes: pruned.storedBytes,
    min_timestamp: pruned.minTimestampMs,
    max_timestamp: pruned.maxTimestampMs,
  }
}

/** A backup for programs. */
export function digestDocument(digest: BackupDigest) {
  return {
    backup_id: digest.backupId,
    commit: digest.commit,
    cluster_id: digest.clusterId,
    isolation_level: digest.isolation,
    created_at: formatTime(digest.createdAtMs),
    last_commit_at: formatTime(digest.lastCommitAtMs),
    last_outcome: digest.lastRun?.outcome ?? null,
    recovery_point: digest.recoveryPointMs === null ? null : formatTime(digest.recoveryPointMs),
    pruned_until: digest.prunedUntilMs,
    records: digest.records,
    stored_bytes: digest.storedBytes,
    raw_bytes: digest.rawBytes,
    gaps: digest.gaps.map(gapDocument),
    topics: digest.topics.map((topic) => ({
      topic: topic.topic,
      topic_id: topic.topicId,
      partitions: topic.partitions,
      records: topic.records,
      segments: topic.segments,
      stored_bytes: topic.storedBytes,
      raw_bytes: topic.rawBytes,
      oldest_timestamp: topic.oldestTimestampMs,
      newest_timestamp: topic.newestTimestampMs,
      gaps: topic.gaps,
    })),
    partition_count: digest.partitionCount,
    partitions: digest.partitions.map((entry) => ({
      topic: entry.topic,
      partition: entry.partition,
      lineage: entry.lineage,
      newest: entry.isNewest,
      since_commit: entry.sinceCommit,
      divergence: entry.divergence && divergenceDocument(entry.divergence),
      inherited_end_offset: entry.inheritedEndOffset,
      begin_offset: entry.beginOffset,
      held_from_offset: entry.pruned?.endOffset ?? entry.beginOffset,
      pruned: entry.pruned && prunedDocument(entry.pruned),
      next_offset: entry.nextOffset,
      records: entry.records,
      segments: entry.segments,
      stored_bytes: entry.storedBytes,
      raw_bytes: entry.rawBytes,
    })),
    runs: digest.runs.map((run) => ({
      run_id: run.id,
      outcome: run.outcome,
      began_at: formatTime(run.beganAtMs),
      ended_at: formatTime(run.endedAtMs),
      last_commit: run.lastCommit,
      records: run.records,
      stored_bytes: run.storedBytes,
      gaps: run.gaps,
      isolation_level: run.isolation,
      unread: run.unread.map(unreadDocument),
    })),
  }
}
