import './deterministic-builtins.ts'
import { prepareCompact, runCompact } from '@kafka-backup/core/compact'
import {
  type RequestHooks,
  type StorageBackend,
  withResilience,
  zstdTransform,
} from '@kafka-backup/core/internal'
import { preparePrune, runPrune } from '@kafka-backup/core/repository'
import { prepareRepair, runRepair } from '@kafka-backup/core/verify'
import type { MaintenanceStep } from './maintenance-step.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import { BACKUP_ID, LEVEL } from './simulated-run.ts'

/** Everything that maintenance meets. */
export interface MaintenanceSurroundings {
  readonly process: SimulatedProcess
  readonly openBackend: (hooks: RequestHooks) => StorageBackend
  readonly stop: AbortSignal
  readonly graceMs: number
}

/** What a step came to that was neither killed nor failed. */
export interface EndedMaintenance {
  /** What it says is wrong with the backup, or could not do. */
  readonly complaints: readonly string[]
}

type Place = Parameters<typeof prepareCompact>[0]

/** One verb of the program, as its command does it. */
export async function runSimulatedMaintenance(
  step: MaintenanceStep,
  { process, openBackend, stop: signal, graceMs }: MaintenanceSurroundings,
): Promise<EndedMaintenance> {
  const { clock, random, name: program } = process
  const { storage } = withResilience(openBackend, { clock, random, stop: signal })
  const place: Place = {
    ...{ storage, backupId: BACKUP_ID, program, clock, random, signal },
    ...{ transforms: new Map([['zstd', zstdTransform(LEVEL)]]), observe: () => undefined },
  }
  const complaints = await run(step, place, graceMs)
  await storage.close()
  return { complaints }
}

async function run(step: MaintenanceStep, place: Place, graceMs: number): Promise<string[]> {
  const choose = (topics: readonly string[]) => topics
  const nowMs = place.clock!.nowMs()
  const momentOf = (ageMs: number | null) => (ageMs === null ? null : BigInt(nowMs - ageMs))
  switch (step.verb) {
    case 'repair': {
      const prepared = await prepareRepair(place)
      const { isRemovingOrphans } = step
      const { refused } = await runRepair(place, prepared, { isRemovingOrphans, graceMs })
      const { lost, snapshots } = prepared.plan
      const damaged = snapshots.filter(({ isDamaged }) => isDamaged)
      return [
        ...lost.map(({ finding }) => `${finding.key}: ${finding.message}`),
        ...damaged.map(({ number }) => `snapshot ${number} is damaged`),
        ...refused.map(({ key, error }) => `${key}: ${error.message}`),
      ]
    }
    case 'compact': {
      const { segmentMaxBytes, isUnbundling, olderThanMs } = step
      const request = { choose, segmentMaxBytes, isUnbundling, graceMs, beforeMs: momentOf(olderThanMs) }
      const { damaged, refused } = await runCompact(place, await prepareCompact(place, request))
      return [...damaged, ...refused].map(({ error }) => error.message)
    }
    default: {
      const { olderThanMs, maxBytes, keepRuns, isRelative } = step
      const isAsked = [olderThanMs, maxBytes, keepRuns].some((bound) => bound !== null)
      const bounds = { beforeMs: momentOf(olderThanMs), maxBytes, keepRuns, isRelative, graceMs }
      const request = { ...bounds, hasCompacted: true, choose: isAsked ? choose : () => [] }
      const { refused } = await runPrune(place, await preparePrune(place, request))
      return refused.map(({ error }) => error.message)
    }
  }
}
