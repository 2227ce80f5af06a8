import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { OffsetRange } from '../restore/restore-plan.ts'

const ITEM = /^([A-Za-z0-9._-]+)\/([0-9]{1,10}):([0-9]{0,18})-([0-9]{0,18})$/
const PARTITION_MAX = 2 ** 31 - 1

/** Undefined for a text that is no range such as `orders/3:100-200`, `orders/3:100-` and `orders/3:-200`. */
export function readOffsetRange(item: string): OffsetRange | undefined {
  const [, topic, number, first, last] = ITEM.exec(item) ?? []
  const partition = Number(number)
  if (topic === undefined || partition > PARTITION_MAX || (first === '' && last === '')) return
  const firstOffset = first ? BigInt(first) : null
  const lastOffset = last ? BigInt(last) : null
  if (firstOffset !== null && lastOffset !== null && firstOffset > lastOffset) return
  return { topic, partition, firstOffset, lastOffset }
}

/** @throws KB_CONFIG_INVALID */
export function offsetRanges(items: readonly string[]): readonly OffsetRange[] {
  return items.map((item) => {
    const range = readOffsetRange(item)
    if (!range) throw new KafkaBackupError('KB_CONFIG_INVALID', `"${item}" is no range of offsets`)
    return range
  })
}
