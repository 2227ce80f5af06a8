import type { DatabaseSync } from 'node:sqlite'
import { CIRCUIT_STATES, type Circuit } from './circuit.ts'

/** A table of its own, so that files of earlier versions get it and need no change. */
export const CIRCUIT_TABLE = `
CREATE TABLE IF NOT EXISTS job_circuits (
  backup_id TEXT NOT NULL,
  target TEXT NOT NULL,
  state TEXT NOT NULL,
  failures INTEGER NOT NULL,
  since INTEGER NOT NULL,
  next_try INTEGER,
  reason TEXT NOT NULL,
  PRIMARY KEY (backup_id, target)
);`

/** Whom a run depends on. */
export const CIRCUIT_TARGETS = ['store', 'cluster'] as const

/** One of {@link CIRCUIT_TARGETS}. */
export type CircuitTarget = (typeof CIRCUIT_TARGETS)[number]

/** Null: what wrote the state does not say. */
export type Circuits = Readonly<Record<CircuitTarget, Circuit | null>>

const UPSERT = `INSERT OR REPLACE INTO job_circuits
  (backup_id, target, state, failures, since, next_try, reason) VALUES (?, ?, ?, ?, ?, ?, ?)`

export function writeCircuits(database: DatabaseSync, backupId: string, circuits: Circuits): void {
  const statement = database.prepare(UPSERT)
  for (const target of CIRCUIT_TARGETS) {
    const circuit = circuits[target]
    if (!circuit) continue
    const { state, failures, sinceMs, nextTryMs, reason } = circuit
    statement.run(backupId, target, state, failures, sinceMs, nextTryMs, reason)
  }
}

/** Nulls where there is no such table, or what it says is not known to this version: nothing else depends on it. */
export function readCircuits(database: DatabaseSync, backupId: string): Circuits {
  const found = database
    .prepare(`SELECT count(*) AS tables FROM sqlite_schema WHERE type = 'table' AND name = 'job_circuits'`)
    .get()
  if (found?.tables !== 1) return { store: null, cluster: null }
  const statement = database.prepare('SELECT * FROM job_circuits WHERE backup_id = ? AND target = ?')
  const read = (target: CircuitTarget) => circuitOf(statement.get(backupId, target))
  return { store: read('store'), cluster: read('cluster') }
}

function circuitOf(row: Record<string, unknown> | undefined): Circuit | null {
  const state = CIRCUIT_STATES.find((name) => name === row?.state)
  if (!row || !state) return null
  return {
    state,
    failures: Number(row.failures),
    sinceMs: Number(row.since),
    nextTryMs: row.next_try === null ? null : Number(row.next_try),
    reason: String(row.reason),
  }
}
