import { requestTimeComplaint } from '../restore/request-time.ts'
import { configOverridesComplaint, repartitioningComplaint } from './section-maps.ts'
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
  SECTIONS,
  type Setting,
  STRING,
} from './setting.ts'
import { circuitBreakerSettings } from './settings-backup.ts'
import { offsetRangeRule, partitionNumberRule, partitionRule, replicationFactorRule } from './text-rules.ts'
import { topicMappingComplaint } from './topic-mapping.ts'
import { splitTopicPatterns } from './topic-pattern-list.ts'

const GROUPS = 'consumer groups arrive with a later version; their offsets are left as they are'
const UNCHANGED = 'records are restored as they are stored, with the headers they had'
const PACE = 'batches are written as they are stored'
const RESUME = 'progress is kept in the repository'

/** The rows of `restore`. */
export const RESTORE_SETTINGS: readonly Setting[] = [
  ...targetSettings(),
  ...mannerSettings(),
  ...choiceOfRecordSettings(),
  ...placeSettings(),
  ...consumerGroupSettings(),
  ...changeSettings(),
  ...paceSettings(),
]

function targetSettings(): readonly Setting[] {
  return [
    effective(
      'restore.topic_mapping',
      PAIRS,
      'New names for topics: `orders=orders-copy`, with a `*` that is carried over (`orders-*=copy-*`), or by expression (`~orders-(.*)=copy-$1`).',
      { default: new Map(), checkPair: topicMappingComplaint, split: splitTopicPatterns },
    ),
    effective('restore.create_topics', BOOLEAN, 'Create topics that do not exist in the target cluster.', {
      default: true,
    }),
    effective(
      'restore.default_replication_factor',
      integer(-1, 32_767),
      'Replicas of created topics; -1 is as many as the source had, at most one for each broker, or the default of the cluster where that was not captured.',
      { default: -1, check: replicationFactorRule },
    ),
    effective(
      'restore.existing_topics',
      choice('fail', 'append', 'purge'),
      'What is done with topics that hold records: refuse, add to them, or delete their records first.',
      { default: 'fail' },
    ),
    effective('restore.purge_topics', BOOLEAN, 'The same as `existing_topics: purge`.', { default: false }),
    effective(
      'restore.hold_retention',
      BOOLEAN,
      'Keep existing topics from deleting what is restored: their retention is off until the restore is done. A topic that is created then gets the retention of its source even if that leaves nothing of it.',
      { default: false },
    ),
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

function mannerSettings(): readonly Setting[] {
  return [
    effective('restore.dry_run', BOOLEAN, 'Show the plan and write nothing.', {
      default: false,
    }),
    effective(
      'restore.verify',
      BOOLEAN,
      'When everything is written, read it back and compare every record with the archive.',
      { default: false },
    ),
    effective(
      'restore.mode',
      choice('auto', 'transactions', 'idempotent'),
      'How records are written exactly once; auto uses transactions where the account may.',
      { default: 'auto' },
    ),
    effective(
      'restore.keep_offsets',
      BOOLEAN,
      'Every record gets the offset that it had, in topics that are new or empty; groups go on with their old offsets.',
      { default: false },
    ),
    effective(
      'restore.keep_offsets_max_gap',
      integer(0, 1_000_000_000),
      'With `keep_offsets`: most offsets without a record that are taken by transaction markers.',
      { default: 1_000_000 },
    ),
    effective(
      'restore.keep_offsets_max_filler',
      integer(0, 100_000_000_000_000),
      'With `keep_offsets`: most offsets below the first records that are taken by filler.',
      { default: 10_000_000_000 },
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
    effective(
      'restore.time_window_start',
      STRING,
      'Restore records from this time on, inclusive: `2025-06-01T12:00:00Z` (with its zone), milliseconds since 1970, `now`, or so long before now: `-2h`, `-30m`, `-7d`.',
      { flag: 'from', check: requestTimeComplaint },
    ),
    effective(
      'restore.time_window_end',
      STRING,
      'Restore records up to this time, inclusive; written in the same ways.',
      { flag: 'to', check: requestTimeComplaint },
    ),
    effective(
      'restore.offset_ranges',
      LIST,
      'Offsets of the source to restore, inclusive: `orders/3:100-200`, `orders/3:100-`, `orders/3:-200`. A partition that is not named is restored whole.',
      { default: [], flag: 'offsets', check: offsetRangeRule },
    ),
    effective(
      'restore.partitions',
      LIST,
      'Partitions of the source to restore: `0`, `0-3`, `orders:1`. A topic with items of its own has those only.',
      { default: [], check: partitionRule },
    ),
    effective(
      'restore.source_partitions',
      LIST,
      'The same as numbers for all topics; added to `restore.partitions`.',
      { default: [], check: partitionNumberRule },
    ),
  ]
}

function placeSettings(): readonly Setting[] {
  return [
    effective(
      'restore.partition_mapping',
      PAIRS,
      'Partitions to other partitions, in every topic, such as `0=4`. Excludes `restore.repartitioning`.',
      { default: new Map(), check: partitionNumberRule },
    ),
    effective(
      'restore.allow_many_to_one',
      BOOLEAN,
      'Whether two topics or two partitions may be restored into one, one after the other.',
      { default: false },
    ),
    effective(
      'restore.repartitioning',
      SECTIONS,
      'Topics of the target with another number of partitions, by key as the Java client does: `orders-copy=12`.',
      { default: new Map(), flag: 'repartition', checkSections: repartitioningComplaint },
    ),
    effective(
      'restore.topic_config_overrides',
      SECTIONS,
      'Settings of topics that are created, such as `retention.ms: "-1"`, for all or below the name of a topic of the target.',
      { default: new Map(), checkSections: configOverridesComplaint },
    ),
    effective(
      'restore.restore_topic_configs',
      BOOLEAN,
      'Give topics that are created the settings and replicas of their sources, as of the commit that is restored, and compare those of existing topics.',
      { default: true },
    ),
    effective(
      'restore.existing_topic_config_policy',
      choice('keep', 'fail', 'apply'),
      'What is done about an existing topic with other settings than its source had: list the differences, refuse, or change them when the restore is done.',
      { default: 'keep' },
    ),
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
    effective(
      'restore.include_original_offset_header',
      BOOLEAN,
      'Append `x-original-offset`, `x-original-timestamp`, `x-source-partition` and `x-source-cluster` to every record.',
      { default: false },
    ),
    effective(
      'restore.source_cluster_id',
      STRING,
      'Value of `x-source-cluster`; without it, the id of the cluster that was backed up.',
      { maxLength: 255 },
    ),
    effective(
      'restore.strip_offset_headers',
      BOOLEAN,
      'Take those four headers away from records that have them, before others are appended.',
      { default: false },
    ),
    accepted(
      ['restore.header_preflight', choice('auto', 'full', 'skip'), 'How headers are looked at before.'],
      'headers that records have stay unless restore.strip_offset_headers says otherwise',
    ),
    refused(['restore.rewrite_schema_ids', BOOLEAN, 'Whether values get other schema ids.'], UNCHANGED, {
      default: false,
    }),
    refused(['restore.schema_id_mapping', PAIRS, 'Schema ids to other schema ids.'], UNCHANGED),
  ]
}

function paceSettings(): readonly Setting[] {
  return [
    effective(
      'restore.resume',
      BOOLEAN,
      'Go on with the unfinished restore of the same request; begin it where there is none. One that has finished is reported, not repeated.',
      { default: false },
    ),
    effective(
      'restore.max_concurrent_partitions',
      integer(1, 1_000),
      'Partitions that are written at a time.',
      { default: 4 },
    ),
    effective(
      'restore.max_concurrent_partitions_per_topic',
      integer(1, 1_000),
      'Of them, partitions of one topic of the target; without it there is no other limit. A topic that is spread by key counts as one.',
    ),
    accepted(['restore.produce_batch_size', COUNT, 'Records in one request.'], PACE),
    effective(
      'restore.rate_limit_records_per_sec',
      integer(1, 1_000_000_000),
      'Most records a second; without it there is no limit.',
    ),
    effective(
      'restore.rate_limit_bytes_per_sec',
      integer(1, 1_000_000_000_000),
      'Most bytes a second, as they are sent; without it there is no limit.',
      { unit: 'bytes' },
    ),
    effective(
      'restore.transaction_max_bytes',
      integer(65_536, 1_073_741_824),
      'Bytes after which a transaction is committed; as much may have to be written again after a failure.',
      { default: 134_217_728, unit: 'bytes' },
    ),
    accepted(['restore.checkpoint_state', STRING, 'File with the progress.'], RESUME),
    effective(
      'restore.checkpoint_interval_secs',
      integer(0, 3_600),
      'How often progress is written to the ledger in the repository; 0: at every commit.',
      { default: 5, unit: 'seconds' },
    ),
    accepted(
      ['restore.dry_run_check_segments', BOOLEAN, 'Whether a dry run looks for every segment.'],
      'a dry run shows the plan; validate looks at the segments',
      { default: false },
    ),
    ...circuitBreakerSettings('restore'),
  ]
}
