import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { CIRCUIT_TABLE, type Circuits, readCircuits, writeCircuits } from './circuit-rows.ts'
import type { CommitMark, JobRow, OffsetRow, OffsetState, SeenCommit } from './offset-state.ts'

/** The tables of docs/format/offset-state.md. The first two are those that other tools know. */
export const OFFSET_TABLES = `
CREATE TABLE IF NOT EXISTS offsets (
  backup_id TEXT NOT NULL,
  topic TEXT NOT NULL,
  partition INTEGER NOT NULL,
  last_offset INTEGER NOT NULL,
  checkpoint_ts INTEGER,
  PRIMARY KEY (backup_id, topic, partition)
);
CREATE TABLE IF NOT EXISTS backup_jobs (
  backup_id TEXT PRIMARY KEY,
  source_cluster_id TEXT,
  status TEXT,
  created_at INTEGER,
  last_heartbeat INTEGER,
  last_checkpoint INTEGER
);
CREATE TABLE IF NOT EXISTS job_details (
  backup_id TEXT PRIMARY KEY,
  repository TEXT NOT NULL,
  outcome TEXT NOT NULL,
  reason TEXT NOT NULL,
  run_id TEXT,
  run_began_at INTEGER NOT NULL,
  commit_number INTEGER,
  commit_sha256 TEXT,
  heartbeat_interval_ms INTEGER NOT NULL,
  sync_interval_ms INTEGER NOT NULL,
  host TEXT NOT NULL,
  process_id INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS seen_commits (
  repository TEXT NOT NULL,
  backup_id TEXT NOT NULL,
  number INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  seen_at INTEGER NOT NULL,
  PRIMARY KEY (repository, backup_id)
);${CIRCUIT_TABLE}`

const TABLE_NAMES = ['offsets', 'backup_jobs', 'job_details']

const UPSERT_OFFSET = `INSERT OR REPLACE INTO offsets
  (backup_id, topic, partition, last_offset, checkpoint_ts) VALUES (?, ?, ?, ?, ?)`

const UPSERT_JOB = `INSERT OR REPLACE INTO backup_jobs
  (backup_id, source_cluster_id, status, created_at, last_heartbeat, last_checkpoint) VALUES (?, ?, ?, ?, ?, ?)`

