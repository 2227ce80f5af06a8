import {
  type Cluster,
  type ClusterDescription,
  partitionName,
  type TopicPartition,
} from '../../kafka/cluster.ts'
import type { LedgerState } from '../../repository/restore-ledger.ts'
import type { RestorePlan, TopicRestorePlan } from '../restore-plan.ts'
import { differingChoices, unfinishedOf } from './other-choice.ts'
import { type Refusal, unsuitable } from './refusal.ts'
import type { TargetOptions } from './target-plan.ts'

const GO_ON = 'To go on with it, run the same command with --resume.'
const ADD_OR_DELETE =
  'To add to what is there: --existing-topics append. To delete it first: --existing-topics purge.'

/** What is done with topics that hold records already. */
export type ExistingTopics = 'fail' | 'append' | 'purge'

/** What the target's partitions hold, by `topic/partition`. */
export interface TargetOffsets {
  readonly starts: ReadonlyMap<string, bigint>
  readonly ends: ReadonlyMap<string, bigint>
}

/** Deleted records leave the end of the log where it is, mostly above the first offset of the restore. */
const KEEPING_REMEDY =
  'Records keep their offsets only in topics that hold nothing else: restore into a topic that does not exist yet, or delete this one first.'

/** Restores that were not finished, by what they may have written. */
export interface UnfinishedRestores {
  /** Of the same request. */
  readonly own: LedgerState | undefined
  /** Of another request, by target topic, with what differs. */
  readonly others: ReadonlyMap<
    string,
    { readonly restoreId: string; readonly differences: readonly string[] }
  >
}

/** Every partition of the topics that exist. */
export function partitionsOf(description: ClusterDescription) {
  return description.topics.flatMap((topic) =>
    topic.partitions.map(({ partition }) => ({ topic: topic.name, partition })),
  )
}

/** Where their logs begin and end. */
export async function targetOffsets(
  cluster: Cluster,
  description: ClusterDescription,
): Promise<TargetOffsets> {
  const partitions = partitionsOf(description)
  const starts = await cluster.listOffsets('log_start', partitions)
  const ends = await cluster.listOffsets('high_watermark', partitions)
  return { starts, ends }
}

/** Topics that must be empty, and whether one of our restores filled them. */
export async function judgeContent(
  plan: RestorePlan,
  present: readonly TopicRestorePlan[],
  description: ClusterDescription,
  offsets: TargetOffsets,
  options: Pick<TargetOptions, 'earlierRestores' | 'unfinished' | 'request'>,
): Promise<Refusal[]> {
  const partitions = partitionsOf(description)
  const filled = filledTopics(present, partitions, offsets)
  // They only make the refusal clearer; a damaged one must not hide it.
  const ledgers = filled.length === 0 ? [] : await options.earlierRestores().catch(() => [])
  const others = filled.flatMap((name) => {
    const found = unfinishedOf(ledgers, description.clusterId, name)
    if (!found || found.restoreId === options.unfinished?.restoreId) return []
    const differences = differingChoices(found.opened.request, options.request)
    // Of the same request, it is one whose topic was deleted since.
    if (differences.length === 0) return []
    return [[name, { restoreId: found.restoreId, differences }] as const]
  })
  const unfinished = { own: options.unfinished, others: new Map(others) }
  return refuseContent(present, partitions, offsets, unfinished, plan.isKeepingOffsets)
}

/** Topics that must be empty and are not. What a restore wrote that was not finished is told apart. */
function refuseContent(
  present: readonly TopicRestorePlan[],
  partitions: readonly TopicPartition[],
  offsets: TargetOffsets,
  { own, others }: UnfinishedRestores,
  isKeepingOffsets: boolean,
): Refusal[] {
  return present.flatMap((topic): Refusal[] => {
    const held = partitions
      .filter((entry) => entry.topic === topic.targetTopic)
      .reduce((sum, entry) => sum + heldOffsets(entry, offsets), 0n)
    if (held === 0n) return []
    const count = `${held.toLocaleString('en-US')} offset${held === 1n ? '' : 's'}`
    const isOwn = own?.begun?.topics.some(({ name }) => name === topic.targetTopic) ?? false
    const other = others.get(topic.targetTopic)
    const holds = `is not empty: it holds ${count}`
    if (isOwn)
      return [notEmpty(topic, `${holds} of restore ${own?.restoreId}, which was not finished`, GO_ON)]
    if (!other) return [notEmpty(topic, holds, isKeepingOffsets ? KEEPING_REMEDY : ADD_OR_DELETE)]
    const { restoreId, differences } = other
    const message = `${holds}, and restore ${restoreId}, which was not finished, was writing to it. That restore was begun with another choice: ${differences.join(', ')}`
    return [
      notEmpty(
        topic,
        message,
        `To go on with restore ${restoreId}, give the choice that it was begun with, and --resume.`,
      ),
    ]
  })
}

