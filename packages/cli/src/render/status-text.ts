import type { BackupDigest, BackupLag, Circuit, JobView, NextOffset } from '@kafka-backup/core'
import { digestDocument, gapLines, historyLines, lagText, topicTable } from './digest-text.ts'
import { unreadText } from './history-text.ts'
import { renderTable } from './table.ts'
import { formatDuration, formatTime, plural } from './units.ts'

/** Everything that `status` found. */
export interface BackupStatus {
  readonly backupId: string
  readonly location: string
  /** What the commits say; null: there is none, or the store cannot be read. */
  readonly digest: BackupDigest | null
  /** The newest run, as it says itself; null: the commits are all there is. */
  readonly job: JobView | null
  readonly places: readonly NextOffset[]
  /** Null: the cluster was not asked, or did not answer. */
  readonly lag: BackupLag | null
  readonly isByPartition: boolean
  readonly nowMs: number
}

const INDENT = '        '

/** What a run is doing, or how the last one ended, in one word for programs. */
export function stateOf({ job, digest }: BackupStatus): string {
  if (job && job.liveness !== 'ended') return job.liveness
  return job?.job.outcome ?? digest?.lastRun?.outcome ?? 'unknown'
}

/** How a backup stands: the run, the recovery point, topics. */
export function statusText(status: BackupStatus): string {
  const { digest, backupId } = status
  return [
    `${backupId}   ${runText(status)}   recovery point ${recoveryText(status)}`,
    ...(digest ? [commitLine(digest, status.nowMs)] : []),
    ...(status.job ? [jobLine(status.job), ...circuitLines(status.job, status.nowMs)] : []),
    ...(digest ? [topicTable(digest, topicLagOf(status))] : []),
    ...(status.isByPartition || !digest ? partitionTable(status) : []),
    ...(digest ? [...gapLines(digest), ...historyLines(digest)] : []),
    ...(digest?.lastRun?.unread.map(unreadText) ?? []),
  ].join('\n')
}

function runText({ job, digest }: BackupStatus): string {
  const since = job ? `since ${formatTime(job.job.runBeganAtMs)} on ${job.job.host}` : ''
  if (job?.liveness === 'running') return `running ${since}`
  if (job?.liveness === 'paused') return `paused, running ${since}: ${job.job.reason}`
  if (job?.liveness === 'gone') {
    return `not running any more: no heartbeat for ${formatDuration(job.ageMs)} of the run ${since}, which did not say how it ended`
  }
  if (job) {
    const { outcome, lastHeartbeatMs, reason } = job.job
    return `last run ${outcome}, ended ${formatTime(lastHeartbeatMs)}${reason === '' ? '' : ` (${reason})`}`
  }
  const run = digest?.lastRun
  if (run?.outcome !== 'running')
    return `last run ${run?.outcome ?? 'none'}, ended ${formatTime(run?.endedAtMs ?? null)}`
  return `last run did not commit its end, and nothing tells of it here: it may run on another machine, or was killed, or lost its store; its last commit ${formatTime(run.endedAtMs)}`
}

function recoveryText({ digest, nowMs }: BackupStatus): string {
  if (!digest) return 'unknown'
  return digest.recoveryPointMs === null ? 'none yet' : ago(nowMs, digest.recoveryPointMs)
}

function commitLine(digest: BackupDigest, nowMs: number): string {
  return `${INDENT}commit ${digest.commit}, ${ago(nowMs, digest.lastCommitAtMs)} · ${plural(digest.partitionCount, 'partition')} · ${plural(digest.gaps.length, 'gap')} · cluster ${digest.clusterId ?? '–'}`
}

function jobLine({ from, ageMs }: JobView): string {
  const where = from === 'local' ? 'local state' : 'state/offsets.db of the repository'
  return `${INDENT}${where}, of ${formatDuration(ageMs)} ago`
}

