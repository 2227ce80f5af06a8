import {
  accepted,
  BOOLEAN,
  COUNT,
  choice,
  effective,
  integer,
  LIST,
  refused,
  type Setting,
  STRING,
} from './setting.ts'
import { partitionRule, topicNameRule } from './text-rules.ts'

const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB

const ALL_AT_ONCE = 'all partitions of a broker are read together, as fast as they can be written'
const RECORD_RATE =
  'records are not read one by one; storage.rate_limit_bytes_per_sec limits the bytes a second'
const BYTE_RATE =
  'the limit of a backup is storage.rate_limit_bytes_per_sec (--storage-rate-limit-bytes-per-sec), of what is written to the store'
const VERBATIM = 'records are stored exactly as they are on the brokers'
const RETENTION = 'nothing is ever removed from a backup in this version'
const ONE_SHOT = 'a run ends at the offsets that it found when it began, unless backup.continuous is set'
const BREAKER = 'failed requests are repeated with growing pauses instead'

/** The rows of `backup`. */
export const BACKUP_SETTINGS: readonly Setting[] = [
  ...sizeSettings(),
  ...stagingSettings(),
  ...scopeSettings(),
  ...transactionSettings(),
  ...captureSettings(),
  ...paceSettings(),
]

function sizeSettings(): readonly Setting[] {
  return [
    effective(
      'backup.segment_max_bytes',
      integer(MIB, 16 * GIB),
      'Size at which a segment of a partition is closed.',
      {
        default: 128 * MIB,
        unit: 'bytes',
      },
    ),
    effective(
      'backup.segment_max_interval_ms',
      integer(100, 86_400_000),
      'Age at which a segment is closed, even if it is small.',
      { default: 5_000, unit: 'milliseconds' },
    ),
    effective(
      'backup.fetch_max_bytes',
      integer(64 * KIB, 256 * MIB),
      'Most bytes asked of a broker in one request. More than the default costs memory and is not faster.',
      { default: 8 * MIB, unit: 'bytes' },
    ),
    effective(
      'backup.fetch_timeout_ms',
      integer(0, 60_000),
      'How long a broker may wait for new records before it answers.',
      { default: 500, unit: 'milliseconds' },
    ),
    effective('backup.compression', choice('zstd', 'lz4', 'none'), 'How segments are compressed.', {
      default: 'zstd',
    }),
    effective('backup.compression_level', integer(1, 22), 'Effort of zstd: higher is smaller and slower.', {
      default: 3,
    }),
    refused(
      [
        'backup.recompress',
        choice('never', 'adaptive', 'always'),
        'Whether record batches that are already compressed are compressed anew.',
      ],
      'it arrives with a later version',
      { default: 'never' },
    ),
    accepted(
      ['backup.segment_max_records', COUNT, 'Number of records at which a segment is closed.'],
      'segments are closed by size and age',
    ),
  ]
}

function stagingSettings(): readonly Setting[] {
  return [
    effective(
      'backup.checkpoint_interval_secs',
      integer(1, 3_600),
      'How often a commit makes what was read part of the backup.',
      { default: 5, unit: 'seconds' },
    ),
    effective(
      'backup.checkpoint_on_shutdown',
      BOOLEAN,
      'Whether a run that is stopped commits what it has read; otherwise the next run reads again what came after the last commit.',
      { default: true },
    ),
    effective(
      'backup.shutdown_timeout_secs',
      integer(1, 3_600),
      'How long a run that is stopped may take for its last commit, before it ends without one.',
      { default: 30, unit: 'seconds' },
    ),
    accepted(['backup.sync_interval_secs', COUNT, 'How often progress is copied.'], 'a commit is the copy', {
      unit: 'seconds',
    }),
    effective(
      'backup.continuous',
      BOOLEAN,
      'Whether the run goes on until it is stopped, and reads new records, partitions and topics as they come.',
      { default: false },
    ),
    effective(
      'backup.topic_refresh_interval_secs',
      integer(1, 86_400),
      'How often a continuous run looks for new topics and partitions.',
      { default: 30, unit: 'seconds' },
    ),
    accepted(
      ['backup.stop_at_current_offsets', BOOLEAN, 'Whether the run ends where the topics end now.'],
      ONE_SHOT,
      { default: true },
    ),
    refused(
      [
        'backup.start_offset',
        choice('earliest', 'latest'),
        'Where a partition that is new to the backup begins.',
      ],
      'it would leave out records; it arrives with a later version',
      { default: 'earliest' },
    ),
    refused(['backup.retention.max_age', STRING, 'Age at which segments are removed.'], RETENTION),
    refused(['backup.retention.max_total_bytes', COUNT, 'Size that the backup may have.'], RETENTION),
    refused(['backup.retention.keep_segments', COUNT, 'Segments that are always kept.'], RETENTION),
  ]
}

