import { LIMITS } from '../runtime/limits.ts'
import { topicNameRule } from './text-rules.ts'

/** Names to settings by name. What was written without a name of its own stands under {@link FOR_ALL}. */
export type SectionMaps = ReadonlyMap<string, ReadonlyMap<string, string>>

/** No topic name. */
export const FOR_ALL = '*'

const STRATEGIES = ['murmur2', 'automatic']
const COUNT = /^[0-9]{1,6}$/
const CONFIG_NAME = /^[a-z][a-z0-9._-]*$/

/** Says what `restore.repartitioning` must be, or nothing. */
export function repartitioningComplaint(sections: SectionMaps): string | undefined {
  for (const [topic, fields] of sections) {
    for (const [name, value] of fields) {
      if (topic === FOR_ALL) {
        const complaint = topicNameRule(name) ?? countComplaint(value)
        if (complaint !== undefined) return complaint
      } else if (name === 'strategy' ? !STRATEGIES.includes(value) : name !== 'target_partitions') {
        return `must have strategy (murmur2 or automatic) and target_partitions for ${topic}`
      }
    }
    if (topic === FOR_ALL) continue
    const complaint = topicNameRule(topic) ?? countComplaint(fields.get('target_partitions') ?? '')
    if (complaint !== undefined) return complaint
  }
  return
}

function countComplaint(text: string): string | undefined {
  const count = COUNT.test(text) ? Number(text) : 0
  return count >= 1 && count <= LIMITS.targetPartitionsMax
    ? undefined
    : `must give each topic 1 to ${LIMITS.targetPartitionsMax} partitions, such as orders-copy=12`
}

/** Of sections without a complaint: target topic to number of partitions. */
export function repartitions(sections: SectionMaps): ReadonlyMap<string, number> {
  const flat = [...(sections.get(FOR_ALL) ?? [])].map(([topic, count]) => [topic, Number(count)] as const)
  const named = [...sections]
    .filter(([topic]) => topic !== FOR_ALL)
    .map(([topic, fields]) => [topic, Number(fields.get('target_partitions'))] as const)
  return new Map([...flat, ...named])
}

/** Says what `restore.topic_config_overrides` must be, or nothing. */
export function configOverridesComplaint(sections: SectionMaps): string | undefined {
  for (const [topic, settings] of sections) {
    const isTopic = topic === FOR_ALL || topicNameRule(topic) === undefined
    if (!isTopic || [...settings.keys()].some((name) => !CONFIG_NAME.test(name))) {
      return 'must be settings of topics, such as retention.ms: "-1", or such settings below a topic name'
    }
  }
  return
}
