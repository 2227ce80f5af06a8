import type { CredentialName } from '../storage/storage-credentials.ts'

/** What a backend of the section `storage` is made from. Names without `storage.`. */
interface BackendKeys {
  readonly scheme: string
  /** What it cannot do without; the first one says that the section names a place at all. */
  readonly required: readonly string[]
  /** What goes into the query of the location, by the same name. */
  readonly query: readonly string[]
  readonly secrets: readonly CredentialName[]
}

const S3_KEYS: BackendKeys = {
  scheme: 's3',
  required: ['bucket'],
  query: ['region', 'endpoint', 'path_style', 'allow_http', 'profile', 'single_writer'],
  secrets: ['access_key', 'secret_key', 'session_token'],
}

/** THE table of backends. `prefix` is for all of them but the last. */
export const BACKEND_KEYS = {
  filesystem: { scheme: 'file', required: ['path'], query: [], secrets: [] },
  s3: S3_KEYS,
  ceph: { ...S3_KEYS, required: ['bucket', 'endpoint'] },
  azure: {
    scheme: 'azure',
    required: ['account_name', 'container_name'],
    query: ['endpoint', 'use_workload_identity', 'client_id', 'tenant_id', 'single_writer'],
    secrets: ['account_key', 'sas_token', 'client_secret'],
  },
  gcs: {
    scheme: 'gs',
    required: ['bucket'],
    query: ['endpoint', 'service_account_path', 'single_writer'],
    secrets: [],
  },
  memory: { scheme: 'memory', required: [], query: [], secrets: [] },
} as const satisfies Record<string, BackendKeys>

/** A value of `storage.backend`. */
export type BackendName = keyof typeof BACKEND_KEYS

export const BACKEND_NAMES = Object.keys(BACKEND_KEYS) as readonly BackendName[]

export function keysOf(backend: BackendName): BackendKeys {
  return BACKEND_KEYS[backend]
}

/** The backends that a key is for. */
export function backendsWith(name: string): readonly BackendName[] {
  const isFor = (backend: BackendName): boolean => {
    const { required, query, secrets } = keysOf(backend)
    return [...required, ...query, ...secrets].includes(name)
  }
  return BACKEND_NAMES.filter(isFor)
}

/** Secrets that a location of this scheme can be opened with; undefined for a scheme that is not known here. */
export function secretsOfScheme(scheme: string): readonly CredentialName[] | undefined {
  return Object.values<BackendKeys>(BACKEND_KEYS).find((keys) => keys.scheme === scheme)?.secrets
}