/** Brokers delete no records of topics that are only compacted (tried on 4.2.1: POLICY_VIOLATION). */
export function refusePurges(
  present: readonly TopicRestorePlan[],
  filled: readonly string[],
  settings: ReadonlyMap<string, ReadonlyMap<string, string>>,
): Refusal[] {
  return present
    .filter(({ targetTopic }) => filled.includes(targetTopic))
    .filter(
      ({ targetTopic }) => !(settings.get(targetTopic)?.get('cleanup.policy') ?? 'delete').includes('delete'),
    )
    .map((topic) =>
      unsuitable(
        topic,
        'has cleanup.policy=compact, so its records cannot be purged',
        'Add delete to its cleanup.policy, delete the topic, or restore under another name.',
      ),
    )
}

/** Names of topics that hold something. */
export function filledTopics(
  present: readonly TopicRestorePlan[],
  partitions: readonly TopicPartition[],
  offsets: TargetOffsets,
): string[] {
  const filled = partitions.filter((entry) => heldOffsets(entry, offsets) > 0n).map(({ topic }) => topic)
  return present.map(({ targetTopic }) => targetTopic).filter((name) => filled.includes(name))
}

function notEmpty(topic: TopicRestorePlan, message: string, remedy: string): Refusal {
  return unsuitable(topic, message, remedy, 'KB_TARGET_NOT_EMPTY')
}

/** What a purge deletes: everything that is there now, and nothing that comes later. */
export function purgeBounds(
  partitions: readonly TopicPartition[],
  offsets: TargetOffsets,
): Map<string, bigint> {
  const bounds = partitions
    .filter((entry) => heldOffsets(entry, offsets) > 0n)
    .map((entry) => [partitionName(entry), offsets.ends.get(partitionName(entry)) ?? 0n] as const)
  return new Map(bounds)
}

/**
 * What a purge deleted before the first record and what is there again: brokers that are killed forget the deletions of about the last
 * minute. Nothing of the restore lies below its begin.
 */
export function purgeBoundsOf(
  { begun }: Pick<LedgerState, 'begun'>,
  { starts, ends }: TargetOffsets,
): Map<string, bigint> {
  const back = (begun?.partitions ?? []).filter((own) => {
    const name = partitionName(own)
    // A log that ends before is not the one that was begun with.
    return (starts.get(name) ?? 0n) < own.beginOffset && own.beginOffset <= (ends.get(name) ?? 0n)
  })
  return new Map(back.map((own) => [partitionName(own), own.beginOffset]))
}

/** Whoever goes on without asking for a purge deletes nothing, and must not leave old records before the restored ones. */
export function refuseBroughtBack(
  present: readonly TopicRestorePlan[],
  back: ReadonlyMap<string, bigint>,
  { existingTopics }: Pick<TargetOptions, 'existingTopics'>,
): Refusal[] {
  if (existingTopics === 'purge') return []
  const places = [...back]
  return present.flatMap((topic) => {
    const own = places.filter(([place]) => place.slice(0, place.lastIndexOf('/')) === topic.targetTopic)
    if (own.length === 0) return []
    const bounds = own.map(([place, offset]) => `${place} below offset ${offset}`).join(', ')
    const message = `holds records again that were deleted before this restore began (${bounds}): a broker that is killed forgets the deletions of about the last minute`
    return [notEmpty(topic, message, 'To delete them again: --existing-topics purge.')]
  })
}

/** How many offsets a partition has from its begin to its end. */
export function heldOffsets(entry: TopicPartition, { starts, ends }: TargetOffsets): bigint {
  const name = partitionName(entry)
  return (ends.get(name) ?? 0n) - (starts.get(name) ?? 0n)
}
