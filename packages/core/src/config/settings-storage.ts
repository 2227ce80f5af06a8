import {
  accepted,
  BOOLEAN,
  COUNT,
  choice,
  effective,
  integer,
  SECRET,
  type Setting,
  type SettingExtras,
  type SettingType,
  STRING,
} from './setting.ts'
import { BACKEND_NAMES, backendsWith } from './storage-keys.ts'
import {
  backupIdRule,
  endpointRule,
  filePathRule,
  pathRule,
  placeNameRule,
  prefixRule,
  repositoryRule,
} from './text-rules.ts'

/** The rows at the top of the file, and those of `storage`. */
export const STORAGE_SETTINGS: readonly Setting[] = [
  effective(
    'mode',
    choice('backup', 'restore'),
    'What the file is for. Optional; a backup or a restore refuses a file for the other.',
    { flag: null },
  ),
  effective('backup_id', STRING, 'Name of the backup, such as `daily`. A repository can hold many.', {
    check: backupIdRule,
  }),
  effective(
    'repo',
    STRING,
    'Where the repository is, as a URL such as `file:///var/backups` or `s3://bucket/prefix?region=eu-central-1`. It replaces the section `storage`, except keys and tokens.',
    { check: repositoryRule },
  ),
  effective(
    'storage.backend',
    choice(...BACKEND_NAMES),
    'Kind of the storage that holds the repository. `ceph` is `s3` with an endpoint. `memory` keeps nothing when the program ends: for trials.',
    { default: 'filesystem' },
  ),
  effective(
    'storage.path',
    STRING,
    'The repository as a folder, instead of `repo`. In a file it is relative to the folder of that file, elsewhere to the working folder. A name that has a colon is written `./NAME`. For `filesystem`.',
    { check: pathRule, names: 'folder' },
  ),
  effective(
    'storage.prefix',
    STRING,
    'Folder below that of `storage.path`, or in the bucket or container, so that several repositories can share one place.',
    {
      check: prefixRule,
    },
  ),
  ofStore('bucket', STRING, 'Bucket that holds the repository. It must exist.', { check: placeNameRule }),
  ofStore(
    'region',
    STRING,
    'Region of the bucket. Without it the environment or the profile of AWS decides.',
    {
      check: placeNameRule,
    },
  ),
  ofStore(
    'endpoint',
    STRING,
    'Address of a store of another vendor, or of an emulator, such as `https://s3.example.com`.',
    {
      check: endpointRule,
    },
  ),
  ofStore(
    'path_style',
    BOOLEAN,
    'Whether the bucket is part of the path instead of the host. Without it: yes if there is an endpoint, also one that the environment or the profile of AWS names.',
  ),
  ofStore(
    'allow_http',
    BOOLEAN,
    'Whether the endpoint may be unencrypted. Without it: yes if it is written with `http://`.',
  ),
  ofStore('profile', STRING, 'Profile of the shared files of AWS that has the credentials.', {
    check: placeNameRule,
  }),
  ofStore('access_key', SECRET, 'Name of the access key. Without keys the standard chain of AWS finds them.'),
  ofStore('secret_key', SECRET, 'The secret that belongs to the access key.'),
  ofStore('session_token', SECRET, 'Token of temporary keys.'),
  ofStore(
    'account_name',
    STRING,
    'Account of the store, or the address of its blobs. Without it the variable `AZURE_STORAGE_ACCOUNT`.',
    {
      check: placeNameRule,
    },
  ),
  ofStore('container_name', STRING, 'Container that holds the repository. It must exist.', {
    check: placeNameRule,
  }),
  ofStore(
    'account_key',
    SECRET,
    'Key of the account. Without it, and without any other way in, the variable `AZURE_STORAGE_KEY`.',
  ),
  ofStore('sas_token', SECRET, 'Token for the container. It counts before an account key.'),
  ofStore(
    'use_workload_identity',
    BOOLEAN,
    'Whether the identity of the workload is used. Without it: yes where there is one.',
  ),
  ofStore('client_id', STRING, 'Application that signs in.', { check: placeNameRule }),
  ofStore('tenant_id', STRING, 'Directory of the application.', { check: placeNameRule }),
  ofStore('client_secret', SECRET, 'Secret of the application.'),
  ofStore(
    'service_account_path',
    STRING,
    'File with the key of the service account, relative as `storage.path` is. Without it the default credentials are used.',
    { check: pathRule, names: 'file' },
  ),
  accepted(
    ['storage.project_id', STRING, 'Project of the bucket.'],
    'the name of a bucket is enough to find it',
  ),
  effective(
    'storage.rate_limit_bytes_per_sec',
    integer(1, 1_000_000_000_000),
    'Most bytes a second that are read from the store and written to it, together; without it there is no limit. It goes with `repo` too.',
    { flag: 'storage-rate-limit-bytes-per-sec', unit: 'bytes' },
  ),
  ofStore(
    'single_writer',
    BOOLEAN,
    'You vouch that only one run at a time writes: for stores that cannot create an object only if it is absent. Two runs at the same time would damage the backup then.',
    { default: false },
  ),
]

