import { isKafkaBackupError } from '@kafka-backup/core/internal'
import type { HistoryPlace } from './history-place.ts'
import type { MaintenanceStep } from './maintenance-step.ts'
import { type EndedMaintenance, runSimulatedMaintenance } from './simulated-maintenance.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import { openSimulatedStore } from './simulated-store.ts'
import { beginTask, errorText, isExpectedFailure, type Task } from './task.ts'

/** A process that keeps a backup in order. */
export interface MaintenanceTask extends Task<EndedMaintenance> {
  readonly step: MaintenanceStep
  /** Nothing disturbs it. */
  readonly isClean: boolean
}

export function beginMaintenance(
  { bucket, faults, options }: HistoryPlace,
  step: MaintenanceStep,
  { process, isClean }: { readonly process: SimulatedProcess; readonly isClean: boolean },
): MaintenanceTask {
  const { partBytes, graceMs } = options
  const openBackend = (hooks: object) => openSimulatedStore({ bucket, process, faults, partBytes, hooks })
  const task = beginTask(process, (_, stop) =>
    runSimulatedMaintenance(step, { process, openBackend, stop, graceMs }),
  )
  return Object.assign(task, { step, isClean })
}

/** To be called when it is over. */
export function judgeMaintenance({ note, find, count }: HistoryPlace, task: MaintenanceTask): void {
  const { process, end, isClean } = task
  if (end === null) {
    note(`${process.name} crashed ${process.crashedAt}`)
    count(`${task.step.verb} that crashed`)
    return
  }
  if ('error' in end) {
    const { error } = end
    note(`${process.name} failed: ${error instanceof Error ? error.message : error}`)
    const isEmpty = isKafkaBackupError(error, 'KB_BACKUP_NOT_FOUND')
    if (!isEmpty && (isClean || !isExpectedFailure(task, error)))
      find('broken', process.name, errorText(error))
    return
  }
  note(`${process.name} ended`)
  count(task.step.verb)
  for (const complaint of end.value.complaints) find('broken', process.name, complaint)
}
