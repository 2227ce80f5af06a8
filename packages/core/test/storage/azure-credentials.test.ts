import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { inspect } from 'node:util'
import { ContainerSASPermissions } from '@azure/storage-blob'
import { type AzureServer, startAzureServer } from '../../../testkit/src/stores/azurite.ts'
import type { KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { placeFactsOf } from '../../src/storage/azure/inspection.ts'
import { openAzure } from '../../src/storage/azure/location.ts'
import type { StorageCredentials } from '../../src/storage/storage-credentials.ts'
import { clientOf, expectSilent, failuresOf, freshContainer, keyOf, secrets } from './azure-subject.ts'
import { errorXml, openLossyProxy } from './lossy-proxy.ts'

const CANARY = 'canary/zQ7+secret'
const CANARY_KEY = Buffer.from(CANARY).toString('base64')
const HOUR_MS = 60 * 60_000

describe('credentials for Azure', () => {
  let server: AzureServer
  let container: string

  before(async () => {
    server = await startAzureServer()
    container = await freshContainer(server)
  })
  after(() => server?.close())

  const open = (credentials: StorageCredentials, endpoint = server.endpoint, place = container) =>
    openAzure(new URL(`azure://${server.account}/${place}/prefix?endpoint=${endpoint}`), credentials)

  async function sas(permissions: string, expiresInMs = HOUR_MS): Promise<string> {
    const address = await clientOf(server, container).generateSasUrl({
      permissions: ContainerSASPermissions.parse(permissions),
      startsOn: new Date(Date.now() - 2 * HOUR_MS),
      expiresOn: new Date(Date.now() + expiresInMs),
    })
    return new URL(address).search.slice(1)
  }

  /** A store that answers everything so, and repeats the secret. */
  async function refused(
    status: number,
    code: string,
    given: Parameters<typeof secrets>[0],
  ): Promise<KafkaBackupError[]> {
    await using proxy = await openLossyProxy(new URL(server.endpoint).origin)
    proxy.decide = () => ({ refuse: status, body: errorXml(code, `secret ${CANARY}`) })
    return await failuresOf(open(secrets(given), `${proxy.endpoint}/${server.account}`))
  }

  it('can be a SAS token, with its question mark or without it', async () => {
    const token = await sas('rcwl')
    for (const [at, written] of [token, `?${token}`].entries()) {
      const backend = open(secrets({ sas_token: written }))
      await backend.put(`sas-${at}`, Buffer.from('x'))
      const writer = await backend.openWrite(`sas-large-${at}`)
      await writer.write([Buffer.alloc(9 * 1024 * 1024, at)])
      await writer.commit()
      await backend.replace('manifest', Buffer.from('x'))
      assert.equal((await backend.stat(`sas-large-${at}`))?.bytes, 9 * 1024 * 1024)
      assert.deepEqual(await backend.listFolders(''), [])
      expectSilent(backend, [token, new URLSearchParams(token).get('sig') ?? ''])
      await backend.close()
    }
  })

  it('are a SAS token where a key is given too, whatever the key is', async () => {
    const sent: string[] = []
    await using proxy = await openLossyProxy(new URL(server.endpoint).origin)
    proxy.decide = (_method, path) => {
      sent.push(path)
      return 'pass'
    }
    const given = secrets({ account_key: CANARY_KEY, sas_token: await sas('rcwl') })
    const backend = open(given, `${proxy.endpoint}/${server.account}`)
    await backend.put('sas-before-key', Buffer.from('x'))
    await backend.close()
    assert.ok(sent.length > 0 && sent.every((path) => path.includes('sig=')), String(sent.length))
  })

  it('never show in what is printed of a backend', () => {
    for (const given of [{ account_key: CANARY_KEY }, { sas_token: `sv=1&sig=${CANARY}` }] as const) {
      expectSilent(open(secrets(given)), [CANARY, CANARY_KEY, encodeURIComponent(CANARY)])
    }
    const place = new URL('azure://account/container?client_id=c&tenant_id=t')
    expectSilent(openAzure(place, secrets({ client_secret: CANARY })), [CANARY])
  })

  const troubles: readonly {
    readonly name: string
    readonly code: string
    readonly says: RegExp
    readonly hint: RegExp
    readonly run: () => Promise<KafkaBackupError[]>
  }[] = [
    {
      name: 'a wrong key',
      code: 'KB_STORAGE_PERMISSION',
      // Azurite has this name for it; that of Azure is below.
      says: /access is denied \(AuthorizationFailure, 403\)/,
      hint: /Check the key or the token/,
      run: () => failuresOf(open(secrets({ account_key: CANARY_KEY }))),
    },
    {
      name: 'a SAS token with a wrong signature',
      code: 'KB_STORAGE_PERMISSION',
      says: /access is denied \(AuthorizationFailure, 403\)/,
      hint: /Check the key or the token/,
      run: async () => {
        const parameters = new URLSearchParams(await sas('rcwdl'))
        parameters.set('sig', CANARY)
        return failuresOf(open(secrets({ sas_token: String(parameters) })))
      },
    },
    {
      name: 'a SAS token that has expired',
      code: 'KB_STORAGE_PERMISSION',
      says: /access is denied \(AuthorizationFailure, 403\)/,
      hint: /Check the key or the token/,
      run: async () => failuresOf(open(secrets({ sas_token: await sas('rcwdl', -HOUR_MS) }))),
    },
    {
      name: 'a key, a signature or a token that Azure refuses',
      code: 'KB_STORAGE_PERMISSION',
      says: /the store refuses the key or the token \(AuthenticationFailed, 403\)/,
      hint: /token has not expired/,
      run: () => refused(403, 'AuthenticationFailed', { sas_token: `sv=1&sig=${CANARY}` }),
    },
    {
      name: 'a container that is not there',
      code: 'KB_LOCATION_INVALID',
      says: /container absent-one: there is no such container/,
      hint: /kafka-backup makes none/,
      run: () => failuresOf(open(keyOf(server), server.endpoint, 'absent-one')),
    },
    {
      name: 'a server that is not there',
      code: 'KB_STORAGE_UNAVAILABLE',
      says: /nothing answers at this address \(ECONNREFUSED\)/,
      hint: /reachable/,
      run: () => failuresOf(open(secrets({ sas_token: `sv=1&sig=${CANARY}` }), 'http://127.0.0.1:1/account')),
    },
    {
      name: 'an answer that nobody knows and that repeats the secret',
      code: 'KB_STORAGE_UNSUPPORTED',
      says: /the store refuses the request \(Curious, 418\)/,
      hint: /documentation of Azure/,
      run: () => refused(418, 'Curious', { sas_token: `sv=1&sig=${CANARY}` }),
    },
    {
      name: 'an answer whose name is one of JavaScript',
      code: 'KB_STORAGE_UNSUPPORTED',
      says: /the store refuses the request \(constructor, 400\)/,
      hint: /documentation of Azure/,
      run: () => refused(400, 'constructor', { account_key: CANARY_KEY }),
    },
  ]
  for (const { name, code, says, hint, run } of troubles) {
    it(`says what to do about ${name}, and keeps every secret`, async () => {
      const errors = await run()
      for (const error of errors) {
        assert.equal(error.code, code, error.message)
        expectSilent(error, [CANARY, CANARY_KEY, encodeURIComponent(CANARY), server.accountKey, 'sig='])
        assert.equal(error.cause, undefined, inspect(error.cause))
      }
      const [first] = errors
      assert.match(first?.message ?? '', says)
      assert.match(first?.hint ?? '', hint)
    })
  }

  it('that may only read are told what is missing when something is written', async () => {
    const backend = open(secrets({ sas_token: await sas('rl') }))
    await assert.rejects(backend.put('denied', Buffer.from('x')), (error: KafkaBackupError) => {
      assert.equal(error.code, 'KB_STORAGE_PERMISSION')
      assert.match(error.hint, /permissions rcwl/)
      return true
    })
    await backend.close()
  })
})

describe('what Azure says of a container', () => {
  for (const [versions, policy, hold, expected] of [
    [undefined, undefined, undefined, ['unknown', 'unknown', null]],
    [false, false, false, ['unknown', 'off', null]],
    [true, false, false, ['on', 'on', null]],
    [false, true, false, ['unknown', 'on', 'a policy of the container']],
    [false, true, true, ['unknown', 'on', 'a policy and a legal hold of the container']],
  ] as const) {
    it(`is ${expected.join(', ')} for versions ${versions}, policy ${policy}, hold ${hold}`, () => {
      const facts = placeFactsOf({
        ...(versions === undefined ? {} : { isImmutableStorageWithVersioningEnabled: versions }),
        ...(policy === undefined ? {} : { hasImmutabilityPolicy: policy }),
        ...(hold === undefined ? {} : { hasLegalHold: hold }),
      })
      assert.deepEqual([facts.versioning, facts.objectLock, facts.defaultRetention], expected)
    })
  }

  it('is asked with a key, and unknown to a SAS token', async () => {
    await using server = await startAzureServer()
    const container = await freshContainer(server)
    const place = new URL(`azure://${server.account}/${container}?endpoint=${server.endpoint}`)
    const backend = openAzure(place, keyOf(server))
    assert.deepEqual(await backend.inspectPlace?.(), {
      versioning: 'unknown',
      objectLock: 'off',
      defaultRetention: null,
    })
    await backend.close()
    await using proxy = await openLossyProxy(new URL(server.endpoint).origin)
    proxy.decide = () => ({ refuse: 403, body: errorXml('AuthorizationFailure') })
    const endpoint = `${proxy.endpoint}/${server.account}`
    const token = secrets({ sas_token: 'sv=1&sig=x' })
    const poor = openAzure(new URL(`azure://${server.account}/${container}?endpoint=${endpoint}`), token)
    assert.deepEqual(await poor.inspectPlace?.(), {
      versioning: 'unknown',
      objectLock: 'unknown',
      defaultRetention: null,
    })
    await poor.close()
  })
})
