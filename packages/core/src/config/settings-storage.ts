import {
  accepted,
  BOOLEAN,
  COUNT,
  choice,
  effective,
  refused,
  SECRET,
  type Setting,
  type SettingType,
  STRING,
} from './setting.ts'
import { backupIdRule, pathRule, prefixRule, repositoryRule } from './text-rules.ts'

const BACKENDS = ['filesystem', 's3', 'ceph', 'azure', 'gcs', 'memory']
const NO_OBJECT_STORES = 'object stores arrive with a later version'

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
    'Where the repository is, as a URL such as `file:///var/backups`. It replaces the section `storage`.',
    { check: repositoryRule },
  ),
  refused(
    ['storage.backend', choice(...BACKENDS), 'Kind of the storage that holds the repository.'],
    NO_OBJECT_STORES,
    {
      default: 'filesystem',
      becauseOf: { memory: 'nothing would survive the process' },
    },
  ),
  effective(
    'storage.path',
    STRING,
    'The repository as a folder, instead of `repo`. In a file it is relative to the folder of that file, elsewhere to the working folder.',
    { check: pathRule },
  ),
  effective(
    'storage.prefix',
    STRING,
    'Folder below that of `storage.path`, so that several repositories can share one place.',
    {
      check: prefixRule,
    },
  ),
  ofObjectStore('endpoint', STRING, 'Address of the store.'),
  ofObjectStore('region', STRING, 'Region of the store.'),
  ofObjectStore('bucket', STRING, 'Bucket that holds the repository.'),
  ofObjectStore('access_key', SECRET, 'Name of the access key.'),
  ofObjectStore('secret_key', SECRET, 'The access key.'),
  ofObjectStore('path_style', BOOLEAN, 'Whether the bucket is part of the path instead of the host.'),
  ofObjectStore('allow_http', BOOLEAN, 'Whether a connection may be unencrypted.'),
  ofObjectStore('account_name', STRING, 'Account of the store.'),
  ofObjectStore('container_name', STRING, 'Container that holds the repository.'),
  ofObjectStore('account_key', SECRET, 'Key of the account.'),
  ofObjectStore('sas_token', SECRET, 'Token for the container.'),
  ofObjectStore('use_workload_identity', BOOLEAN, 'Whether the identity of the workload is used.'),
  ofObjectStore('client_id', STRING, 'Application that signs in.'),
  ofObjectStore('tenant_id', STRING, 'Directory of the application.'),
  ofObjectStore('client_secret', SECRET, 'Secret of the application.'),
  ofObjectStore('service_account_path', STRING, 'File with the key of the service account.'),
]

function ofObjectStore(name: string, type: SettingType, description: string): Setting {
  return refused([`storage.${name}`, type, description], NO_OBJECT_STORES, { saidBy: 'storage.backend' })
}

const NO_CACHE =
  'the checkpoint is derived from the commits of the repository; a local cache has no effect in this version'
const NO_METRICS = 'metrics arrive with a later version; the report of a run has its figures'
const NO_LOGGING = 'the flags of the command decide what is printed in this version'

/** The rows of `offset_storage`, `metrics` and `logging`. */
export const SIDE_SETTINGS: readonly Setting[] = [
  accepted(['offset_storage.backend', STRING, 'Kind of the local cache.'], NO_CACHE),
  accepted(['offset_storage.db_path', STRING, 'File of the local cache.'], NO_CACHE),
  accepted(['offset_storage.s3_key', STRING, 'Where the cache is copied to.'], NO_CACHE),
  accepted(['offset_storage.sync_interval_secs', COUNT, 'How often the cache is copied.'], NO_CACHE, {
    unit: 'seconds',
  }),
  effective(
    'metrics.file',
    STRING,
    'File that gets the figures of the run in the text format of Prometheus, at every commit and at the end.',
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