const UPSERT_DETAILS = `INSERT OR REPLACE INTO job_details
  (backup_id, repository, outcome, reason, run_id, run_began_at, commit_number, commit_sha256,
   heartbeat_interval_ms, sync_interval_ms, host, process_id)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

const UPSERT_SEEN = `INSERT OR REPLACE INTO seen_commits
  (repository, backup_id, number, sha256, seen_at) VALUES (?, ?, ?, ?, ?)`

const SELECT_JOB = `SELECT j.source_cluster_id, j.status, j.created_at, j.last_heartbeat, j.last_checkpoint, d.*
  FROM backup_jobs j JOIN job_details d ON d.backup_id = j.backup_id WHERE j.backup_id = ?`

const SELECT_OFFSETS = `SELECT topic, partition, last_offset, checkpoint_ts FROM offsets
  WHERE backup_id = ? ORDER BY topic, partition LIMIT ?`

/** Runs `step` in one transaction. */
export function inTransaction<T>(database: DatabaseSync, step: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = step()
    database.exec('COMMIT')
    return result
  } catch (error) {
    // A failure of the disk has ended it already.
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

export function writeOffsets(
  database: DatabaseSync,
  backupId: string,
  rows: Iterable<OffsetRow>,
  isAll: boolean,
): void {
  if (isAll) database.prepare('DELETE FROM offsets WHERE backup_id = ?').run(backupId)
  const statement = database.prepare(UPSERT_OFFSET)
  for (const row of rows) {
    statement.run(backupId, row.topic, row.partition, row.lastOffset, row.checkpointMs)
  }
}

export function writeJob(database: DatabaseSync, job: JobRow): void {
  database
    .prepare(UPSERT_JOB)
    .run(job.backupId, job.clusterId, job.status, job.createdAtMs, job.lastHeartbeatMs, job.lastCheckpointMs)
  const details: SQLInputValue[] = [
    job.backupId,
    job.repository,
    job.outcome,
    job.reason,
    job.runId,
    job.runBeganAtMs,
    job.commit?.number ?? null,
    job.commit?.sha256 ?? null,
    job.heartbeatIntervalMs,
    job.syncIntervalMs,
    job.host,
    job.processId,
  ]
  database.prepare(UPSERT_DETAILS).run(...details)
  writeCircuits(database, job.backupId, job.circuits)
}

export function readSeen(database: DatabaseSync, repository: string, backupId: string): SeenCommit | null {
  const statement = database.prepare(
    'SELECT number, sha256, seen_at FROM seen_commits WHERE repository = ? AND backup_id = ?',
  )
  statement.setReadBigInts(true)
  const row = statement.get(repository, backupId)
  if (!row) return null
  return { number: bigintOf(row.number), sha256: String(row.sha256), seenAtMs: bigintOf(row.seen_at) }
}

export function writeSeen(
  database: DatabaseSync,
  { repository, backupId, lastHeartbeatMs }: JobRow,
  { number, sha256 }: CommitMark,
): void {
  database.prepare(UPSERT_SEEN).run(repository, backupId, number, sha256, lastHeartbeatMs)
}

/**
 * What a database says of a backup; null: nothing, or of one in another repository than `repository`, if that is given. Whoever wrote it is not trusted: tables only,
 * and at most `rowsMax` rows of offsets. @throws whatever SQLite says of a damaged file
 */
export function readOffsetState(
  database: DatabaseSync,
  { backupId, repository, rowsMax }: { backupId: string; repository: string | null; rowsMax: number },
): OffsetState | null {
  const marks = TABLE_NAMES.map(() => '?').join(', ')
  const found = database
    .prepare(`SELECT count(*) AS tables FROM sqlite_schema WHERE type = 'table' AND name IN (${marks})`)
    .get(...TABLE_NAMES)
  if (found?.tables !== TABLE_NAMES.length) return null
  const statement = database.prepare(SELECT_JOB)
  statement.setReadBigInts(true)
  const row = statement.get(backupId)
  if (!row || (repository !== null && row.repository !== repository)) return null
  const rows = database.prepare(SELECT_OFFSETS)
  rows.setReadBigInts(true)
  const job = jobOf(row, readCircuits(database, backupId))
  return { job, offsets: rows.all(backupId, rowsMax).map(offsetOf), seen: null }
}

type Row = Record<string, unknown>

function jobOf(row: Row, circuits: Circuits): JobRow {
  const number = nullableBigint(row.commit_number)
  return {
    backupId: String(row.backup_id),
    repository: String(row.repository),
    clusterId: nullableText(row.source_cluster_id),
    status: choiceOf(row.status, ['running', 'paused', 'failed', 'completed']),
    outcome: choiceOf(row.outcome, ['running', 'complete', 'incomplete', 'interrupted', 'failed']),
    reason: String(row.reason),
    createdAtMs: nullableBigint(row.created_at),
    runBeganAtMs: Number(row.run_began_at),
    runId: nullableText(row.run_id),
    lastHeartbeatMs: Number(row.last_heartbeat),
    lastCheckpointMs: nullableBigint(row.last_checkpoint),
    commit: number === null ? null : { number, sha256: String(row.commit_sha256) },
    heartbeatIntervalMs: Number(row.heartbeat_interval_ms),
    syncIntervalMs: Number(row.sync_interval_ms),
    circuits,
    host: String(row.host),
    processId: Number(row.process_id),
  }
}

function offsetOf(row: Row): OffsetRow {
  return {
    topic: String(row.topic),
    partition: Number(row.partition),
    lastOffset: bigintOf(row.last_offset),
    checkpointMs: nullableBigint(row.checkpoint_ts),
  }
}

function choiceOf<T extends string>(value: unknown, choices: readonly T[]): T {
  const choice = choices.find((entry) => entry === value)
  if (choice === undefined) throw new Error('it holds a word that this version does not know')
  return choice
}

function bigintOf(value: unknown): bigint {
  if (typeof value !== 'bigint') throw new Error('it holds something else where a number belongs')
  return value
}

function nullableBigint(value: unknown): bigint | null {
  return value === null ? null : bigintOf(value)
}

function nullableText(value: unknown): string | null {
  return value === null ? null : String(value)
}
