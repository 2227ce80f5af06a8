import type { JsonValue } from '../../format/canonical-json.ts'
import type { LedgerState } from '../../repository/restore-ledger.ts'
import { type RestoreRequest, requestDocument } from '../restore-request.ts'

type Fields = Readonly<Record<string, JsonValue>>

/** How a user writes each part of a request. */
const NAMES: Readonly<Record<string, string>> = {
  include_topics: '--topics',
  exclude_topics: '--exclude-topics',
  as_of_commit: '--as-of-commit',
  from: '--from',
  to: '--to',
  offset_ranges: '--offsets',
  partitions: '--partitions',
  topic_mapping: '--topic-mapping',
  partition_mapping: '--partition-mapping',
  allow_many_to_one: '--allow-many-to-one',
  repartitioning: '--repartition',
  keep_offsets: '--keep-offsets',
  without_topic_configs: '--restore-topic-configs false',
}

/** The newest of the restores that were not finished, into this cluster, that has begun to fill the topic. */
export function unfinishedOf(
  ledgers: readonly LedgerState[],
  clusterId: string,
  topic: string,
): LedgerState | undefined {
  return ledgers.findLast(
    ({ opened, begun, finished, isAbandoned }) =>
      opened.clusterId === clusterId &&
      finished === null &&
      !isAbandoned &&
      begun?.topics.some(({ name }) => name === topic),
  )
}

/** What two requests differ in, each as `--partitions (then: not given; now: 0)`. */
export function differingChoices(before: JsonValue, now: RestoreRequest): string[] {
  const then = fieldsOf(before)
  const wanted = fieldsOf(requestDocument(now))
  return Object.keys({ ...then, ...wanted }).flatMap((key) => {
    const [old, own] = [written(then[key]), written(wanted[key])]
    return old === own ? [] : [`${NAMES[key] ?? `restore.${key}`} (then: ${old}; now: ${own})`]
  })
}

function fieldsOf(document: JsonValue): Fields {
  return document !== null && typeof document === 'object' && !Array.isArray(document)
    ? (document as Fields)
    : {}
}

/** As it would stand on a command line; pairs as `name=value`. */
function written(value: JsonValue | undefined): string {
  const text = value === null || value === undefined || value === false ? '' : itemText(value)
  return text === '' ? 'not given' : text
}

function itemText(value: JsonValue): string {
  if (Array.isArray(value))
    return value
      .map((item) => (Array.isArray(item) ? item.map(itemText).join('=') : itemText(item)))
      .join(',')
  if (value === null || typeof value !== 'object') return String(value)
  return Object.entries(value as Fields)
    .map(([key, item]) =>
      item !== null && typeof item === 'object' ? `${key}: ${itemText(item)}` : `${key}=${itemText(item)}`,
    )
    .join(',')
}
