import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { closedCircuit } from '../../src/observe/circuit.ts'
import type { CommitMark, JobRow, OffsetRow } from '../../src/observe/offset-state.ts'

export const REPOSITORY = 'file:///var/backups'

/** A job that is running, at commit 7 unless `parts` say otherwise. */
export function jobRow(parts: Partial<JobRow> = {}): JobRow {
  return {
    backupId: 'daily',
    repository: REPOSITORY,
    clusterId: 'Vj2aQ',
    status: 'running',
    outcome: 'running',
    reason: '',
    createdAtMs: 1_700_000_000_000n,
    runBeganAtMs: 1_700_000_100_000,
    runId: '00112233',
    lastHeartbeatMs: 1_700_000_200_000,
    lastCheckpointMs: 1_700_000_150_000n,
    commit: mark(7n),
    heartbeatIntervalMs: 5_000,
    syncIntervalMs: 30_000,
    circuits: { store: closedCircuit(1_700_000_100_000), cluster: closedCircuit(1_700_000_100_000) },
    host: 'host-7',
    processId: 4711,
    ...parts,
  }
}

export function mark(number: bigint, digit = 'a'): CommitMark {
  return { number, sha256: digit.repeat(64) }
}

export function offsetRow(partition: number, lastOffset: bigint): OffsetRow {
  return { topic: 'orders', partition, lastOffset, checkpointMs: 1_700_000_150_000n }
}

/** Runs `test` with the path of a database in a fresh folder, and removes the folder afterwards. */
export async function withDatabasePath<T>(test: (path: string) => Promise<T> | T): Promise<T> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'kb-state-')))
  try {
    return await test(join(folder, 'offsets.db'))
  } finally {
    await rm(folder, { recursive: true })
  }
}
