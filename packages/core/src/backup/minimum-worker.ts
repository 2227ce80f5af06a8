import { readlinkSync } from 'node:fs'
import { availableParallelism, setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { minimumOrNull } from '../format/frame-minimum.ts'
import { LIMITS } from '../runtime/limits.ts'

/** Whole batches in the shared memory that the worker was started with. */
export interface MinimumRequest {
  readonly id: number
  readonly begin: number
  readonly bytes: number
}

/** Answer to a {@link MinimumRequest}. */
export interface MinimumAnswer {
  readonly id: number
  readonly minTimestampMs: bigint | null
  /** CPU time of the thread so far. */
  readonly cpuMs: number
}

const LOWEST_PRIORITY = 19
/** With so many cores, one more busy thread takes nothing from the others. */
const PLENTY_OF_CORES = 4

/**
 * Lets this thread run only where nothing else wants to. On Linux a priority is that of one thread (setpriority(2), "C library/kernel
 * differences"); elsewhere the number of a thread would name some other process.
 */
function stepBack(): boolean {
  if (process.platform !== 'linux') return false
  try {
    const [, threadId] = /task\/(\d+)$/.exec(readlinkSync('/proc/thread-self')) ?? []
    if (threadId === undefined) return false
    setPriority(Number(threadId), LOWEST_PRIORITY)
    return true
  } catch {
    return false
  }
}

const memory = workerData as SharedArrayBuffer
// The exit of the thread tells that nothing will be found.
if (stepBack() || availableParallelism() >= PLENTY_OF_CORES) {
  parentPort?.on('message', ({ id, begin, bytes }: MinimumRequest) => {
    const minTimestampMs = minimumOrNull(Buffer.from(memory, begin, bytes), LIMITS.minimumBatchMaxRawBytes)
    const { user, system } = process.threadCpuUsage()
    const answer: MinimumAnswer = { id, minTimestampMs, cpuMs: (user + system) / 1000 }
    parentPort?.postMessage(answer)
  })
}
