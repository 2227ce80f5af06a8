import type { ExistingTopics } from '../restore/preflight/target-content.ts'
import type { HeaderPlan, OffsetRange, TimeBound, TopicRenaming } from '../restore/restore-request.ts'
import type { CheckedValues } from './checked-values.ts'
import { readOffsetRange } from './offset-ranges.ts'
import { readTimeBound } from './time-bound.ts'
import { renamingComplaint, topicRenaming } from './topic-renaming.ts'

/** What is restored of a backup, and under which names and numbers. */
export interface RestoreChoices {
  readonly from: TimeBound | null
  readonly to: TimeBound | null
  readonly offsets: readonly OffsetRange[]
  readonly sourcePartitions: readonly number[] | null
  readonly renaming: TopicRenaming
  readonly partitionMapping: ReadonlyMap<number, number>
  readonly isManyToOne: boolean
  /** Number of partitions by target topic. */
  readonly repartitioning: ReadonlyMap<string, number>
  readonly headers: HeaderPlan
  readonly isKeepingOffsets: boolean
  readonly existingTopics: ExistingTopics
  readonly isHoldingRetention: boolean
  readonly mode: 'auto' | 'transactions' | 'idempotent'
  /** Settings of created topics by topic; `*`: all of them. */
  readonly configOverrides: ReadonlyMap<string, ReadonlyMap<string, string>>
  readonly isVerifying: boolean
}

type Pairs = ReadonlyMap<string, string>

/** Gathers them from the settings; what contradicts itself is reported where it was given. */
export function restoreChoices(values: CheckedValues): RestoreChoices {
  const isPurging = values.get('restore.purge_topics') === true
  const partitions = (values.get('restore.source_partitions') ?? []) as readonly string[]
  return Object.freeze({
    from: timeBound(values, 'restore.time_window_start'),
    to: timeBound(values, 'restore.time_window_end'),
    offsets: ((values.get('restore.offsets') ?? []) as readonly string[]).flatMap(
      (item) => readOffsetRange(item) ?? [],
    ),
    sourcePartitions: partitions.length === 0 ? null : partitions.flatMap(partitionNumbers),
    renaming: renaming(values),
    partitionMapping: numberPairs(values, 'restore.partition_mapping'),
    isManyToOne: values.get('restore.allow_many_to_one') === true,
    repartitioning: repartitioning(values),
    headers: {
      isAdding: values.get('restore.include_original_offset_header') === true,
      isStripping: values.get('restore.strip_offset_headers') === true,
      sourceCluster: (values.get('restore.source_cluster_id') ?? null) as string | null,
    },
    isKeepingOffsets: values.get('restore.keep_offsets') === true,
    existingTopics: isPurging ? 'purge' : (values.get('restore.existing_topics') as ExistingTopics),
    isHoldingRetention: values.get('restore.hold_retention') === true,
    mode: values.get('restore.mode') as RestoreChoices['mode'],
    configOverrides: configOverrides(values),
    isVerifying: values.get('restore.verify') === true,
  })
}

function timeBound(values: CheckedValues, path: string): TimeBound | null {
  const text = values.get(path) as string | undefined
  const read = text === undefined ? null : readTimeBound(text)
  return typeof read === 'string' ? null : read
}

/** `3` and `0-3`. */
function partitionNumbers(item: string): number[] {
  const [first, last = first] = item.split('-').map(Number)
  return Array.from({ length: (last ?? 0) - (first ?? 0) + 1 }, (_, at) => (first ?? 0) + at)
}

function renaming(values: CheckedValues): TopicRenaming {
  const entries = [...((values.get('restore.topic_mapping') ?? new Map()) as Pairs)]
  for (const [from, to] of entries) {
    const complaint = renamingComplaint(from, to)
    if (complaint !== undefined) complain(values, 'restore.topic_mapping', complaint)
  }
  return topicRenaming(entries)
}

function numberPairs(values: CheckedValues, path: string): Map<number, number> {
  const pairs = [...((values.get(path) ?? new Map()) as Pairs)]
  const isNumber = (text: string) => /^[0-9]{1,9}$/.test(text)
  if (!pairs.every((pair) => pair.every(isNumber))) complain(values, path, 'must be partitions, such as 0=3')
  return new Map(pairs.map(([from, to]) => [Number(from), Number(to)]))
}

/** `orders-copy=12`, or in a file also a section with `strategy` and `target_partitions`. */
function repartitioning(values: CheckedValues): Map<string, number> {
  const path = 'restore.repartitioning'
  const counts = new Map<string, number>()
  for (const [name, text] of (values.get(path) ?? new Map()) as Pairs) {
    const [topic = '', field = 'target_partitions'] = name.split('/')
    if (field === 'strategy') {
      if (!['murmur2', 'automatic'].includes(text))
        complain(values, path, `must have the strategy murmur2, not ${text}`)
    } else if (field === 'target_partitions' && /^[1-9][0-9]{0,5}$/.test(text))
      counts.set(topic, Number(text))
    else
      complain(
        values,
        path,
        'must be topics of the target and their numbers of partitions, such as orders-copy=12',
      )
  }
  return counts
}

/** `retention.ms=-1` for all topics, `orders/retention.ms=-1` for one. */
function configOverrides(values: CheckedValues): Map<string, Map<string, string>> {
  const overrides = new Map<string, Map<string, string>>()
  for (const [name, value] of (values.get('restore.topic_config_overrides') ?? new Map()) as Pairs) {
    const slash = name.indexOf('/')
    const topic = slash < 0 ? '*' : name.slice(0, slash)
    const own = overrides.get(topic) ?? new Map<string, string>()
    overrides.set(topic, own.set(name.slice(slash + 1), value))
  }
  return overrides
}

function complain(values: CheckedValues, path: string, message: string): void {
  const given = values.given(path)
  if (given) values.complain(given, message)
}
