import { BackupState } from '../../src/format/backup-state.ts'
import type { RunOutcome } from '../../src/format/commit.ts'
import { renderManifest } from '../../src/format/manifest.ts'
import type { RemovalContext } from '../../src/repository/append-removal.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import { manifestKey } from '../../src/repository/key-layout.ts'
import { type PruneRequest, preparePrune, runPrune } from '../../src/repository/prune-run.ts'

import { RestoreLedger } from '../../src/repository/restore-ledger.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { systemRandom } from '../../src/runtime/random.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import {
  BACKUP,
  dataBatch,
  draft,
  ORDERS_0,
  ORDERS_1,
  ORDERS_TOPIC,
  writeSegment,
} from '../verify/archive-writer.ts'

/** Of the first record; each has a second more than the one before. */
export const FIRST_MS = 1_700_000_000_000n
export const RECORDS = 10

/** `runs` complete runs; each adds one segment of ten records to orders/0 and to orders/1, which begins at offset 100. */
export async function writeRuns(storage: StorageBackend, runs: number): Promise<BackupState> {
  const state = new BackupState(BACKUP)
  for (let run = 0; run < runs; run++) await addRun(storage, state, run)
  await storage.replace(manifestKey(BACKUP), renderManifest(state))
  return state
}

/** The run with this number, which must be the next; or, as `part`, a commit of another one. */
export async function addRun(
  storage: StorageBackend,
  state: BackupState,
  run: number,
  part: { readonly id: string; readonly outcome: RunOutcome } = { id: `run-${run}`, outcome: 'complete' },
): Promise<void> {
  const segments = []
  for (const [partition, stream] of [ORDERS_0, ORDERS_1].entries()) {
    const beginOffset = BigInt(partition * 100 + run * RECORDS)
    segments.push(
      await writeSegment(storage, {
        streams: [stream],
        sequence: run + 1,
        writer: String(run + 1).padStart(8, '0'),
        extents: [{ beginOffset, holes: [] }],
        frames: [{ batches: [dataBatch(beginOffset, RECORDS)] }],
      }),
    )
  }
  const begins = [
    { topic: 'orders', partition: 0, offset: 0n },
    { topic: 'orders', partition: 1, offset: 100n },
  ]
  const first = run === 0 ? { topics: [ORDERS_TOPIC], begins } : {}
  await appendCommit(storage, state, draft(part.id, part.outcome, { ...first, segments }))
}

export const NOTHING_ASKED: PruneRequest = {
  beforeMs: null,
  maxBytes: null,
  keepRuns: null,
  choose: (topics) => topics,
  hasCompacted: false,
  isRelative: false,
  graceMs: 0,
}

export function contextOf(storage: StorageBackend, changes: Partial<RemovalContext> = {}): RemovalContext {
  const { signal } = new AbortController()
  return { storage, backupId: BACKUP, program: 'test', random: systemRandom, signal, ...changes }
}

/** Plans and runs. */
export async function prune(
  storage: StorageBackend,
  asked: Partial<PruneRequest>,
  changes: Partial<RemovalContext> = {},
) {
  const context = contextOf(storage, changes)
  return runPrune(context, await preparePrune(context, { ...NOTHING_ASKED, ...asked }))
}

/** `topics/…` keys that are there. */
export async function segmentKeys(storage: StorageBackend): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of storage.list(`${BACKUP}/topics/`)) keys.push(key.slice(BACKUP.length + 1))
  return keys
}

/** A restore of orders/0 that is under way. */
export function openLedger(storage: StorageBackend, commit: bigint) {
  const entry = {
    backupId: BACKUP,
    request: { backup_id: BACKUP },
    requestSha256: 'ab'.repeat(32),
    commit,
    commitSha256: 'cd'.repeat(32),
    fromMs: null,
    toMs: null,
    planSha256: 'ef'.repeat(32),
    clusterId: 'dr',
    mode: 'transactions' as const,
    isShared: false,
    sources: [{ topic: 'orders', partition: 0, lineage: 1 }],
    createdTopics: [],
    heldSettings: [{ topic: 'orders', name: 'retention.ms', held: '-1', original: '1000' }],
  }
  return RestoreLedger.open(storage, entry, 1, { writer: '0badcafe', clock: systemClock })
}
