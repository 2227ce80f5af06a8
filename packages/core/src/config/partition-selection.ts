import { KafkaBackupError } from '../errors/kafka-backup-error.ts'

/** Partitions from `first` to `last`. */
export interface PartitionRange {
  readonly first: number
  readonly last: number
}

/** Which partitions of the chosen topics are meant. */
export interface PartitionSelection {
  /** Of every topic that `ofTopic` does not have; all partitions when there are none. */
  readonly ofOtherTopics: readonly PartitionRange[]
  /** Under exact names. */
  readonly ofTopic: ReadonlyMap<string, readonly PartitionRange[]>
}

const ITEM = /^(?:([^:]+):)?([0-9]{1,10})(?:-([0-9]{1,10}))?$/
// Kafka numbers partitions with signed 32 bits.
const PARTITION_MAX = 2 ** 31 - 1

export function isPartitionChosen(selection: PartitionSelection, topic: string, partition: number): boolean {
  const ranges = selection.ofTopic.get(topic) ?? selection.ofOtherTopics
  return ranges.length === 0 || ranges.some(({ first, last }) => first <= partition && partition <= last)
}

/**
 * Of items such as `0`, `0-3`, `orders:1` and `orders:0-3`.
 * @throws KB_CONFIG_INVALID
 */
export function partitionSelection(items: readonly string[]): PartitionSelection {
  const ofOtherTopics: PartitionRange[] = []
  const ofTopic = new Map<string, PartitionRange[]>()
  for (const item of items) {
    const read = readPartitions(item)
    if (!read) throw new KafkaBackupError('KB_CONFIG_INVALID', `"${item}" is no choice of partitions`)
    const { topic, range } = read
    if (topic === undefined) ofOtherTopics.push(range)
    else ofTopic.set(topic, [...(ofTopic.get(topic) ?? []), range])
  }
  return Object.freeze({ ofOtherTopics, ofTopic })
}

/**
 * Every item must choose a partition that there is: of its topic, or of one that has no items of its own.
 * @throws KB_USAGE for the first one that chooses none, with the partitions there are
 */
export function assertChoosing(
  items: readonly string[],
  partitions: ReadonlyMap<string, readonly number[]>,
): void {
  const { ofTopic } = partitionSelection(items)
  for (const item of items) {
    const read = readPartitions(item)
    if (!read) continue
    const { topic, range } = read
    const meant = [...partitions].filter(([name]) =>
      topic === undefined ? !ofTopic.has(name) : name === topic,
    )
    const isChoosing = meant.some(([, own]) =>
      own.some((partition) => range.first <= partition && partition <= range.last),
    )
    if (isChoosing) continue
    const there = [...partitions].map(([name, own]) => `${name}: ${own.join(', ')}`).join('; ')
    throw new KafkaBackupError('KB_USAGE', `"${item}" chooses no partition of a topic that is restored`, {
      hint: `Partitions of the chosen topics: ${there}`,
    })
  }
}

/** Undefined for a text that is no item. The topic, if there is one, is not checked. */
export function readPartitions(
  item: string,
): { readonly topic: string | undefined; readonly range: PartitionRange } | undefined {
  const [, topic, begin, end = begin] = ITEM.exec(item) ?? []
  const first = Number(begin)
  const last = Number(end)
  return first <= last && last <= PARTITION_MAX ? { topic, range: { first, last } } : undefined
}
