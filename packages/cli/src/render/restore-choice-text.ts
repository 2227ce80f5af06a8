import type { PreparedRestore, RestorePlan } from '@kafka-backup/core'
import { formatTime } from './units.ts'

const NAMED_MAX = 8

/** What was chosen, and what becomes of it, beside the topics: one line for each choice that was made. */
export function choiceLines({ plan, request }: Pick<PreparedRestore, 'plan' | 'request'>): string[] {
  return [
    ...(request.partitions.length > 0 ? [partitionLine(plan)] : []),
    ...(request.offsetRanges.length > 0
      ? [`offsets ${request.offsetRanges.join(', ')} of the source, inclusive`]
      : []),
    ...windowLines(plan),
    ...mappingLines(plan),
    ...spreadLines(plan),
    ...headerLines(plan),
  ]
}

/** `partitions orders/0-3, payments/1 of the source` */
function partitionLine({ partitions }: RestorePlan): string {
  const topics = Map.groupBy(partitions, ({ sourceTopic }) => sourceTopic)
  const named = [...topics].map(
    ([topic, own]) => `${topic}/${rangesText(own.map(({ partition }) => partition))}`,
  )
  return `partitions ${shown(named)} of the source`
}

/** `partitions orders/0 → orders-copy/4, …` */
function mappingLines({ partitions }: RestorePlan): string[] {
  const moved = partitions.filter(
    ({ partition, targetPartition }) => targetPartition !== null && targetPartition !== partition,
  )
  if (moved.length === 0) return []
  const named = moved.map(
    ({ sourceTopic, partition, targetTopic, targetPartition }) =>
      `${sourceTopic}/${partition} → ${targetTopic}/${targetPartition}`,
  )
  return [`partitions ${shown(named)}`]
}

function spreadLines({ works, topics }: RestorePlan): string[] {
  const spread = new Set(
    works
      .filter(({ routing }) => routing === 'murmur2')
      .flatMap(({ targets }) => targets.map(({ topic }) => topic)),
  )
  return topics
    .filter(({ targetTopic }) => spread.has(targetTopic))
    .map(
      ({ targetTopic, partitionCount }) =>
        `records of ${targetTopic} are spread by key over ${partitionCount} partitions, as Kafka's Java producer does`,
    )
}

function windowLines(plan: RestorePlan): string[] {
  const { window } = plan
  if (!window) return []
  const from = window.fromMs === null ? 'the beginning' : formatTime(window.fromMs)
  const to = window.toMs === null ? 'the end' : formatTime(window.toMs)
  const line = `records from ${from} to ${to}, by record timestamp, inclusive`
  return [line, ...emptyWindowLines(plan, plan.records)]
}

/** That a window has no record is said, and where the records are. */
export function emptyWindowLines({ window, times }: RestorePlan, records: number): string[] {
  if (window === null || records > 0) return []
  if (times.lastMs < 0n) return ['no record is in this window: the chosen topics hold none with a timestamp']
  const from = times.firstMs !== null && times.firstMs >= 0n ? `from ${formatTime(times.firstMs)} ` : ''
  return [
    `no record is in this window: those of the chosen topics are ${from}${from ? 'to' : 'up to'} ${formatTime(times.lastMs)}`,
  ]
}

function headerLines({ headers }: RestorePlan): string[] {
  return [
    ...(headers.isStripping ? ['headers x-original-* and x-source-* are taken away'] : []),
    ...(headers.isAdding
      ? ['headers x-original-offset, x-original-timestamp and x-source-partition are added']
      : []),
  ]
}

/** `0-3,7` */
function rangesText(numbers: readonly number[]): string {
  const ranges: { first: number; last: number }[] = []
  for (const number of numbers.toSorted((a, b) => a - b)) {
    const open = ranges.at(-1)
    if (open && number <= open.last + 1) open.last = number
    else ranges.push({ first: number, last: number })
  }
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(',')
}

function shown(items: readonly string[]): string {
  const hidden = items.length - NAMED_MAX
  const first = items.slice(0, NAMED_MAX).join(', ')
  return hidden > 0 ? `${first} and ${hidden} more` : first
}
