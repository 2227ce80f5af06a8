import type { OffsetRange } from '../restore/restore-request.ts'

const ITEM = /^([A-Za-z0-9._-]{1,249})\/([0-9]{1,10}):([0-9]{0,18})-([0-9]{0,18})$/

/** Says what an item must be, or nothing. */
export function offsetRangeRule(text: string): string | undefined {
  return readOffsetRange(text)
    ? undefined
    : 'must be offsets of a partition, such as orders/3:100-200, orders/3:100- or orders/3:-200'
}

/** `orders/3:100-200`: both offsets are inclusive, and either may be left out. */
export function readOffsetRange(text: string): OffsetRange | undefined {
  const [, topic, partition, first = '', last = ''] = ITEM.exec(text) ?? []
  if (topic === undefined || (first === '' && last === '')) return
  const firstOffset = first === '' ? null : BigInt(first)
  const lastOffset = last === '' ? null : BigInt(last)
  if (firstOffset !== null && lastOffset !== null && firstOffset > lastOffset) return
  return { topic, partition: Number(partition), firstOffset, lastOffset }
}
