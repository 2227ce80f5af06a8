import { ResponseBuffers } from '../kafka/response-buffers.ts'
import { OpenTasks } from '../runtime/open-tasks.ts'
import { askedUntilAborted } from './asked-until-aborted.ts'
import { BrokerFollower } from './broker-follower.ts'
import { ClusterWaits } from './cluster-waits.ts'
import type { PartitionWriter } from './partition-writer.ts'
import { ReadingWatch } from './reading-watch.ts'
import type { ReadingOptions, SharedReading } from './shared-reading.ts'
import { TransactionWait } from './transaction-wait.ts'

// A response is a little larger than the batches in it.
const RESPONSE_OVERHEAD_BYTES = 256 * 1024
// One is being received, one is being taken in, one is being written.
const BUFFERS_PER_CONNECTION = 3

/**
 * Reads all partitions to their targets, wherever their leaders are and go: each group of partitions follows its broker,
 * splits when the leaders part, and waits while there is none. What cannot be read is given up by its writer, and the
 * others go on. Resolves early, without error, when the signal is aborted; in every case nothing is still being read when it settles.
 * @throws KB_CLUSTER_UNREACHABLE after two minutes without progress of a group, and what writers and brokers throw
 */
export async function readPartitions(
  options: ReadingOptions,
  writers: readonly PartitionWriter[],
): Promise<void> {
  const lanes = options.connectionsPerBroker
  const failure = new AbortController()
  const tasks = new OpenTasks((error) => failure.abort(error))
  const laneOf = new Map(
    writers.map((writer, at) => [`${writer.plan.topic}/${writer.plan.partition}`, at % lanes]),
  )
  const signal = AbortSignal.any([options.signal, failure.signal])
  const shared: SharedReading = {
    ...options,
    cluster: askedUntilAborted(options.cluster, signal),
    signal,
    waits: options.waits ?? new ClusterWaits(options.observe),
    buffers: new ResponseBuffers(
      options.fetchMaxBytes + RESPONSE_OVERHEAD_BYTES,
      BUFFERS_PER_CONNECTION * lanes,
    ),
    laneOf: ({ plan }) => laneOf.get(`${plan.topic}/${plan.partition}`) ?? 0,
    watch: new ReadingWatch(options),
    transactions: new TransactionWait(options.transactionWaitMs),
    troubles: new Map(),
    replicas: new Map(),
    begin: (task) => tasks.begin(task),
    follow: (group) => tasks.begin(() => new BrokerFollower(shared).run(group)),
  }
  shared.follow(nearestToDeletionFirst(writers))
  await tasks.ended
}

/** Kafka deletes at the beginning of a log, so who stands closest to it has the least time. */
function nearestToDeletionFirst(writers: readonly PartitionWriter[]): PartitionWriter[] {
  return writers.toSorted((a, b) => {
    const difference = a.plan.marginOffsets - b.plan.marginOffsets
    return difference < 0n ? -1 : Number(difference > 0n)
  })
}
