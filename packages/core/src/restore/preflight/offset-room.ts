import { KafkaBackupError } from '../../errors/kafka-backup-error.ts'
import { type Cluster, partitionName, type TopicDescription } from '../../kafka/cluster.ts'
import type { GapMethod } from '../gap-writer.ts'
import { deletesRecords, type StartMethod, startMethods } from '../offset-start.ts'
import type { PartitionRestorePlan, RestorePlan, TopicRestorePlan } from '../restore-plan.ts'
import { type Refusal, unsuitable } from './refusal.ts'
import type { TargetOffsets } from './target-content.ts'

/** How the offsets that no record has are taken, and how many there are. */
export interface OffsetRoom {
  readonly method: GapMethod
  readonly gapMax: number
  /** Below the first record; deleted again. */
  readonly fillerOffsets: bigint
  /** At most so many markers, one offset each. */
  readonly gapOffsets: bigint
  readonly estimatedMs: number
}

/** What is asked of the cluster, and what it is measured by. */
export interface OffsetRoomOptions {
  readonly gapMax: number
  readonly fillerMax: number
  readonly mayUseTransactions: () => Promise<boolean>
  /** The target holds what this restore wrote before. */
  readonly isOwn: boolean
}

/** What the target is like. */
export interface OffsetTarget {
  readonly topics: readonly TopicDescription[]
  /** Of topics that will be created. */
  readonly newSettings: ReadonlyMap<string, ReadonlyMap<string, string>>
  readonly offsets: TargetOffsets
}

/** Measured, offsets a second; docs/decisions/0009-keep-offsets.md. */
const SPEED = { filler: 3_000_000, markers: 5_000, transactions: 20 } as const
const SETTING = 'restore.keep_offsets_max_gap'
const FILLER_SETTING = 'restore.keep_offsets_max_filler'
/** Of full batches as they are sent: what the brokers write for each replica. */
const FILLER_BYTES_OF_MILLION = 770_248n

/** @throws KB_USAGE when records of others are to stay, among which no record could keep its offset */
export function assertMayKeepOffsets(existingTopics: string): void {
  if (existingTopics !== 'append') return
  throw new KafkaBackupError(
    'KB_USAGE',
    'records keep their offsets only in topics that hold nothing else: restore.existing_topics cannot be append',
  )
}

/** Kept offsets are of little use where partitions have other numbers: groups have committed them for those of the source. */
export function movedWarnings({ partitions }: Pick<RestorePlan, 'partitions'>): string[] {
  const moved = partitions.find((entry) => entry.targetPartition !== entry.partition)
  if (!moved) return []
  const from = `${moved.sourceTopic}/${moved.partition}`
  return [
    `partitions get other numbers (${from} becomes ${nameOf(moved)}): offsets that groups committed fit them only when they are moved to the same partitions`,
  ]
}

/** Every reason why records could not keep their offsets, and how they do; room is null when there is no way to fill holes. */
export async function judgeOffsetRoom(
  cluster: Cluster,
  plan: RestorePlan,
  target: OffsetTarget,
  options: OffsetRoomOptions,
): Promise<{ readonly refusals: Refusal[]; readonly room: OffsetRoom | null }> {
  const starts = await startsOf(cluster, plan, target)
  const needs = plan.partitions.map((entry) => needOf(entry, target.offsets, starts.get(entry.targetTopic)))
  const gapOffsets = needs.reduce((sum, { markers }) => sum + markers, 0n)
  const fillerOffsets = needs.reduce((sum, { filler }) => sum + filler, 0n)
  const refusals = options.isOwn ? [] : needs.flatMap((need) => refuseEnd(plan, need))
  refusals.push(...plan.topics.flatMap((topic) => refuseCount(topic, target.topics)))
  if (gapOffsets > BigInt(options.gapMax))
    refusals.push(...refuseGaps(plan, needs, { gapOffsets, starts, gapMax: options.gapMax }))
  if (fillerOffsets > BigInt(options.fillerMax))
    refusals.push(...refuseFiller(plan, needs, { fillerOffsets, fillerMax: options.fillerMax }))
  const method = await methodOf(cluster, options)
  if (method === null && gapOffsets > 0n) refusals.push(...plan.topics.slice(0, 1).map(refuseMethods))
  const estimate = (offsets: bigint, speed: number): number => (Number(offsets) / speed) * 1000
  const gapSpeed = SPEED[method ?? 'markers']
  return {
    refusals,
    room: {
      method: method ?? 'markers',
      gapMax: options.gapMax,
      fillerOffsets,
      gapOffsets,
      estimatedMs: estimate(fillerOffsets, SPEED.filler) + estimate(gapOffsets, gapSpeed),
    },
  }
}

async function startsOf(
  cluster: Cluster,
  plan: RestorePlan,
  { topics, newSettings }: OffsetTarget,
): Promise<ReadonlyMap<string, StartMethod>> {
  const present = plan.topics.filter(({ targetTopic }) => topics.some(({ name }) => name === targetTopic))
  const known =
    present.length === 0
      ? []
      : await startMethods(
          cluster,
          present.map(({ targetTopic }) => targetTopic),
        )
  const created = [...newSettings].map(([name, settings]): [string, StartMethod] => {
    return [name, deletesRecords(settings.get('cleanup.policy')) ? 'filler' : 'markers']
  })
  return new Map([...known, ...created])
}

