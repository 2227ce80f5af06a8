import type { Observer } from '../events/run-event.ts'
import { partitionName, type TopicPartition } from '../kafka/cluster.ts'
import { settleAll } from '../runtime/settle-all.ts'
import type { AwaitedPartitions } from './awaited-partitions.ts'
import { type DiscoveryOptions, discoverPartitions } from './discover-partitions.ts'
import { PartitionWriter, type WriterContext } from './partition-writer.ts'
import type { RunCommits } from './run-commits.ts'

/** What a run works with when it looks for more to read. */
export interface JoinOptions extends Omit<DiscoveryOptions, 'onUnattended'> {
  /** Changed in place. */
  readonly writers: PartitionWriter[]
  /** Changed in place. */
  readonly awaited: AwaitedPartitions
  readonly writerContext: WriterContext
  readonly commits: RunCommits
  readonly observe: Observer
  /** Retired ones whose partitions are about to get another writer: nobody may join in their place. */
  readonly handingOver: ReadonlySet<PartitionWriter>
  /** A partition that is new now was not there then; wall clock. */
  readonly lookedAtMs: number
}

/**
 * Lets partitions join that nobody reads: new ones, and those that had been given up and can be read again. Writers that have nothing to
 * say any more leave. True when somebody joined.
 */
export async function joinPartitions(options: JoinOptions): Promise<boolean> {
  const { writers, handingOver, awaited, state, writerContext, commits, observe } = options
  const ended = new Set(writers.filter((writer) => writer.isDone && !handingOver.has(writer)))
  if (ended.size > 0) {
    await settleAll([...ended].map((writer) => writer.checkpoint(true)))
    // Who joins goes on where the commits end.
    await commits.commit('running')
  }
  // Who has ended since then has more to say than the commits know, and is looked at the next time.
  const reading = namesOf(writers.filter((writer) => !ended.has(writer)).map(({ plan }) => plan))
  const points = new Map(
    [...ended].map(({ plan, standing }) => [partitionName(plan), standing.recoveryPointMs]),
  )
  const pointOf = (each: TopicPartition): number | null =>
    points.get(partitionName(each)) ??
    (state.partition(each.topic, each.partition) ? null : options.lookedAtMs)
  const found = await discoverPartitions(
    { ...options, onUnattended: (partitions) => awaited.see(partitions, pointOf) },
    (topic, partition) => reading.has(partitionName({ topic, partition })),
  )
  const joining = found?.partitions ?? []
  const names = namesOf(joining)
  const joined = joining.map((plan) => new PartitionWriter(writerContext, plan, awaited.release(plan)))
  const isObsolete = (writer: PartitionWriter) => writer.isRetired || names.has(partitionName(writer.plan))
  // Histories may have begun while the cluster was asked: only who had ended before can be obsolete.
  const kept = writers.filter((writer) => !ended.has(writer) || !isObsolete(writer))
  writers.splice(0, writers.length, ...kept, ...joined)
  if (found) commits.join(found)
  for (const { topic, partition, beginOffset } of joining)
    observe({ type: 'partition_joined', topic, partition, beginOffset })
  return joined.length > 0
}

function namesOf(partitions: readonly TopicPartition[]): ReadonlySet<string> {
  return new Set(partitions.map(partitionName))
}
