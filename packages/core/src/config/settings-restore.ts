import {
  accepted,
  BOOLEAN,
  COUNT,
  choice,
  effective,
  integer,
  LIST,
  PAIRS,
  refused,
  type Setting,
  STRING,
  STRUCTURE,
} from './setting.ts'
import { circuitBreakerSettings } from './settings-backup.ts'
import { replicationFactorRule, topicNameRule } from './text-rules.ts'

const TIME_WINDOW = 'a time window arrives with a later version; a restore writes all records of a topic'
const PARTITIONS = 'records return to the partitions they came from in this version'
const GROUPS = 'consumer groups arrive with a later version; their offsets are left as they are'
const UNCHANGED = 'records are restored as they are stored, with the headers they had'
const TOPIC_CONFIGS = 'configurations of topics arrive with a later version'
const RATE = 'a limit of the speed arrives with a later version'
const PACE = 'the program decides how many partitions and records are under way'
const RESUME = 'progress is read from the target cluster'

/** The rows of `restore`. */
export const RESTORE_SETTINGS: readonly Setting[] = [
  ...targetSettings(),
  ...choiceOfRecordSettings(),
  ...consumerGroupSettings(),
  ...changeSettings(),
  ...paceSettings(),
]

function targetSettings(): readonly Setting[] {
  return [
    effective(
      'restore.topic_mapping',
      PAIRS,
      'New names for topics, such as `orders=orders-copy`: the name in the backup, then the name in the target.',
      { default: new Map(), check: topicNameRule },
    ),
    effective('restore.create_topics', BOOLEAN, 'Create topics that do not exist in the target cluster.', {
      default: true,
    }),
    effective(
      'restore.default_replication_factor',
      integer(-1, 32_767),
      'Replicas of created topics; -1 is the default of the cluster.',
      { default: -1, check: replicationFactorRule },
    ),
    effective('restore.dry_run', BOOLEAN, 'Show the plan and write nothing.', {
      default: false,
    }),
    effective(
      'restore.produce_timeout_ms',
      integer(1_000, 3_600_000),
      'How long a broker may take to replicate what it was sent.',
      { default: 30_000, unit: 'milliseconds' },
    ),
    refused(
      ['restore.produce_acks', integer(-1, 1), 'Replicas that confirm a write; -1 is all of them.'],
      'only -1 makes sure that a confirmed record stays',
      { default: -1 },
    ),
  ]
}

function choiceOfRecordSettings(): readonly Setting[] {
  return [
    effective(
      'restore.as_of_commit',
      integer(1, 1_000_000_000_000),
      'Restore the backup as it was after this commit; without it, as it is now.',
    ),
    refused(['restore.time_window_start', STRING, 'Time of the first record.'], TIME_WINDOW),
    refused(['restore.time_window_end', STRING, 'Time of the last record.'], TIME_WINDOW),
    refused(
      ['restore.source_partitions', LIST, 'Partitions to restore.'],
      'a choice of partitions arrives with a later version; a restore writes all of them',
      { default: [] },
    ),
    refused(['restore.partition_mapping', PAIRS, 'Partitions to other partitions.'], PARTITIONS),
    refused(['restore.repartitioning', STRUCTURE, 'Topics with another number of partitions.'], PARTITIONS),
  ]
}

function consumerGroupSettings(): readonly Setting[] {
  return [
    refused(['restore.consumer_group_strategy', STRING, 'How offsets of groups are found.'], GROUPS, {
      default: 'skip',
    }),
    refused(['restore.consumer_groups', LIST, 'Groups whose offsets are set.'], GROUPS, { default: [] }),
    refused(['restore.reset_consumer_offsets', BOOLEAN, 'Whether offsets of groups are set.'], GROUPS, {
      default: false,
    }),
    refused(['restore.auto_consumer_groups', BOOLEAN, 'Whether groups are found in the backup.'], GROUPS, {
      default: false,
    }),
    refused(
      ['restore.offset_report', STRING, 'File for the new offsets of old ones.'],
      'a report of offsets arrives with a later version',
    ),
  ]
}

function changeSettings(): readonly Setting[] {
  return [
    refused(['restore.include_original_offset_header', BOOLEAN, 'Whether records get headers.'], UNCHANGED, {
      default: false,
    }),
    refused(['restore.strip_offset_headers', BOOLEAN, 'Whether records lose headers.'], UNCHANGED, {
      default: false,
    }),
    accepted(
      ['restore.header_preflight', choice('auto', 'full', 'skip'), 'How headers are looked at before.'],
      'headers are not changed',
    ),
    refused(['restore.rewrite_schema_ids', BOOLEAN, 'Whether values get other schema ids.'], UNCHANGED, {
      default: false,
    }),
    refused(['restore.schema_id_mapping', PAIRS, 'Schema ids to other schema ids.'], UNCHANGED),
    refused(
      ['restore.purge_topics', BOOLEAN, 'Whether records of the target are deleted before.'],
      'a restore never deletes; remove the topic, or restore under another name',
      { default: false },
    ),
    refused(
      ['restore.restore_topic_configs', BOOLEAN, 'Whether configurations are restored.'],
      TOPIC_CONFIGS,
      {
        default: false,
      },
    ),
    refused(
      ['restore.existing_topic_config_policy', STRING, 'What is done about other configurations.'],
      TOPIC_CONFIGS,
    ),
    refused(
      ['restore.topic_config_overrides', STRUCTURE, 'Configurations of created topics.'],
      TOPIC_CONFIGS,
    ),
  ]
}

function paceSettings(): readonly Setting[] {
  return [
    accepted(['restore.max_concurrent_partitions', COUNT, 'Partitions written at a time.'], PACE),
    accepted(['restore.produce_batch_size', COUNT, 'Records in one request.'], PACE),
    refused(['restore.rate_limit_records_per_sec', COUNT, 'Most records a second.'], RATE),
    refused(['restore.rate_limit_bytes_per_sec', COUNT, 'Most bytes a second.'], RATE),
    accepted(['restore.checkpoint_state', STRING, 'File with the progress.'], RESUME),
    accepted(['restore.checkpoint_interval_secs', COUNT, 'How often progress is written.'], RESUME, {
      unit: 'seconds',
    }),
    accepted(
      ['restore.dry_run_check_segments', BOOLEAN, 'Whether a dry run looks for every segment.'],
      'a dry run shows the plan; validate looks at the segments',
      { default: false },
    ),
    ...circuitBreakerSettings('restore'),
  ]
}
