import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { Config } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { flagOf } from '../../src/config/setting-names.ts'
import { SETTINGS } from '../../src/config/settings.ts'
import { BACKEND_KEYS, type BackendName, keysOf } from '../../src/config/storage-keys.ts'
import { failure, load, withFolder } from './sandbox.ts'

const read = { verb: 'read' } as const

const PLACES: Readonly<Record<BackendName, string>> = {
  filesystem: 'path: /p',
  s3: 'backend: s3, bucket: b',
  ceph: 'backend: ceph, bucket: b, endpoint: "http://c:7480"',
  azure: 'backend: azure, account_name: a, container_name: c',
  gcs: 'backend: gcs, bucket: b',
  memory: 'backend: memory',
}

const VALUES: Readonly<Record<string, string>> = {
  endpoint: '"https://other.example.com"',
  path_style: 'true',
  allow_http: 'true',
  use_workload_identity: 'true',
  single_writer: 'true',
  service_account_path: '/etc/key.json',
}

function secretsOf(config: Config): Record<string, string> {
  return Object.fromEntries([...config.storageCredentials].map(([name, secret]) => [name, secret.reveal()]))
}

describe('the section storage', () => {
  const sections: readonly [string, string][] = [
    ['{ backend: s3, bucket: b }', 's3://b'],
    ['{ backend: s3, bucket: b, prefix: }', 's3://b'],
    ['{ backend: s3, bucket: b, prefix: "" }', 's3://b'],
    ['{ path: /p, prefix: "" }', 'file:///p'],
    ['{ backend: s3, bucket: b, prefix: /prod/eu/ }', 's3://b/prod/eu'],
    ['{ type: s3, bucket: b, prefix: "a b", region: eu-central-1 }', 's3://b/a%20b?region=eu-central-1'],
    [
      '{ backend: s3, bucket: b, endpoint: "http://minio:9000", path_style: true, allow_http: true, profile: p }',
      's3://b?endpoint=http://minio:9000&path_style=true&allow_http=true&profile=p',
    ],
    [
      '{ backend: ceph, bucket: b, endpoint: "https://ceph:7480", single_writer: true }',
      's3://b?endpoint=https://ceph:7480&single_writer=true',
    ],
    ['{ backend: azure, account_name: a, container_name: c, prefix: p/q }', 'azure://a/c/p/q'],
    [
      '{ backend: azure, account_name: a, container_name: c, use_workload_identity: true, client_id: i, tenant_id: t }',
      'azure://a/c?use_workload_identity=true&client_id=i&tenant_id=t',
    ],
    [
      '{ backend: gcs, bucket: b, prefix: p, service_account_path: /etc/key.json }',
      'gs://b/p?service_account_path=/etc/key.json',
    ],
    ['{ backend: gcs, bucket: b, credentials_file: /k.json }', 'gs://b?service_account_path=/k.json'],
  ]
  for (const [section, url] of sections) {
    it(`${section} is ${url}`, async () => {
      const { config, warnings } = await load({ ...read, text: `storage: ${section}` })
      assert.equal(config.repositoryUrl, url)
      assert.deepEqual(warnings, [])
    })
  }

  it('has nothing that is not part of the location or a secret, for each backend', async () => {
    const seen = new Set([
      'storage.backend',
      'storage.prefix',
      'storage.project_id',
      'storage.rate_limit_bytes_per_sec',
    ])
    for (const backend of Object.keys(BACKEND_KEYS) as BackendName[]) {
      const { required, query, secrets } = keysOf(backend)
      for (const name of required) seen.add(`storage.${name}`)
      const plain = await load(
        backend === 'memory' ? { ...read, text: 'repo: memory:///x' } : textOf(backend),
      )
      for (const name of query.filter((key) => !(required as readonly string[]).includes(key))) {
        const { config } = await load(textOf(backend, `${name}: ${VALUES[name] ?? 'other'}`))
        assert.notEqual(config.repositoryUrl, plain.config.repositoryUrl, name)
        assert.ok(config.repositoryUrl?.includes(`${name}=`), name)
        seen.add(`storage.${name}`)
      }
      const all = secrets.map((name) => `${name}: canary-${name}`).join(', ')
      const { config } = secrets.length === 0 ? plain : await load(textOf(backend, all))
      assert.deepEqual(secretsOf(config), Object.fromEntries(secrets.map((name) => [name, `canary-${name}`])))
      assert.equal(config.repositoryUrl, plain.config.repositoryUrl)
      for (const name of secrets) seen.add(`storage.${name}`)
    }
    const paths = SETTINGS.map(({ path }) => path).filter((path) => path.startsWith('storage.'))
    assert.deepEqual(
      paths.filter((path) => !seen.has(path)),
      [],
    )
  })

  it('takes the project of a bucket with a warning', async () => {
    const { config, warnings } = await load(textOf('gcs', 'project_id: p'))
    assert.equal(config.repositoryUrl, 'gs://b')
    assert.match(warnings[0] ?? '', /storage\.project_id has no effect/)
  })

  it('finds the file of a service account from the folder of the file', async () => {
    await withFolder(async (cwd) => {
      await mkdir(join(cwd, 'etc'))
      await writeFile(
        join(cwd, 'etc/backup.yaml'),
        'storage: { backend: gcs, bucket: b, service_account_path: key.json }',
      )
      const { config } = await loadConfig({ ...read, env: {}, cwd, flags: {}, file: 'etc/backup.yaml' })
      assert.equal(config.repositoryUrl, `gs://b?service_account_path=${cwd}/etc/key.json`)
    })
  })

  const wrong: readonly [string, RegExp][] = [
    [
      '{ path: /p, bucket: b }',
      /^backup\.yaml:1: storage\.bucket is for s3, ceph, gcs, and storage\.backend is filesystem/,
    ],
    ['{ backend: s3, bucket: b, path: /p }', /storage\.path is for filesystem, and storage\.backend is s3/],
    [
      '{ backend: gcs, bucket: b, region: r }',
      /storage\.region is for s3, ceph, and storage\.backend is gcs/,
    ],
    ['{ backend: s3 }', /storage\.backend s3 needs storage\.bucket/],
    ['{ backend: ceph, bucket: b }', /storage\.backend ceph needs storage\.endpoint/],
    ['{ backend: azure, account_name: a }', /storage\.backend azure needs storage\.container_name/],
    ['{ backend: s3, bucket: b, access_key: k }', /storage\.access_key needs storage\.secret_key/],
    ['{ backend: s3, bucket: b, secret_key: k }', /storage\.secret_key needs storage\.access_key/],
    ['{ backend: s3, bucket: b, session_token: k }', /storage\.session_token needs storage\.access_key/],
    ['{ backend: s3, bucket: b, account_key: k }', /storage\.account_key is nothing that s3:\/\/ uses/],
    ['{ path: /p, secret_key: k }', /storage\.secret_key is nothing that file:\/\/ uses/],
    ['{ backend: s3, bucket: "b?x=y" }', /storage\.bucket must be letters/],
    ['{ backend: s3, bucket: b, endpoint: "minio:9000" }', /storage\.endpoint must be an address such as/],
    ['{ backend: s3, bucket: b, endpoint: "http://u:p@h" }', /storage\.endpoint must be an address such as/],
    ['{ backend: s3, bucket: b, prefix: ../up }', /storage\.prefix must be/],
    ['{ backend: swift, bucket: b }', /storage\.backend must be filesystem, s3, ceph/],
    ['{ backend: s3, prefix: p }', /storage\.backend s3 needs storage\.bucket/],
  ]
  for (const [section, message] of wrong) {
    it(`${section} is refused`, async () => {
      const error = await failure({ ...read, text: `storage: ${section}` }, 'KB_CONFIG_INVALID')
      assert.match(error.message.split('\n')[0] ?? '', message)
    })
  }
})

