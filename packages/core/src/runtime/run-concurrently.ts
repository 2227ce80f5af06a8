import { settleAll } from './settle-all.ts'

/** How many steps run at a time. */
export interface ConcurrencyLimits<T> {
  readonly total: number
  /** Of items with the same group, at most so many. */
  readonly ofGroup?: { readonly max: number; readonly groupOf: (item: T) => string }
}

/**
 * Runs `step` for each item, at most so many at a time, in their order but for those whose group is busy. After a failure none is
 * begun; all have ended when this throws.
 */
export async function runConcurrently<T>(
  items: readonly T[],
  limits: number | ConcurrencyLimits<T>,
  step: (item: T, at: number) => Promise<void>,
): Promise<void> {
  const { total, ofGroup } = typeof limits === 'number' ? { total: limits } : limits
  const groupMax = ofGroup?.max ?? Number.POSITIVE_INFINITY
  const groupOf = ofGroup?.groupOf ?? (() => '')
  const waiting = items.map((item, at) => ({ item, at, group: groupOf(item) }))
  const busy = new Map<string, number>()
  let hasFailed = false
  let onEnd = Promise.withResolvers<void>()
  const work = async () => {
    while (waiting.length > 0 && !hasFailed) {
      const index = waiting.findIndex(({ group }) => (busy.get(group) ?? 0) < groupMax)
      if (index < 0) {
        await onEnd.promise
        continue
      }
      const [{ item, at, group }] = waiting.splice(index, 1) as [(typeof waiting)[number]]
      busy.set(group, (busy.get(group) ?? 0) + 1)
      try {
        await step(item, at)
      } catch (error) {
        hasFailed = true
        throw error
      } finally {
        busy.set(group, (busy.get(group) ?? 0) - 1)
        onEnd.resolve()
        onEnd = Promise.withResolvers()
      }
    }
  }
  await settleAll(Array.from({ length: Math.min(total, items.length) }, work))
}
