import { isKafkaBackupError } from '../errors/kafka-backup-error.ts'
import { backoffDelayMs } from '../runtime/retry.ts'
import { settleAll } from '../runtime/settle-all.ts'
import { ClusterWaits } from './cluster-waits.ts'
import { readPartitions } from './partition-reading.ts'
import type { PartitionWriter } from './partition-writer.ts'
import { type ReadingOptions, TROUBLE } from './shared-reading.ts'

/** How a run without an end reads. Times in milliseconds. */
export interface ContinuousReadingOptions extends ReadingOptions {
  /** Those that are to be read now; asked again at the begin of each round. */
  readonly writers: () => readonly PartitionWriter[]
  /** Looks for partitions that nobody reads, unless the signal is aborted; true when `writers` has others now. */
  readonly refresh: (signal: AbortSignal) => Promise<boolean>
  readonly refreshIntervalMs: number
}

/**
 * Reads until the signal is aborted. A round is one reading of all partitions over connections of its own; the next one begins when partitions
 * join, so that these share the connections of their brokers, and when no broker could be reached.
 * @throws what a broker or a writer throws and waiting does not mend
 */
export async function readContinuously(options: ContinuousReadingOptions): Promise<void> {
  const { clock, random, signal } = options
  const waits = new ClusterWaits(options.observe)
  let failures = 0
  while (!signal.aborted) {
    try {
      await readRound({ ...options, waits }, () => {
        failures = 0
        waits.end(waits)
      })
    } catch (error) {
      if (signal.aborted) return
      const isPassing = isKafkaBackupError(error) && error.category === 'cluster' && error.retryable
      if (!isPassing) throw error
      failures++
      const delayMs = backoffDelayMs(TROUBLE, failures, random)
      waits.noteAlone(waits, { what: 'the cluster', reason: error.message, attempt: failures, delayMs })
      await clock.sleep(delayMs, signal).catch(() => undefined)
    }
  }
}

async function readRound(options: ContinuousReadingOptions, onProgress: () => void): Promise<void> {
  const { clock, signal, refreshIntervalMs } = options
  const round = new AbortController()
  const roundSignal = AbortSignal.any([signal, round.signal])
  const refreshing = (async () => {
    while (!roundSignal.aborted) {
      await clock.sleep(refreshIntervalMs, roundSignal).catch(() => undefined)
      if (roundSignal.aborted || (await options.refresh(roundSignal))) break
    }
  })().finally(() => round.abort())
  const reading = readPartitions(
    {
      ...options,
      signal: roundSignal,
      onProgress: () => {
        onProgress()
        options.onProgress()
      },
    },
    options.writers().filter((writer) => !writer.isDone),
  ).catch((error) => {
    round.abort()
    throw error
  })
  await settleAll([reading, refreshing])
}