function scopeSettings(): readonly Setting[] {
  const window = 'a time window arrives with a later version; a backup holds all records'
  return [
    effective(
      'backup.include_internal_topics',
      BOOLEAN,
      'Let globs and regular expressions also match topics that begin with `__`. An exact name always does.',
      { default: false },
    ),
    effective(
      'backup.internal_topics',
      LIST,
      'Exact names of topics that begin with `__` to back up besides the included ones. Each must exist.',
      { default: [], check: topicNameRule },
    ),
    refused(
      ['backup.on_missing_topic', choice('fail', 'warn'), 'What is done about a topic that does not exist.'],
      'a backup without a topic that it was asked for would pass for complete',
      { default: 'fail' },
    ),
    effective(
      'backup.partitions',
      LIST,
      'Partitions to back up: `0` or `0-3` of every topic that has no item of its own, `orders:0-3` of one. Without items that concern a topic, all of it.',
      { default: [], check: partitionRule },
    ),
    refused(['backup.time_window.start', STRING, 'Time of the first record.'], window),
    refused(['backup.time_window.end', STRING, 'Time of the last record.'], window),
  ]
}

function transactionSettings(): readonly Setting[] {
  return [
    effective(
      'backup.isolation_level',
      choice('read_committed', 'read_uncommitted'),
      'Which records count: only those of committed transactions, or all. With `read_uncommitted`, records of open and of aborted transactions are backed up and restored as data.',
      { default: 'read_committed' },
    ),
    effective(
      'backup.transaction_wait_secs',
      integer(0, 86_400),
      'How long a run waits for transactions that are open where it should end, before it ends as incomplete.',
      { default: 90, unit: 'seconds' },
    ),
  ]
}

function captureSettings(): readonly Setting[] {
  return [
    refused(['backup.include_offset_headers', BOOLEAN, 'Whether records get headers.'], VERBATIM, {
      default: false,
    }),
    accepted(
      ['backup.source_cluster_id', STRING, 'Name of the cluster.'],
      'the id that the cluster has is recorded',
    ),
    effective(
      'backup.consumer_group_snapshot',
      BOOLEAN,
      'Store what consumer groups have committed, read before the offsets that a run goes up to.',
      { default: true },
    ),
    effective(
      'backup.consumer_group_snapshot_interval_secs',
      integer(1, 86_400),
      'How often a continuous run reads the groups again; what has not changed is not stored again.',
      { default: 900, unit: 'seconds' },
    ),
    effective(
      'backup.capture_cluster_description',
      BOOLEAN,
      'Whether brokers, features, ACLs, client quotas and names of SCRAM users are stored with each run, for `describe --cluster`, `diff` and `cluster plan`: five small requests.',
      { default: true },
    ),
    effective(
      'backup.capture_topic_configs',
      BOOLEAN,
      'Whether settings, partition counts and replication factors of topics are stored with each run, for `describe` and for a restore that creates topics.',
      { default: true },
    ),
    effective(
      'backup.require_topic_configs',
      BOOLEAN,
      'Whether a run is incomplete (exit code 3) when settings of a topic could not be read or stored. Its records are backed up all the same.',
      { default: false },
    ),
  ]
}

function paceSettings(): readonly Setting[] {
  return [
    accepted(['backup.max_concurrent_partitions', COUNT, 'Partitions read at a time.'], ALL_AT_ONCE),
    accepted(['backup.parallel_workers', COUNT, 'Partitions read at a time.'], ALL_AT_ONCE),
    accepted(
      ['backup.poll_interval_ms', COUNT, 'Pause between requests.'],
      'the next request is always under way',
      { unit: 'milliseconds' },
    ),
    effective(
      'backup.deletion_warning_secs',
      integer(0, 604_800),
      'Warn when records that are not read yet will be deleted at the source within this time; 0 never warns.',
      { default: 300, unit: 'seconds' },
    ),
    effective(
      'backup.lease',
      BOOLEAN,
      'Announce the run in the repository and renew that every 10 seconds, so that a second run of the same backup is refused at its start. Without it, the second one is refused when it commits.',
      { default: true },
    ),
    refused(['backup.rate_limit_records_per_sec', COUNT, 'Most records a second.'], RECORD_RATE),
    refused(['backup.rate_limit_bytes_per_sec', COUNT, 'Most bytes a second.'], BYTE_RATE),
    ...circuitBreakerSettings('backup'),
  ]
}

/** The rows of `backup.circuit_breaker` or `restore.circuit_breaker`. */
export function circuitBreakerSettings(section: 'backup' | 'restore'): readonly Setting[] {
  const group = `${section}.circuit_breaker`
  return [
    accepted([`${group}.enabled`, BOOLEAN, 'Whether failures pause the run.'], BREAKER),
    accepted([`${group}.failure_threshold`, COUNT, 'Failures before the pause.'], BREAKER),
    accepted([`${group}.reset_timeout_ms`, COUNT, 'Length of the pause.'], BREAKER, { unit: 'milliseconds' }),
    accepted([`${group}.success_threshold`, COUNT, 'Successes that end it.'], BREAKER),
  ]
}
