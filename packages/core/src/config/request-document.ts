import { z } from 'zod'
import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { JsonValue } from '../format/canonical-json.ts'
import type { RestoreRequest } from '../restore/restore-request.ts'

const names = z.array(z.string())
const texts = z.record(z.string(), z.string())

const schema = z.strictObject({
  backup_id: z.string(),
  include_topics: names,
  exclude_topics: names,
  as_of_commit: z.string().nullable(),
  from: z.string().nullable(),
  to: z.string().nullable(),
  offset_ranges: names,
  partitions: names,
  topic_mapping: z.array(z.tuple([z.string(), z.string()])),
  partition_mapping: z.record(z.string(), z.number()),
  allow_many_to_one: z.boolean(),
  repartitioning: z.record(z.string(), z.number()),
  include_original_offset_header: z.boolean(),
  strip_offset_headers: z.boolean(),
  source_cluster_id: z.string().nullable(),
  keep_offsets: z.boolean(),
  topic_config_overrides: z.record(z.string(), texts),
  without_topic_configs: z.literal(true).optional(),
  existing_topic_config_policy: z.enum(['fail', 'apply']).optional(),
})

/** The request of a restore as its ledger has it; inverse of `requestDocument`. @throws KB_LEDGER_CORRUPT */
export function requestOfDocument(document: JsonValue): RestoreRequest {
  const result = schema.safeParse(document)
  if (!result.success) {
    throw new KafkaBackupError(
      'KB_LEDGER_CORRUPT',
      'what the restore was asked for cannot be read from its ledger',
      {
        cause: result.error,
      },
    )
  }
  const fields = result.data
  return {
    backupId: fields.backup_id,
    includeTopics: fields.include_topics,
    excludeTopics: fields.exclude_topics,
    asOfCommit: fields.as_of_commit === null ? null : BigInt(fields.as_of_commit),
    from: fields.from,
    to: fields.to,
    offsetRanges: fields.offset_ranges,
    partitions: fields.partitions,
    topicMapping: new Map(fields.topic_mapping),
    partitionMapping: new Map(
      Object.entries(fields.partition_mapping).map(([from, to]) => [Number(from), to]),
    ),
    allowManyToOne: fields.allow_many_to_one,
    repartitioning: new Map(Object.entries(fields.repartitioning)),
    includeOriginalOffsetHeader: fields.include_original_offset_header,
    stripOffsetHeaders: fields.strip_offset_headers,
    sourceClusterId: fields.source_cluster_id,
    keepOffsets: fields.keep_offsets,
    topicConfigOverrides: new Map(
      Object.entries(fields.topic_config_overrides).map(([topic, own]) => [
        topic,
        new Map(Object.entries(own)),
      ]),
    ),
    restoreTopicConfigs: fields.without_topic_configs !== true,
    existingTopicConfigPolicy: fields.existing_topic_config_policy ?? 'keep',
  }
}
