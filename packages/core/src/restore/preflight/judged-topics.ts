import type { TopicRestorePlan } from '../restore-plan.ts'
import type { CreatedTopic } from './created-topics.ts'
import type { TargetFacts } from './existing-topics.ts'

/** A topic of the target with the settings that it has, or would have. */
export interface JudgedTopic {
  readonly topic: TopicRestorePlan
  readonly values: ReadonlyMap<string, string>
  readonly overrides: ReadonlyMap<string, string>
  /** The restore creates it: no retention is held, and the remedy is another. */
  readonly isCreated: boolean
}

const NONE: ReadonlyMap<string, string> = new Map()

/** Those that exist, and those that would be created. */
export function judgedTopics(
  present: readonly TopicRestorePlan[],
  created: readonly CreatedTopic[],
  { values, overrides }: Pick<TargetFacts, 'values' | 'overrides'>,
): JudgedTopic[] {
  const standing = present.map((topic) => ({
    topic,
    values: values.get(topic.targetTopic) ?? NONE,
    overrides: overrides.get(topic.targetTopic) ?? NONE,
    isCreated: false,
  }))
  const planned = created.map(({ topic, settings }) => ({
    topic,
    values: settings,
    overrides: NONE,
    isCreated: true,
  }))
  return [...standing, ...planned]
}