describe('the secrets of a store', () => {
  it('have no flag', () => {
    for (const { path, type, ...rest } of SETTINGS.filter((row) => row.type.kind === 'secret')) {
      assert.equal(flagOf({ path, type, ...rest }), undefined, path)
    }
  })

  it('come from the environment for a location that is a flag, and only those that fit', async () => {
    const env = {
      KAFKA_BACKUP_STORAGE_ACCESS_KEY: 'k',
      KAFKA_BACKUP_STORAGE_SECRET_KEY: 's',
      KAFKA_BACKUP_STORAGE_SAS_TOKEN: 't',
      KAFKA_BACKUP_STORAGE_SESSION_TOKEN: '',
    }
    const flags = { repo: 's3://b/p' }
    assert.deepEqual(secretsOf((await load({ ...read, env, flags })).config), {
      access_key: 'k',
      secret_key: 's',
    })
    const file = await load({ ...read, env, flags: { repo: 'file:///r' } })
    assert.deepEqual(secretsOf(file.config), {})
    const azure = await load({ ...read, env, flags: { repo: 'azure://a/c' } })
    assert.deepEqual(secretsOf(azure.config), { sas_token: 't' })
  })

  it('stand beside a repo in the same file', async () => {
    const text = 'repo: s3://b/p\nstorage: { access_key_id: k, secret_access_key: s, session_token: t }'
    const { config } = await load({ ...read, text })
    assert.equal(config.repositoryUrl, 's3://b/p')
    assert.deepEqual(secretsOf(config), { access_key: 'k', secret_key: 's', session_token: 't' })
  })

  it('do not go to another place than the one that they stand beside', async () => {
    const text = 'storage: { backend: s3, bucket: b, access_key: k, secret_key: "$' + '{UNSET}" }'
    const { config } = await load({ ...read, text, flags: { repo: 's3://other' } })
    assert.equal(config.repositoryUrl, 's3://other')
    assert.deepEqual(secretsOf(config), {})
  })

  it('replace those of the file one by one', async () => {
    const text = 'storage: { backend: s3, bucket: b, access_key: k, secret_key: s }'
    const env = { KAFKA_BACKUP_STORAGE_SECRET_KEY: 'from-environment' }
    const { config } = await load({ ...read, env, text })
    assert.deepEqual(secretsOf(config), { access_key: 'k', secret_key: 'from-environment' })
  })

  it('come from the variables of Azure for the account that they are for', async () => {
    const env = { AZURE_STORAGE_ACCOUNT: 'acct', AZURE_STORAGE_KEY: 'k' }
    const text = 'storage: { backend: azure, container_name: c }'
    const { config } = await load({ ...read, env, text })
    assert.equal(config.repositoryUrl, 'azure://acct/c')
    assert.deepEqual(secretsOf(config), { account_key: 'k' })
    const secretsWith = async (repo: string, more: Record<string, string> = {}) =>
      secretsOf((await load({ ...read, env: { ...env, ...more }, flags: { repo } })).config)
    assert.deepEqual(await secretsWith('az://acct/c/p'), { account_key: 'k' })
    const address = 'blob.core.windows.net/c'
    assert.deepEqual(await secretsWith(`azure://acct.${address}`), { account_key: 'k' })
    assert.deepEqual(await secretsWith(`azure://other.${address}`), {}, 'another account by its address')
    assert.deepEqual(await secretsWith('azure://other/c', { AZURE_STORAGE_ACCOUNT: '' }), {
      account_key: 'k',
    })
    assert.deepEqual(await secretsWith('azure://other/c'), {}, 'the key is that of another account')
    assert.deepEqual(
      await secretsWith('azure://acct/c?use_workload_identity=true'),
      {},
      'an identity is asked for',
    )
    assert.deepEqual(await secretsWith('s3://a/c'), {})
    const sas = { KAFKA_BACKUP_STORAGE_SAS_TOKEN: 't' }
    assert.deepEqual(
      await secretsWith('azure://acct/c', sas),
      { sas_token: 't' },
      'what was set here is meant',
    )
  })

  it('alone are no place', async () => {
    const text = 'storage: { access_key: k, secret_key: s }'
    const error = await failure({ ...read, text }, 'KB_CONFIG_INVALID')
    assert.match(error.message, /^say where the repository is/)
  })
})

function textOf(backend: BackendName, more = ''): { verb: 'read'; text: string } {
  const rest = more === '' ? '' : `, ${more}`
  return { ...read, text: `storage: { ${PLACES[backend]}${rest} }` }
}
