/** Closed set of categories; each maps to exactly one process exit code (see {@link EXIT_CODES}). */
export type ErrorCategory =
  | 'usage'
  | 'config'
  | 'cluster'
  | 'storage'
  | 'integrity'
  | 'conflict'
  | 'incomplete'
  | 'permission'
  | 'interrupted'
  | 'failed'
  | 'bug'

/** Process exit codes; scripts rely on them, so a number is never given a second meaning. */
export const EXIT_CODES: Readonly<Record<ErrorCategory, number>> = {
  failed: 1,
  usage: 2,
  config: 2,
  incomplete: 3,
  integrity: 4,
  conflict: 5,
  cluster: 6,
  storage: 7,
  permission: 8,
  bug: 70,
  interrupted: 130,
}

/** One row of the error table. `hint` says what a person can do next. */
export interface ErrorRow {
  readonly category: ErrorCategory
  readonly retryable: boolean
  readonly hint: string
}

const row = (category: ErrorCategory, retryable: boolean, hint: string): ErrorRow => ({
  category,
  retryable,
  hint,
})

/** THE error table: every code of the product, once. */
export const ERROR_TABLE = {
  KB_USAGE: row('usage', false, 'See kafka-backup --help.'),
  KB_CONFIG_UNREADABLE: row('config', false, 'Check that the file exists and can be read.'),
  KB_CONFIG_INVALID: row('config', false, 'Correct the value; see docs/configuration.md.'),
  KB_CONFIG_UNKNOWN_KEY: row('config', false, 'Correct the key; see docs/configuration.md.'),
  KB_CONFIG_UNSET_VARIABLE: row(
    'config',
    false,
    'Set the variable, or double the dollar sign to mean the text itself.',
  ),
  KB_CONFIG_UNSUPPORTED: row('config', false, 'Remove the setting, or use a version that supports it.'),
  KB_LOCATION_INVALID: row('config', false, 'Write the repository as a URL, such as file:///var/backups.'),
  KB_ISOLATION_CHANGED: row(
    'config',
    false,
    'Use the isolation level that the backup was begun with, or another --backup-id.',
  ),
  KB_TOPIC_NOT_FOUND: row(
    'config',
    false,
    'Check the spelling, and that the account may describe the topic.',
  ),
  KB_RESTORE_NOT_FOUND: row(
    'config',
    false,
    'List the restores of a backup with: kafka-backup offset-map --list',
  ),
  KB_BACKUP_NOT_FOUND: row(
    'config',
    false,
    'List the backups of a repository with: kafka-backup list --repo URL',
  ),

  KB_CLUSTER_UNREACHABLE: row(
    'cluster',
    true,
    'Check the address, the network and that a broker is running.',
  ),
  KB_BROKER_TRANSIENT: row('cluster', true, 'The broker is expected to recover; this is retried.'),
  KB_BROKER_ERROR: row('failed', false, 'Look the error up in the broker log.'),
  KB_BROKER_UNSUPPORTED: row('failed', false, 'kafka-backup needs Apache Kafka 2.4 or newer.'),
  KB_CLUSTER_PERMISSION: row('permission', false, 'Grant the account the missing ACL.'),
  KB_AUTHENTICATION_FAILED: row(
    'permission',
    false,
    'Check sasl_mechanism, the account and its password or token in the security section.',
  ),
  KB_TLS_FAILED: row(
    'permission',
    false,
    'Check security_protocol, the certificates on both sides and the ssl settings of the security section.',
  ),
  KB_OFFSET_OUT_OF_RANGE: row('failed', false, 'The broker no longer has these offsets.'),
  KB_LOG_ENDS_EARLY: row(
    'failed',
    true,
    'Records were lost, or the topic was created again; look at its log.',
  ),
  KB_WRONG_CLUSTER: row('conflict', false, 'Use another --backup-id for another cluster.'),
  KB_SOURCE_REPLACED: row('conflict', false, 'Use another --backup-id for what this partition holds now.'),
  KB_TARGET_NOT_EMPTY: row('conflict', false, 'Restore beside it with --topic-mapping old=new.'),
  KB_TARGET_UNSUITABLE: row('conflict', false, 'Change the target topic, or restore under another name.'),
  KB_TARGET_CHANGED: row(
    'conflict',
    false,
    'Something else wrote to the target, or a broker was killed in the middle. Stop what writes there, then restore into another topic; or delete this one, if nothing else in it is needed, and restore again.',
  ),
  KB_RECORDS_HIDDEN: row(
    'cluster',
    true,
    'When that transaction has ended, run the same command with --resume: what is written is not written again.',
  ),
  KB_PRODUCER_FENCED: row(
    'conflict',
    false,
    'Another process goes on with this restore; let it, or wait until it has ended.',
  ),
  KB_TRANSACTION_LOST: row('cluster', true, 'The transaction is begun again from its last commit.'),
  KB_RESTORE_CONFLICT: row(
    'conflict',
    false,
    'Another process goes on with this restore; let it, or wait until it has ended.',
  ),
  KB_RESTORE_CHANGED: row(
    'conflict',
    false,
    'Delete the topics that it has filled in part, or choose other names with --topic-mapping, and restore without --resume.',
  ),
  KB_RECORD_TOO_LARGE: row(
    'failed',
    false,
    'Raise max.message.bytes of the target topic, and segment.bytes where that is smaller.',
  ),

  KB_STORAGE_UNAVAILABLE: row('storage', true, 'Check that the storage is reachable.'),
  KB_STORAGE_FULL: row('storage', false, 'Free some space; run the same command again to go on.'),
  KB_STORAGE_PERMISSION: row('permission', false, 'Give the account write access, or choose another place.'),
  KB_STORAGE_UNSUPPORTED: row(
    'storage',
    false,
    'Choose a storage that can create an object only if it is absent.',
  ),
  KB_OBJECT_NOT_FOUND: row('storage', false, 'Run: kafka-backup validate --deep'),
  KB_OBJECT_EXISTS: row('conflict', false, 'Another process wrote this object first.'),

  KB_COMMIT_CONFLICT: row('conflict', false, 'Let one run at a time write to a backup; then run again.'),
  KB_LEASE_HELD: row(
    'conflict',
    false,
    'Let that run end, or stop it, and run again; or write to another --backup-id.',
  ),
  KB_PRUNED: row(
    'conflict',
    false,
    'See what is left with kafka-backup describe, and restore that: without --as-of-commit, or from a later time.',
  ),
  KB_CLOCK_AHEAD: row(
    'failed',
    false,
    'Set the clock of this machine, or say the time itself with --before.',
  ),
  KB_BATCH_CORRUPT: row('integrity', true, 'Run: kafka-backup validate --deep'),
  KB_SEGMENT_CORRUPT: row('integrity', false, 'Run: kafka-backup validate --deep'),
  KB_LEDGER_CORRUPT: row(
    'integrity',
    false,
    'Restore into new topics; the ledger only tells how far an earlier restore was.',
  ),
  KB_COMMIT_CORRUPT: row('integrity', false, 'Run: kafka-backup validate --deep'),
  KB_SNAPSHOT_CORRUPT: row('integrity', false, 'The snapshot is a cache of the commits; it may be removed.'),
  KB_FORMAT_UNSUPPORTED: row('integrity', false, 'Use a newer kafka-backup to read this archive.'),
  KB_TRANSFORM_UNAVAILABLE: row('integrity', false, 'Use the program that wrote this archive.'),
  KB_LIMIT_EXCEEDED: row(
    'integrity',
    false,
    'The data claims a size that no valid archive or broker would send.',
  ),
  KB_VALIDATION_FAILED: row('integrity', false, 'Restore what is intact; see the findings.'),

  KB_INCOMPLETE: row('incomplete', false, 'See the gaps in the report.'),
  KB_RUN_FAILED: row('failed', false, 'See the failures in the report.'),
  KB_INTERRUPTED: row('interrupted', false, 'Run the same command again to go on.'),
  KB_INTERNAL: row('bug', false, 'This is a defect of kafka-backup; please report it with this text.'),
} as const satisfies Record<string, ErrorRow>

/** Every code that an error of this product can carry. */
export type ErrorCode = keyof typeof ERROR_TABLE