interface OffsetNeed {
  readonly entry: PartitionRestorePlan
  readonly targetEnd: bigint
  readonly filler: bigint
  readonly markers: bigint
}

function needOf(
  entry: PartitionRestorePlan,
  { ends }: TargetOffsets,
  start: StartMethod | undefined,
): OffsetNeed {
  const { beginOffset, endOffset } = entry.offsets
  const targetEnd = ends.get(nameOf(entry)) ?? 0n
  const below = targetEnd < beginOffset ? beginOffset - targetEnd : 0n
  const holes = endOffset - beginOffset - BigInt(entry.leastRecords)
  return start === 'markers'
    ? { entry, targetEnd, filler: 0n, markers: holes + below }
    : { entry, targetEnd, filler: below, markers: holes }
}

function nameOf({ targetTopic, targetPartition }: PartitionRestorePlan): string {
  return partitionName({ topic: targetTopic, partition: targetPartition ?? 0 })
}

function topicOf(plan: RestorePlan, { targetTopic }: PartitionRestorePlan): TopicRestorePlan[] {
  return plan.topics.filter((topic) => topic.targetTopic === targetTopic)
}

function refuseEnd(plan: RestorePlan, { entry, targetEnd }: OffsetNeed): Refusal[] {
  const { beginOffset } = entry.offsets
  if (targetEnd <= beginOffset) return []
  return topicOf(plan, entry).map((topic) =>
    unsuitable(
      topic,
      `has given out offsets up to ${targetEnd} in partition ${entry.targetPartition}, and the first one that is restored is ${beginOffset}`,
      'Restore into a topic that does not exist yet.',
      'KB_TARGET_NOT_EMPTY',
    ),
  )
}

/** A consumer group of the source has no offsets for more partitions. Fewer are refused for every restore. */
function refuseCount(topic: TopicRestorePlan, topics: readonly TopicDescription[]): Refusal[] {
  const found = topics.find(({ name }) => name === topic.targetTopic)?.partitions.length ?? 0
  if (found <= topic.partitionCount) return []
  return [
    unsuitable(
      topic,
      `has ${found} partitions, the restore of ${topic.sourceTopics.join(' and ')} has ${topic.partitionCount}: where offsets are kept, both must be the same`,
    ),
  ]
}

function refuseGaps(
  plan: RestorePlan,
  needs: readonly OffsetNeed[],
  all: {
    readonly gapOffsets: bigint
    readonly gapMax: number
    readonly starts: ReadonlyMap<string, StartMethod>
  },
): Refusal[] {
  return plan.topics.flatMap((topic) => {
    const own = needs
      .filter(({ entry }) => entry.targetTopic === topic.targetTopic)
      .reduce((sum, { markers }) => sum + markers, 0n)
    if (own === 0n) return []
    const why =
      all.starts.get(topic.targetTopic) === 'markers'
        ? ' (its records cannot be deleted, so its start counts)'
        : ''
    return [
      unsuitable(
        topic,
        `needs up to ${own.toLocaleString('en-US')} markers for offsets without a record${why}; all topics together need ${all.gapOffsets.toLocaleString('en-US')}, more than ${SETTING}=${all.gapMax}`,
        `If that many are wanted, raise ${SETTING}; --dry-run says how long they take.`,
      ),
    ]
  })
}

function refuseFiller(
  plan: RestorePlan,
  needs: readonly OffsetNeed[],
  { fillerOffsets, fillerMax }: { readonly fillerOffsets: bigint; readonly fillerMax: number },
): Refusal[] {
  return plan.topics.flatMap((topic) => {
    const own = needs
      .filter(({ entry }) => entry.targetTopic === topic.targetTopic)
      .reduce((sum, { filler }) => sum + filler, 0n)
    if (own === 0n) return []
    const megabytes = (fillerOffsets * FILLER_BYTES_OF_MILLION) / 1_000_000_000_000n + 1n
    return [
      unsuitable(
        topic,
        `needs ${own.toLocaleString('en-US')} records of filler below its first ones; all topics together need ${fillerOffsets.toLocaleString('en-US')}, about ${megabytes.toLocaleString('en-US')} MB of each replica, more than ${FILLER_SETTING}=${fillerMax}`,
        `If that much is wanted, raise ${FILLER_SETTING}; it is deleted again while it is written, and --dry-run says how long it takes.`,
      ),
    ]
  })
}

function refuseMethods(topic: TopicRestorePlan): Refusal {
  return unsuitable(
    topic,
    'has offsets without a record, and the account may neither write transaction markers nor use transactional ids that begin with kafka-backup-restore-',
    'Grant ClusterAction on the cluster, or Write on these transactional ids.',
    'KB_CLUSTER_PERMISSION',
  )
}

async function methodOf(cluster: Cluster, options: OffsetRoomOptions): Promise<GapMethod | null> {
  if (await cluster.mayAppendMarkers()) return 'markers'
  return (await options.mayUseTransactions()) ? 'transactions' : null
}
