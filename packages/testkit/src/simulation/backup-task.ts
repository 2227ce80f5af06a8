import type { SeededRandom } from '../seeded-random.ts'
import { foldCommits } from './archive-history.ts'
import type { HistoryPlace } from './history-place.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import { BACKUP_ID, type EndedRun, runSimulatedBackup } from './simulated-run.ts'
import { openSimulatedStore } from './simulated-store.ts'
import { beginTask, errorText, isExpectedFailure, type Task } from './task.ts'

/** How a run of a history differs from others. */
export interface BackupKind {
  /** It reads partitions with odd numbers only. */
  readonly isSplit: boolean
  /** Nothing disturbs it, so that it has to come to an end. */
  readonly isClean: boolean
  /** It goes on until it is stopped. */
  readonly isContinuous: boolean
}

/** A run that extends the backup. */
export interface BackupTask extends Task<EndedRun> {
  readonly kind: BackupKind
}

export function beginBackup(
  place: HistoryPlace,
  kind: BackupKind,
  { process, random }: { readonly process: SimulatedProcess; readonly random: SeededRandom },
): BackupTask {
  const { options, bucket, topics, faults } = place
  const { partBytes } = options
  if (kind.isContinuous) place.count('continuous run')
  const task = beginTask(process, (_, stop) =>
    runSimulatedBackup({
      ...{ options, process, topics, faults, random, stop },
      openBackend: (hooks) => openSimulatedStore({ bucket, process, faults, partBytes, hooks }),
      isChosen: (_, partition) => !kind.isSplit || partition % 2 === 1,
      isContinuous: kind.isContinuous,
      observe: ({ type }) => {
        if (type === 'partition_joined') place.count('partition that joined')
      },
    }),
  )
  return Object.assign(task, { kind })
}

/** To be called when it is over. */
export function judgeBackup(place: HistoryPlace, task: BackupTask): void {
  const { process, end, kind } = task
  if (end === null) {
    place.note(`${process.name} crashed ${process.crashedAt}`)
    if (kind.isContinuous) place.count('continuous run that crashed')
    return
  }
  if ('error' in end) {
    const { error } = end
    place.note(`${process.name} failed: ${error instanceof Error ? error.message : error}`)
    if (kind.isClean || !isExpectedFailure(task, error)) place.find('broken', process.name, errorText(error))
    return
  }
  const { outcome } = end.value.report
  place.note(`${process.name} ended ${outcome}`)
  if (kind.isContinuous && outcome !== 'interrupted')
    place.find('broken', process.name, `a run without an end says that it is ${outcome}`)
  if (outcome === 'complete') checkTargets(place, process.name, end.value)
}

export function isComplete({ end }: BackupTask): boolean {
  return end !== null && 'value' in end && end.value.report.outcome === 'complete'
}

/** A run that was complete has what its plan wanted. */
function checkTargets({ bucket, find }: HistoryPlace, name: string, { plan }: EndedRun): void {
  const { histories } = foldCommits(bucket.objects, BACKUP_ID)
  for (const { topic, partition, targetOffset, lineage, isCompacted } of plan.partitions) {
    if (isCompacted) continue
    const history = histories.find(
      (entry) => entry.topic === topic && entry.partition === partition && entry.lineage === lineage,
    )
    if (history && history.nextOffset >= targetOffset) continue
    find(
      'lost',
      name,
      `complete, but ${topic}/${partition} ends at ${history?.nextOffset}, before ${targetOffset}`,
    )
  }
}