function ofStore(name: string, type: SettingType, description: string, extras: SettingExtras = {}): Setting {
  const backends = backendsWith(name).map((backend) => `\`${backend}\``)
  return effective(`storage.${name}`, type, `${description} For ${backends.join(', ')}.`, extras)
}

const COPY_KEY = 'the copy is always state/offsets.db of the backup'
const NO_METRICS = 'metrics arrive with a later version; the report of a run has its figures'
const NO_LOGGING = 'the flags of the command decide what is printed in this version'

/** The rows of `offset_storage`, `metrics` and `logging`. */
export const SIDE_SETTINGS: readonly Setting[] = [
  effective(
    'offset_storage.backend',
    choice('sqlite', 'memory', 's3'),
    'Where a run keeps what `status` shows: in a SQLite file of this machine, or with `memory` in no file. A copy in the repository is made with each of them, so that `s3` is the same as `sqlite`.',
    { default: 'sqlite' },
  ),
  effective(
    'offset_storage.db_path',
    STRING,
    'The SQLite file; several backups may share one. Relative as `storage.path` is. Without it: `kafka-backup/` and a file for each backup in `$XDG_STATE_HOME`, which is `~/.local/state` if it is not set.',
    { check: filePathRule, names: 'file' },
  ),
  accepted(['offset_storage.s3_key', STRING, 'Where the file is copied to.'], COPY_KEY),
  effective(
    'offset_storage.sync_interval_secs',
    integer(0, 86_400),
    'How often the state is copied to `state/offsets.db` of the backup, besides at the end of a run; 0 makes no copies.',
    { default: 30, unit: 'seconds' },
  ),
  effective(
    'metrics.file',
    STRING,
    'File that gets the figures of the run in the text format of Prometheus, at every commit and at the end.',
    { names: 'file' },
  ),
  accepted(['metrics.enabled', BOOLEAN, 'Whether an endpoint serves metrics.'], NO_METRICS, {
    default: false,
  }),
  accepted(['metrics.port', COUNT, 'Port of the endpoint.'], NO_METRICS),
  accepted(['metrics.bind_address', STRING, 'Address of the endpoint.'], NO_METRICS),
  accepted(['metrics.path', STRING, 'Path of the endpoint.'], NO_METRICS),
  accepted(['metrics.update_interval_ms', COUNT, 'How often figures are taken.'], NO_METRICS, {
    unit: 'milliseconds',
  }),
  accepted(['metrics.keep_alive_seconds', COUNT, 'How long the endpoint outlives the run.'], NO_METRICS, {
    unit: 'seconds',
  }),
  accepted(['metrics.max_partition_labels', COUNT, 'Partitions with figures of their own.'], NO_METRICS),
  accepted(['logging.level', STRING, 'How much is printed.'], NO_LOGGING),
  accepted(['logging.format', STRING, 'How it is printed.'], NO_LOGGING),
]
