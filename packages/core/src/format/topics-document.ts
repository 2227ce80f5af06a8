import { z } from 'zod'
import type { SettingSource } from '../kafka/cluster.ts'
import {
  type ArtifactHeading,
  headingFields,
  headingOf,
  openArtifact,
  sealArtifact,
} from './artifact-document.ts'
import { canonicalJson } from './canonical-json.ts'
import { listOf } from './checked-list.ts'
import { count, decimalString, topicId, topicName } from './document-fields.ts'

/** The kind of artifact whose document this is. */
export const TOPICS_KIND = 'topics'

/** Settings that say something of one cluster; defaults of Kafka itself are left out. */
export type CapturedSource = Exclude<SettingSource, 'default'>

/** A setting of a topic and its effective value; null: the broker keeps it secret. */
export interface CapturedSetting {
  readonly name: string
  readonly value: string | null
  readonly source: CapturedSource
}

/** A topic as its cluster had it. */
export interface CapturedTopic {
  readonly name: string
  /** Kafka's 22-character form; null on brokers without ids. */
  readonly topicId: string | null
  readonly partitions: number
  readonly replicationFactor: number
  /** Ascending by name; null: they could never be read. */
  readonly settings: readonly CapturedSetting[] | null
  /** Why they could not be read this time, by Kafka's name of the error; null: they were, or nobody asked. */
  readonly unread: string | null
  /** When an earlier run asked, of which this entry still is; milliseconds. null: `readAtMs` of the document. */
  readonly readAtMs: bigint | null
}

/** Partitions, replicas and settings of topics; see docs/format/artifacts.md. */
export interface TopicsDocument extends ArtifactHeading {
  /** Ascending by name. */
  readonly topics: readonly CapturedTopic[]
}

const FORMAT = 'kafka-backup-topics'

const setting = z.object({
  name: z.string().min(1),
  value: z.string().nullable(),
  source: z.enum(['topic', 'broker', 'cluster', 'static']),
})

const schema = z.object({
  format: z.literal(FORMAT),
  ...headingFields,
  topics: listOf(
    z.object({
      name: topicName,
      topic_id: topicId,
      partitions: count,
      replication_factor: count,
      settings: listOf(setting).nullable(),
      unread: z.string().min(1).optional(),
      read_at: decimalString.optional(),
    }),
  ),
})

export function encodeTopics(document: TopicsDocument): Buffer {
  return sealArtifact(FORMAT, document, {
    topics: document.topics.map((topic) => ({
      ...contentOf(topic),
      read_at: topic.readAtMs === null ? undefined : topic.readAtMs.toString(),
    })),
  })
}

function contentOf(topic: CapturedTopic) {
  return {
    name: topic.name,
    topic_id: topic.topicId,
    partitions: topic.partitions,
    replication_factor: topic.replicationFactor,
    settings: topic.settings?.map(({ name, value, source }) => ({ name, value, source })) ?? null,
    unread: topic.unread ?? undefined,
  }
}

/** @throws KB_VALIDATION_FAILED with the reason, KB_FORMAT_UNSUPPORTED for a newer version or an unknown feature */
export function decodeTopics(bytes: Uint8Array): TopicsDocument {
  return openArtifact(bytes, { format: FORMAT, what: 'topics' }, (parsed) => {
    const fields = schema.parse(parsed)
    assertAscending(fields.topics, 'topics')
    for (const { settings } of fields.topics) assertAscending(settings ?? [], 'settings')
    return {
      ...headingOf(fields),
      topics: fields.topics.map((topic) => ({
        name: topic.name,
        topicId: topic.topic_id,
        partitions: topic.partitions,
        replicationFactor: topic.replication_factor,
        settings: topic.settings,
        unread: topic.unread ?? null,
        readAtMs: topic.read_at ?? null,
      })),
    }
  })
}

/** Whether two documents say the same of the cluster, whenever it was asked. */
export function saysTheSame(a: TopicsDocument, b: TopicsDocument): boolean {
  const textOf = ({ clusterId, topics }: TopicsDocument): string =>
    canonicalJson({ cluster_id: clusterId, topics: topics.map(contentOf) })
  return textOf(a) === textOf(b)
}

/** @throws Error (plain) */
function assertAscending(entries: readonly { readonly name: string }[], what: string): void {
  entries.forEach(({ name }, at) => {
    const before = entries[at - 1]
    if (before && before.name >= name) throw new Error(`${what}: "${name}" is not behind "${before.name}"`)
  })
}
