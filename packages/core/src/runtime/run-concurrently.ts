import { settleAll } from './settle-all.ts'

/** Runs `step` for each item, at most `limit` at a time. After a failure none is begun; all have ended when this throws. */
export async function runConcurrently<T>(
  items: readonly T[],
  limit: number,
  step: (item: T, at: number) => Promise<void>,
): Promise<void> {
  let next = 0
  let hasFailed = false
  const work = async () => {
    while (next < items.length && !hasFailed) {
      const at = next++
      try {
        await step(items[at] as T, at)
      } catch (error) {
        hasFailed = true
        throw error
      }
    }
  }
  await settleAll(Array.from({ length: Math.min(limit, items.length) }, work))
}
