import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openParts } from '../../src/plugin/open-parts.ts'
import { Registry } from '../../src/plugin/registry.ts'
import { openLocation } from '../../src/storage/backend-registry.ts'
import { load } from './sandbox.ts'

const STORAGES = new Registry().use(openParts).freeze().storages
const KEY = Buffer.alloc(64, 7).toString('base64')

/** By backend: what it needs, and every other key that files for the program in Rust can have, with what goes with it. */
const ROWS: Readonly<Record<string, readonly [needs: string, keys: readonly string[]]>> = {
  s3: [
    'bucket: bucket',
    [
      'region: eu-central-1',
      'endpoint: "http://minio:9000"',
      'access_key: k, secret_key: s',
      'access_key_id: k, secret_access_key: s',
      'prefix: p',
      'prefix: ""',
      'prefix:',
      'path_style: true',
      'path_style: false',
      'allow_http: false',
      'endpoint: "http://minio:9000", allow_http: true, path_style: true',
    ],
  ],
  azure: [
    'account_name: account, container_name: container',
    [
      `account_key: "${KEY}"`,
      `account_key: "${KEY}", use_workload_identity: false`,
      'prefix: p',
      'prefix: ""',
      `endpoint: "http://127.0.0.1:10000", account_key: "${KEY}"`,
      'use_workload_identity: true',
      'use_workload_identity: false',
      'client_id: i',
      'client_id: i, tenant_id: t',
      'client_id: i, tenant_id: t, client_secret: s',
      'sas_token: "sv=2024-11-04&sig=abc"',
      'sas_token: "?sv=2024-11-04&sig=abc"',
    ],
  ],
  gcs: [
    'bucket: bucket',
    [
      'service_account_path: /etc/key.json',
      'credentials_file: /etc/key.json',
      'prefix: p',
      'prefix: ""',
      'project_id: p',
    ],
  ],
  filesystem: ['path: /var/backups', []],
  memory: ['', []],
}

describe('a file for the program in Rust', () => {
  for (const [backend, [needs, keys]] of Object.entries(ROWS)) {
    for (const more of ['', ...keys]) {
      const section = [`backend: ${backend}`, needs, more].filter((part) => part !== '').join(', ')
      it(`names a store that can be opened by { ${section} }`, async () => {
        const { config } = await load({ verb: 'read', text: `storage: { ${section} }` })
        assert.ok(config.repositoryUrl)
        const storage = openLocation(config.repositoryUrl, STORAGES, config.storageCredentials)
        await storage.close()
      })
    }
  }

  for (const [location, ours] of [
    ['s3a://bucket/p?region=eu-central-1', 's3://bucket/p?region=eu-central-1'],
    ['S3A://bucket/p', 's3://bucket/p'],
    ['az://account/container', 'azure://account/container'],
    ['azure://account/container', 'azure://account/container'],
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
})
