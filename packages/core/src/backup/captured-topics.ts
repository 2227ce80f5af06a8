import type {
  CapturedSetting,
  CapturedSource,
  CapturedTopic,
  TopicsDocument,
} from '../format/topics-document.ts'
import type { ClusterSurvey, TopicDescription, TopicSettings } from '../kafka/cluster.ts'

/** What one look at the cluster came to. */
export interface TopicsLook {
  readonly survey: ClusterSurvey
  /** By topic; of one that is not in it nothing was told. */
  readonly settings: ReadonlyMap<string, TopicSettings>
  /** Why no settings at all could be read; null: some could, or none were wanted. */
  readonly failure: string | null
}

const NO_TOPIC = 'UNKNOWN_TOPIC_OR_PARTITION'
const DENIED = 'TOPIC_AUTHORIZATION_FAILED'

/**
 * The topics as they are now. What could not be read, and topics that nobody asked for, stay as the document before has them: a restore
 * goes by the newest document alone. Pure.
 */
export function capturedTopics(look: TopicsLook, before: TopicsDocument | undefined): CapturedTopic[] {
  const { survey } = look
  const known = new Map(before?.topics.map((topic) => [topic.name, ofEarlier(topic, before)]))
  const topics = new Map(known)
  for (const topic of survey.topics) topics.set(topic.name, captured(topic, look, known.get(topic.name)))
  for (const [name, reason] of survey.absent) {
    const earlier = known.get(name)
    if (earlier) topics.set(name, { ...earlier, unread: reason === 'denied' ? DENIED : NO_TOPIC })
  }
  return [...topics.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

function ofEarlier(topic: CapturedTopic, { readAtMs }: TopicsDocument): CapturedTopic {
  return { ...topic, unread: null, readAtMs: topic.readAtMs ?? readAtMs }
}

function captured(
  { name, topicId, partitions, replicationFactor }: TopicDescription,
  { settings, failure }: TopicsLook,
  earlier: CapturedTopic | undefined,
): CapturedTopic {
  const told = settings.get(name) ?? { settings: null, unread: failure ?? NO_TOPIC }
  const shape = { name, topicId, partitions: partitions.length, replicationFactor }
  if (told.settings)
    return { ...shape, settings: told.settings.flatMap(asCaptured), unread: null, readAtMs: null }
  // Another topic of the same name had settings of its own.
  const isSame = earlier !== undefined && earlier.topicId === topicId
  return {
    ...shape,
    settings: isSame ? earlier.settings : null,
    unread: told.unread,
    readAtMs: isSame && earlier.settings ? earlier.readAtMs : null,
  }
}

function asCaptured({
  name,
  value,
  source,
}: NonNullable<TopicSettings['settings']>[number]): CapturedSetting[] {
  return source === 'default' ? [] : [{ name, value, source: source satisfies CapturedSource }]
}
