import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openParts } from '../../src/plugin/open-parts.ts'
import { Registry } from '../../src/plugin/registry.ts'
import { openLocation } from '../../src/storage/backend-registry.ts'
import { failure, load } from './sandbox.ts'

const STORAGES = new Registry().use(openParts).freeze().storages
const KEY = Buffer.alloc(64, 7).toString('base64')
const SAS = 'sv=2024-11-04&sig=abc'
const MINIO = 'http://minio:9000'

/** What becomes of keys: where the repository is and which secrets open it, or why they are refused. */
interface Outcome {
  readonly url: string
  readonly secrets?: Readonly<Record<string, string>>
  readonly warning?: RegExp
}
type Row = readonly [keys: string, outcome: Outcome | RegExp]

interface Backend {
  readonly needs: string
  /** Every key that files for the program in Rust can have for it, with its second names and those of its documentation. */
  readonly keys: readonly string[]
  readonly rows: readonly Row[]
}

const KEYS = { access_key: 'k', secret_key: 's' }

const BACKENDS: Readonly<Record<string, Backend>> = {
  s3: {
    needs: 'bucket: bucket',
    keys: [
      'bucket',
      'region',
      'endpoint',
      'access_key',
      'access_key_id',
      'secret_key',
      'secret_access_key',
      'prefix',
      'path_style',
      'allow_http',
    ],
    rows: [
      ['', { url: 's3://bucket' }],
      ['region: eu-central-1', { url: 's3://bucket?region=eu-central-1' }],
      [`endpoint: "${MINIO}"`, { url: `s3://bucket?endpoint=${MINIO}` }],
      ['access_key: k, secret_key: s', { url: 's3://bucket', secrets: KEYS }],
      ['access_key_id: k, secret_access_key: s', { url: 's3://bucket', secrets: KEYS }],
      ['access_key: k, secret_access_key: s', { url: 's3://bucket', secrets: KEYS }],
      ['access_key: k', /storage\.access_key needs storage\.secret_key/],
      ['secret_access_key: s', /storage\.secret_access_key needs storage\.access_key/],
      ['access_key: k, access_key_id: l, secret_key: s', /storage\.access_key.* storage\.access_key/],
      ['prefix: p', { url: 's3://bucket/p' }],
      ['prefix: ""', { url: 's3://bucket' }],
      ['prefix:', { url: 's3://bucket' }],
      ['path_style: true', { url: 's3://bucket?path_style=true' }],
      ['path_style: false', { url: 's3://bucket?path_style=false' }],
      ['allow_http: false', { url: 's3://bucket?allow_http=false' }],
      [
        `endpoint: "${MINIO}", allow_http: true, path_style: true`,
        { url: `s3://bucket?endpoint=${MINIO}&path_style=true&allow_http=true` },
      ],
    ],
  },
  azure: {
    needs: 'account_name: account, container_name: container',
    keys: [
      'account_name',
      'container_name',
      'account_key',
      'prefix',
      'endpoint',
      'use_workload_identity',
      'client_id',
      'tenant_id',
      'client_secret',
      'sas_token',
    ],
    rows: [
      ['', { url: 'azure://account/container' }],
      [`account_key: "${KEY}"`, { url: 'azure://account/container', secrets: { account_key: KEY } }],
      [
        `account_key: "${KEY}", use_workload_identity: false`,
        { url: 'azure://account/container?use_workload_identity=false', secrets: { account_key: KEY } },
      ],
      ['prefix: p', { url: 'azure://account/container/p' }],
      ['prefix: ""', { url: 'azure://account/container' }],
      [
        `endpoint: "http://127.0.0.1:10000", account_key: "${KEY}"`,
        { url: 'azure://account/container?endpoint=http://127.0.0.1:10000', secrets: { account_key: KEY } },
      ],
      ['use_workload_identity: true', { url: 'azure://account/container?use_workload_identity=true' }],
      ['use_workload_identity: false', { url: 'azure://account/container?use_workload_identity=false' }],
      ['client_id: i', { url: 'azure://account/container?client_id=i' }],
      ['client_id: i, tenant_id: t', { url: 'azure://account/container?client_id=i&tenant_id=t' }],
      ['tenant_id: t', /it has a tenant_id without a client_id/],
      [
        'client_id: i, tenant_id: t, client_secret: s',
        { url: 'azure://account/container?client_id=i&tenant_id=t', secrets: { client_secret: 's' } },
      ],
      ['client_secret: s', /its client secret has no client or no tenant/],
      [`sas_token: "${SAS}"`, { url: 'azure://account/container', secrets: { sas_token: SAS } }],
      [`sas_token: "?${SAS}"`, { url: 'azure://account/container', secrets: { sas_token: `?${SAS}` } }],
      [
        `sas_token: "${SAS}", account_key: "${KEY}"`,
        { url: 'azure://account/container', secrets: { sas_token: SAS, account_key: KEY } },
      ],
      // There the stronger one counts; here nobody has to guess which rights a run has.
      [`account_key: "${KEY}", client_id: i`, /a key or a SAS token, and an identity, are given/],
      [`sas_token: "${SAS}", use_workload_identity: true`, /a key or a SAS token, and an identity/],
      [
        'client_id: i, tenant_id: t, client_secret: s, use_workload_identity: true',
        /a client secret and a workload identity are given/,
      ],
    ],
  },
  gcs: {
    needs: 'bucket: bucket',
    keys: ['bucket', 'service_account_path', 'prefix', 'project_id', 'credentials_file'],
    rows: [
      ['', { url: 'gs://bucket' }],
      ['service_account_path: /etc/key.json', { url: 'gs://bucket?service_account_path=/etc/key.json' }],
      ['credentials_file: /etc/key.json', { url: 'gs://bucket?service_account_path=/etc/key.json' }],
      ['prefix: p', { url: 'gs://bucket/p' }],
      ['prefix: ""', { url: 'gs://bucket' }],
      ['project_id: p', { url: 'gs://bucket', warning: /storage\.project_id has no effect/ }],
    ],
  },
  filesystem: {
    needs: 'path: /var/backups',
    keys: ['path'],
    rows: [['', { url: 'file:///var/backups' }]],
  },
  memory: { needs: '', keys: [], rows: [['', { url: 'memory:///repository' }]] },
}

