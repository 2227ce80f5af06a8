import { type Cluster, partitionName, type TopicPartition } from '../kafka/cluster.ts'
import type { Clock } from '../runtime/clock.ts'
import { type RetryPolicy, retry } from '../runtime/retry.ts'

/** What a reader of committed records can get of a partition. Ends are exclusive. */
export interface ReadableLog {
  readonly logStart: bigint
  readonly lastStable: bigint
  readonly highWatermark: bigint
}

/** A partition that is to be read up to an offset. */
export interface WantedLog extends TopicPartition {
  readonly endOffset: bigint
}

const RETRY: RetryPolicy = { firstDelayMs: 100, maxDelayMs: 1_000, giveUpAfterMs: 60_000 }
const ASK_EVERY_MS = 500
/** Markers of transactions and new leaders take a moment; what stands still this long is what there is. */
const SETTLED_MS = 5_000
const GIVE_UP_AFTER_MS = 60_000

/**
 * What the leaders say, once every partition reaches its wanted end, or those that do not stand still. A partition that the cluster does
 * not have is not in the map. By `topic/partition`.
 */
export async function findReadableLogs(
  {
    cluster,
    clock,
    signal,
  }: { readonly cluster: Cluster; readonly clock: Clock; readonly signal: AbortSignal },
  wanted: readonly WantedLog[],
): Promise<ReadonlyMap<string, ReadableLog>> {
  const beganMs = clock.monotonicMs()
  let seen = ''
  let sinceMs = beganMs
  for (;;) {
    const logs = await retry(() => askLeaders(cluster, wanted), { policy: RETRY, clock, signal })
    const short = wanted.filter(
      (entry) => (logs.get(partitionName(entry))?.lastStable ?? -1n) < entry.endOffset,
    )
    const nowMs = clock.monotonicMs()
    const now = short.map((entry) => logs.get(partitionName(entry))?.lastStable ?? '').join(' ')
    if (now !== seen) sinceMs = nowMs
    seen = now
    const isSettled = nowMs - sinceMs >= SETTLED_MS || nowMs - beganMs >= GIVE_UP_AFTER_MS
    if (short.length === 0 || isSettled) return logs
    await clock.sleep(ASK_EVERY_MS, signal)
  }
}

async function askLeaders(
  cluster: Cluster,
  wanted: readonly WantedLog[],
): Promise<ReadonlyMap<string, ReadableLog>> {
  if (wanted.length === 0) return new Map()
  const { topics } = await cluster.survey([...new Set(wanted.map(({ topic }) => topic))])
  const known = new Set(
    topics.flatMap(({ name: topic, partitions }) =>
      partitions.map(({ partition }) => partitionName({ topic, partition })),
    ),
  )
  const present = wanted.filter((entry) => known.has(partitionName(entry)))
  if (present.length === 0) return new Map()
  const starts = await cluster.listOffsets('log_start', present)
  const stable = await cluster.listOffsets('last_stable', present)
  // After the last stable offsets: what grows meanwhile must not look like an open transaction's work.
  const ends = await cluster.listOffsets('high_watermark', present)
  return new Map(
    present.map((entry) => {
      const name = partitionName(entry)
      const of = (offsets: ReadonlyMap<string, bigint>) => offsets.get(name) ?? 0n
      return [name, { logStart: of(starts), lastStable: of(stable), highWatermark: of(ends) }]
    }),
  )
}
