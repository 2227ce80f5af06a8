import { isKafkaBackupError } from '@kafka-backup/core/internal'
import type { SimulatedProcess } from './simulated-process.ts'

/** What one process of the program was asked to do, until it has ended or its process has died. */
export interface Task<T> {
  readonly process: SimulatedProcess
  readonly stop: AbortController
  end: { readonly value: T } | { readonly error: unknown } | null
}

/** What a task that meets faults may end with; everything else is a defect. */
const EXPECTED_FAILURES = [
  'KB_STORAGE_UNAVAILABLE',
  'KB_CLUSTER_UNREACHABLE',
  'KB_BROKER_TRANSIENT',
  'KB_COMMIT_CONFLICT',
  'KB_TOPIC_NOT_FOUND',
  // Half an answer has no meaning.
  'KB_BATCH_CORRUPT',
  'KB_BROKER_ERROR',
  'KB_INTERRUPTED',
] as const

export function beginTask<T>(
  process: SimulatedProcess,
  work: (process: SimulatedProcess, stop: AbortSignal) => Promise<T>,
): Task<T> {
  const task: Task<T> = { process, stop: new AbortController(), end: null }
  work(process, task.stop.signal).then(
    (value) => {
      task.end = { value }
    },
    (error: unknown) => {
      task.end = { error }
    },
  )
  return task
}

export function isOver({ process, end }: Task<unknown>): boolean {
  return process.isDead || end !== null
}

/** Whether the task may have failed so. */
export function isExpectedFailure({ stop }: Task<unknown>, error: unknown): boolean {
  const isStopped = stop.signal.aborted && error === stop.signal.reason
  return isStopped || EXPECTED_FAILURES.some((code) => isKafkaBackupError(error, code))
}

export function errorText(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