/** Values that would do if the key were one of the backend. */
const EXAMPLES: Readonly<Record<string, string>> = {
  endpoint: `"${MINIO}"`,
  path: '/var/backups',
  path_style: 'true',
  allow_http: 'true',
  use_workload_identity: 'true',
  service_account_path: '/etc/key.json',
  credentials_file: '/etc/key.json',
}

describe('a file for the program in Rust', () => {
  for (const [backend, { needs, rows }] of Object.entries(BACKENDS)) {
    for (const [more, outcome] of rows) {
      const section = sectionOf(backend, needs, more)
      if (outcome instanceof RegExp) {
        it(`is refused with its reason for { ${section} }`, async () => {
          await assert.rejects(opened(section), { message: outcome })
        })
      } else {
        it(`names the store ${outcome.url} by { ${section} }`, async () => {
          assert.deepEqual(await opened(section, outcome.warning), {
            url: outcome.url,
            secrets: outcome.secrets ?? {},
          })
        })
      }
    }

    it(`has no key for ${backend} that is not tried`, () => {
      for (const key of BACKENDS[backend]?.keys ?? []) {
        const tried = [needs, ...rows.map(([more]) => more)].join(', ')
        assert.match(tried, new RegExp(`(^|, )${key}:`), key)
      }
    })

    it(`is refused without what ${backend} needs, one by one`, async () => {
      const parts = needs.split(', ').filter((part) => part !== '' && backend !== 'filesystem')
      for (const part of parts) {
        const rest = parts.filter((other) => other !== part).join(', ')
        const error = await failure(given(sectionOf(backend, rest, 'prefix: p')), 'KB_CONFIG_INVALID')
        assert.match(error.message, new RegExp(`${backend} needs storage\\.${part.replace(/:.*/, '')}`))
      }
    })

    it(`is refused for a key of another store than ${backend}, and told whose it is`, async () => {
      const foreign = Object.values(BACKENDS).flatMap(({ keys }) => keys)
      for (const key of new Set(foreign.filter((name) => !isKeyOf(backend, name)))) {
        const section = sectionOf(backend, needs, `${key}: ${EXAMPLES[key] ?? 'x'}`)
        const error = await failure(given(section), 'KB_CONFIG_INVALID')
        assert.match(
          error.message,
          new RegExp(`storage\\.${key} (is for .* and storage\\.backend is|is nothing that)`),
        )
      }
    })
  }

  for (const [location, ours] of [
    ['s3a://bucket/p?region=eu-central-1', 's3://bucket/p?region=eu-central-1'],
    ['S3A://bucket/p', 's3://bucket/p'],
    ['s3://bucket/p?endpoint=http://h:1&path_style=true', 's3://bucket/p?endpoint=http://h:1'],
    ['az://account/container', 'azure://account/container'],
    ['azure://account/container', 'azure://account/container'],
    ['azure://account.blob.core.windows.net/container', 'azure://account/container'],
    ['az://account.blob.core.windows.net/container/p', 'azure://account/container/p'],
    ['gcs://bucket', 'gs://bucket'],
    ['gs://bucket', 'gs://bucket'],
    ['file:///path', 'file:///path'],
    ['memory:///name', 'memory:///name'],
  ] as const) {
    it(`can say ${location}`, async () => {
      const storage = openLocation(location, STORAGES)
      assert.equal(storage.location, ours)
      await storage.close()
    })
  }

  for (const [location, message] of [
    ['azure://container@account.blob.core.windows.net/p', /something before an @/],
    ['memory://', /it has no name/],
  ] as const) {
    it(`cannot say ${location}`, () => {
      assert.throws(() => openLocation(location, STORAGES), { code: 'KB_LOCATION_INVALID', message })
    })
  }
})

/** Here every store has a prefix, and an endpoint is of use to all of them that have a server. */
function isKeyOf(backend: string, key: string): boolean {
  if (key === 'prefix' || key === 'project_id') return true
  if (key === 'endpoint') return backend === 'gcs' || backend === 's3' || backend === 'azure'
  return BACKENDS[backend]?.keys.includes(key) ?? false
}

function sectionOf(backend: string, needs: string, more: string): string {
  return [`backend: ${backend}`, needs, more].filter((part) => part !== '').join(', ')
}

function given(section: string): { readonly verb: 'read'; readonly text: string } {
  return { verb: 'read', text: `storage: { ${section} }` }
}

/** The place and the secrets that a section means, after the backend has taken them. */
async function opened(
  section: string,
  warning?: RegExp,
): Promise<{ url: string | undefined; secrets: Record<string, string> }> {
  const { config, warnings } = await load(given(section))
  if (warning === undefined) assert.deepEqual(warnings, [])
  else assert.match(warnings.join('\n'), warning)
  const { repositoryUrl: url, storageCredentials } = config
  const storage = openLocation(url ?? '', STORAGES, storageCredentials)
  await storage.close()
  const secrets = [...storageCredentials].map(([name, secret]) => [name, secret.reveal()])
  return { url, secrets: Object.fromEntries(secrets) }
}
