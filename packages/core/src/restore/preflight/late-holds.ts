import type { HeldSetting } from '../../format/restore-ledger.ts'
import type { RestorePlan } from '../restore-plan.ts'
import { type Refusal, unsuitable } from './refusal.ts'
import type { TargetOptions } from './target-plan.ts'

/**
 * What a restore holds stands in the first entry of its ledger. When it is gone on with, nothing can be added: a setting that got into the
 * way since would not be put back by whoever goes on after the next crash.
 */
export function refuseLateHolds(
  { topics }: RestorePlan,
  { isResuming, unfinished }: Pick<TargetOptions, 'isResuming' | 'unfinished'>,
  held: readonly HeldSetting[],
): Refusal[] {
  if (!isResuming) return []
  const known = unfinished?.opened.heldSettings ?? []
  const late = held.filter(
    (own) => !known.some(({ topic, name }) => topic === own.topic && name === own.name),
  )
  return late.flatMap(({ topic: target, name }) => {
    const topic = topics.find(({ targetTopic }) => targetTopic === target)
    if (!topic) return []
    const message = `would delete restored records by its ${name}, and the restore was begun without holding that`
    return [unsuitable(topic, message, `Set ${name} of ${target} to -1 until the restore has finished.`)]
  })
}