/** Of a run that is there: whether its store and its brokers answer it. */
function circuitLines({ job, liveness }: JobView, nowMs: number): string[] {
  if (liveness !== 'running' && liveness !== 'paused') return []
  const { store, cluster } = job.circuits
  const parts = [
    ...(store
      ? [`store    ${circuitText(store, { does: 'answers', doesNot: 'does not answer' }, nowMs)}`]
      : []),
    ...(cluster
      ? [`brokers  ${circuitText(cluster, { does: 'answer', doesNot: 'do not answer' }, nowMs)}`]
      : []),
  ]
  return parts.map((part) => `${INDENT}${part}`)
}

function circuitText(
  { state, failures, sinceMs, nextTryMs, reason }: Circuit,
  verb: { readonly does: string; readonly doesNot: string },
  nowMs: number,
): string {
  const since = `since ${formatTime(sinceMs)}`
  if (state === 'closed') return `${verb.does} ${since}`
  const isDue = nextTryMs === null || nextTryMs <= nowMs
  const next = isDue ? 'being tried' : `next try in ${formatDuration(nextTryMs - nowMs)}`
  return `${verb.doesNot} ${since}: ${plural(failures, 'failure')} in a row, ${next} (${reason})`
}

/** Clocks of two machines differ; the future is shown as now. */
function ago(nowMs: number, timeMs: bigint): string {
  return `${formatDuration(Math.max(nowMs - Number(timeMs), 0))} ago`
}

function topicLagOf({ lag, places }: BackupStatus): ((topic: string) => bigint | undefined) | undefined {
  if (!lag) return undefined
  const ofTopic = new Map<string, bigint>()
  for (const { topic, partition } of places) {
    const value = lag.get(`${topic}/${partition}`)
    if (value !== undefined) ofTopic.set(topic, (ofTopic.get(topic) ?? 0n) + value)
  }
  return (topic) => ofTopic.get(topic)
}

function partitionTable({ places, lag }: BackupStatus): string[] {
  if (places.length === 0) return []
  const columns = [
    { title: 'partition' },
    { title: 'last offset', isNumeric: true },
    ...(lag ? [{ title: 'lag', isNumeric: true }] : []),
  ]
  const rows = places.map(({ topic, partition, nextOffset }) => [
    `${topic}/${partition}`,
    nextOffset === 0n ? '–' : String(nextOffset - 1n),
    ...(lag ? [lagText(lag.get(`${topic}/${partition}`))] : []),
  ])
  return [renderTable(columns, rows)]
}

/** The same for programs. */
export function statusDocument(status: BackupStatus) {
  const { backupId, location, digest, job, places, lag } = status
  const { runs, partitions: _, ...rest } = digest ? digestDocument(digest) : { runs: [], partitions: [] }
  return {
    kind: 'backup_status',
    version: 1,
    location,
    backup_id: backupId,
    state: stateOf(status),
    ...rest,
    last_run: runs.at(-1) ?? null,
    live: job && jobDocument(job),
    lag: lag ? [...lag.values()].reduce((sum, value) => sum + value, 0n) : null,
    partitions: places.map(({ topic, partition, nextOffset }) => ({
      topic,
      partition,
      last_offset: nextOffset === 0n ? null : nextOffset - 1n,
      next_offset: nextOffset,
      lag: lag?.get(`${topic}/${partition}`) ?? null,
    })),
  }
}

function jobDocument({ job, from, liveness, ageMs }: JobView) {
  return {
    liveness,
    from,
    age_ms: ageMs,
    status: job.status,
    outcome: job.outcome,
    reason: job.reason,
    run_id: job.runId,
    began_at: formatTime(job.runBeganAtMs),
    last_heartbeat: formatTime(job.lastHeartbeatMs),
    last_checkpoint: job.lastCheckpointMs === null ? null : formatTime(job.lastCheckpointMs),
    commit: job.commit?.number ?? null,
    store: job.circuits.store && circuitDocument(job.circuits.store),
    cluster: job.circuits.cluster && circuitDocument(job.circuits.cluster),
    host: job.host,
    process_id: job.processId,
  }
}

function circuitDocument({ state, failures, sinceMs, nextTryMs, reason }: Circuit) {
  return {
    state,
    failures,
    since: formatTime(sinceMs),
    next_try: nextTryMs === null ? null : formatTime(nextTryMs),
    reason,
  }
}
