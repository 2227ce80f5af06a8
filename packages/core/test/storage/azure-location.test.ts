import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isKafkaBackupError, type KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { BLOCKS_MAX, blockBytesOf } from '../../src/storage/azure/block-size.ts'
import { openAzure } from '../../src/storage/azure/location.ts'
import type { StorageCredentials } from '../../src/storage/storage-credentials.ts'
import { secrets } from './azure-subject.ts'

const KEY = { account_key: Buffer.from('canary key').toString('base64') }
const SAS = { sas_token: '?sv=2024-01-01&sig=canary%2Fsig' }
const SECRET = { client_secret: 'canary secret' }

function refusal(location: string, credentials: StorageCredentials = new Map()): KafkaBackupError {
  try {
    openAzure(new URL(location), credentials)
  } catch (error) {
    assert.ok(isKafkaBackupError(error, 'KB_LOCATION_INVALID'), String(error))
    return error
  }
  throw new assert.AssertionError({ message: `${location} was opened` })
}

describe('a location of Azure', () => {
  for (const [location, canonical, credentials] of [
    ['azure://account/container', 'azure://account/container'],
    ['azure://account/container/', 'azure://account/container'],
    ['azure://account/my-container/a/b/', 'azure://account/my-container/a/b'],
    ['azure://account/container/a%20b', 'azure://account/container/a%20b'],
    [
      'azure://account/container?endpoint=http%3A%2F%2F127.0.0.1%3A10000',
      'azure://account/container?endpoint=http://127.0.0.1:10000/account',
      KEY,
    ],
    [
      'azure://account/container?endpoint=http://localhost:10000/account/',
      'azure://account/container?endpoint=http://localhost:10000/account',
      SAS,
    ],
    [
      'azure://account/container?endpoint=https://account.blob.core.usgovcloudapi.net/',
      'azure://account/container?endpoint=https://account.blob.core.usgovcloudapi.net',
    ],
    [
      'azure://account/container?tenant_id=t&client_id=c&use_workload_identity=true',
      'azure://account/container?use_workload_identity=true&client_id=c&tenant_id=t',
    ],
    ['azure://account/container?client_id=c', 'azure://account/container?client_id=c'],
    [
      'azure://account/container?client_id=c&tenant_id=t',
      'azure://account/container?client_id=c&tenant_id=t',
      SECRET,
    ],
    ['azure://account/container?single_writer=true', 'azure://account/container?single_writer=true', KEY],
    ['azure://account.blob.core.windows.net/container/a/b', 'azure://account/container/a/b'],
    ['azure://Account.Blob.core.windows.net/container', 'azure://account/container', KEY],
    [
      'azure://account.blob.core.usgovcloudapi.net/container/p',
      'azure://account/container/p?endpoint=https://account.blob.core.usgovcloudapi.net',
    ],
    [
      'azure://account.blob.core.chinacloudapi.cn/container',
      'azure://account/container?endpoint=https://account.blob.core.chinacloudapi.cn',
    ],
    [
      'azure://account.z07.blob.storage.azure.net/container?client_id=c',
      'azure://account/container?endpoint=https://account.z07.blob.storage.azure.net&client_id=c',
    ],
  ] as const) {
    it(`${location} is ${canonical}, which opens the same place`, () => {
      const given = secrets(credentials ?? {})
      assert.equal(openAzure(new URL(location), given).location, canonical)
      assert.equal(openAzure(new URL(canonical), given).location, canonical)
    })
  }

  for (const [location, message, hint] of [
    ['azure://account', /names no container/, /azure:\/\/ACCOUNT\/CONTAINER/],
    ['azure://account/', /names no container/, /azure:\/\/ACCOUNT\/CONTAINER/],
    ['azure://account/Container', /names no container/, /small letters/],
    ['azure://account/a--b', /names no container/, /hyphens/],
    ['azure://account/$root', /names no container/, /hyphens/],
    ['azure:///container', /names no account/, /ACCOUNT/],
    ['azure://Account/container', /names no account/, /small letters/],
    ['azure://account-secondary.blob.core.windows.net/container', /names no account/, /short name/],
    ['azure://account.blob.core.windows.net.example.com/c', /names no account/, /endpoint=https:\/\/HOST/],
    ['azure://blobs.example.com/container', /names no account/, /endpoint=https:\/\/HOST/],
    ['azure://account.dfs.core.windows.net/container', /a Data Lake/, /not supported/],
    ['azure://account.blob.core.windows.net', /names no container/, /azure:\/\/ACCOUNT\/CONTAINER/],
    ['azure://account.blob.core.windows.net:443/container', /it has a port/, /endpoint=/],
    ['azure://canary@account.blob.core.windows.net/prefix', /before an @/, /ACCOUNT\/CONTAINER\/PREFIX/],
    [
      'azure://account.blob.core.windows.net/container?endpoint=https://account.blob.core.windows.net',
      /two addresses/,
      /leave the endpoint out/,
    ],
    ['azure://account:443/container', /it has a port/, /endpoint=http:\/\/HOST:PORT/],
    ['azure://account/container/a//b', /empty, \. or \.\./, /folder/],
    ['azure://account/container/%2e%2e%2fb', /empty, \. or \.\./, /folder/],
    ['azure://account/container?regoin=x', /unknown parameter regoin/, /It takes endpoint/],
    ['azure://account/container?client-id=x', /unknown parameter client-id/, /Did you mean client_id\?/],
    ['azure://account/container?account_key=canary', /account_key does not belong/, /storage\.account_key/],
    ['azure://account/container?sas_token=canary', /sas_token does not belong/, /storage\.sas_token/],
    ['azure://account/container?client_secret=canary', /does not belong/, /storage\.client_secret/],
    ['azure://account/container?sv=1&sig=canary', /a SAS token does not belong/, /storage\.sas_token/],
    ['azure://account/container?sv=1', /unknown parameter sv/, /It takes endpoint/],
    ['azure://u:canary@account/container', /takes no account/, /environment/],
    ['azure://account/container#canary', /it has a #/, /%23/],
    ['azure://account/container?endpoint=h:1', /not the address of a server/, /https:/],
    ['azure://account/container?endpoint=https://h/%3Fsig=canary?sig=canary', /not the address/, /token/],
    ['azure://account/container?endpoint=http://127.0.0.1:1', /not encrypted/, /storage\.account_key/],
    ['azure://account/container?use_workload_identity=yes', /neither true nor false/, /=true/],
    ['azure://account/container?tenant_id=t', /tenant_id without a client_id/, /client_id/],
  ] as const) {
    it(`${location} is refused without its values`, () => {
      const error = refusal(location)
      assert.match(error.message, message)
      assert.match(error.hint, hint)
      assert.doesNotMatch(error.message + error.hint, /canary/)
    })
  }

  const workload = '?use_workload_identity=true'
  const both = '?client_id=c&tenant_id=t'
  for (const [given, query, message] of [
    [{ ...KEY, sas_token: 'canary' }, '', /SAS token has no signature/],
    [{ ...KEY, ...SAS }, '?client_id=c', /and an identity, are given/],
    [{ account_key: 'canary!' }, '', /account key is not base64/],
    [{ account_key: 'canar' }, '', /account key is not base64/],
    [{ sas_token: 'sv=1&canary' }, '', /SAS token has no signature/],
    [{ sas_token: 'sv=1&sig=' }, '', /SAS token has no signature/],
    [KEY, '?client_id=c', /and an identity, are given/],
    [KEY, workload, /and an identity, are given/],
    [{ ...KEY, ...SECRET }, '', /and an identity, are given/],
    [SAS, '?client_id=c&tenant_id=t', /and an identity, are given/],
    [SECRET, '', /no client or no tenant/],
    [SECRET, '?client_id=c', /no client or no tenant/],
    [SECRET, `${both}&use_workload_identity=true`, /a client secret and a workload identity/],
  ] as const) {
    it(`refuses ${Object.keys(given).join(' and ')} with "${query}"`, () => {
      const error = refusal(`azure://account/container${query}`, secrets(given))
      assert.match(error.message, message)
      assert.notEqual(error.hint, '')
      assert.doesNotMatch(error.message + error.hint, /canar/)
    })
  }

  it('tells what the store can do', () => {
    const plain = openAzure(new URL('azure://account/container'), new Map())
    assert.deepEqual(plain.capabilities, { putIfAbsent: true, readAfterWrite: true })
    const vouched = openAzure(new URL('azure://account/container?single_writer=true'), new Map())
    assert.deepEqual(vouched.capabilities, {
      putIfAbsent: false,
      readAfterWrite: true,
      hasSingleWriter: true,
    })
  })
})

describe('the blocks of an upload to Azure', () => {
  it('hold 20 TiB within their number, and are small in the first 7 GiB', () => {
    let bytes = 0
    for (let number = 1; number <= BLOCKS_MAX; number++) bytes += blockBytesOf(number)
    assert.ok(bytes >= 20 * 2 ** 40, `${bytes}`)
    assert.ok(blockBytesOf(BLOCKS_MAX) <= 4_000 * 2 ** 20)
    for (let number = 1; number <= 7 * 128; number++) assert.equal(blockBytesOf(number), 8 * 2 ** 20)
  })
})
