import type { ArchivedHistory } from './archive-history.ts'
import type { PartitionLog } from './partition-log.ts'
import type { SimulatedTopics } from './simulated-topics.ts'

/** A partition of which the archive and the source have one history, with the log that it is of. */
export interface ComparableHistory {
  readonly history: ArchivedHistory
  readonly log: PartitionLog
}

/** Offsets of a log that was cut off, or of a topic that was created again, may be those of another history; undefined: not comparable. */
export function comparableHistory(
  { topic, partition }: { readonly topic: string; readonly partition: number },
  { topics, histories }: { readonly topics: SimulatedTopics; readonly histories: readonly ArchivedHistory[] },
): ComparableHistory | undefined {
  const [only, ...others] = [...topics.everById.values()].filter(({ name }) => name === topic)
  const log = only?.logs[partition]
  // Compaction may take the end of a log before it is read: the archive ends before it then, and nothing is missing.
  if (!only || !log || others.length > 0 || only.isCompacted) return undefined
  const forms = [...log.ever.values()].flat()
  if (forms.some(({ truncatedMs }) => truncatedMs !== null)) return undefined
  const own = histories.filter((entry) => entry.topic === topic && entry.partition === partition)
  return own.length === 1 ? { history: own[0]!, log } : undefined
}
