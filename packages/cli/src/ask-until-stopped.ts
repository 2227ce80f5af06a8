import type { Cluster } from '@kafka-backup/core'

/**
 * Runs a step before the first write that asks a cluster. A stop ends it at once: brokers that are silent would be waited for, and
 * nothing is lost with what they were asked. The cluster is closed then.
 */
export async function askUntilStopped<T>(
  signal: AbortSignal,
  cluster: Cluster,
  step: () => Promise<T>,
): Promise<T> {
  const leave = () => void cluster.close()
  if (signal.aborted) leave()
  signal.addEventListener('abort', leave, { once: true })
  try {
    return await step()
  } finally {
    signal.removeEventListener('abort', leave)
  }
}
