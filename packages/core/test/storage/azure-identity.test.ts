import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { inspect } from 'node:util'
import { createAuthority } from '../../../testkit/src/certificates.ts'
import { type AzureServer, startAzureServer } from '../../../testkit/src/stores/azurite.ts'
import { readAuthority } from '../../src/storage/azure/authority.ts'
import { identityKind } from '../../src/storage/azure/identity.ts'
import { openAzure } from '../../src/storage/azure/location.ts'
import type { CredentialName } from '../../src/storage/storage-credentials.ts'
import { expectSilent, failuresOf, freshContainer, secrets } from './azure-subject.ts'
import { openIdentityService, openTokenAuthority, type TokenAuthority } from './token-authority.ts'

const SECRET = 'canary/zQ7+secret'
const APPLICATION = '&client_id=our-client&tenant_id=our-tenant'
// All that the library looks at here; the services of this machine must not be asked.
const VARIABLES = [
  'AZURE_AUTHORITY_HOST',
  'AZURE_CLIENT_CERTIFICATE_PATH',
  'AZURE_CLIENT_ID',
  'AZURE_CLIENT_SECRET',
  'AZURE_FEDERATED_TOKEN_FILE',
  'AZURE_TENANT_ID',
  'AZURE_TOKEN_CREDENTIALS',
  'IDENTITY_ENDPOINT',
  'IDENTITY_HEADER',
]

describe('an identity for Azure', () => {
  let folder: string
  let server: AzureServer
  let container: string
  let authority: TokenAuthority
  const saved = VARIABLES.map((name) => [name, process.env[name]] as const)
  const trusted = getCACertificates('default')

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kb-azure-identity-'))
    const issuer = createAuthority('authority of the test')
    const certificate = issuer.issue({ commonName: 'localhost', hosts: ['127.0.0.1'] })
    setDefaultCACertificates([...trusted, issuer.certificatePem])
    const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
    await writeFile(certFile, certificate.certificatePem)
    await writeFile(keyFile, certificate.keyPem)
    server = await startAzureServer({ tls: { certFile, keyFile } })
    container = await freshContainer(server)
    authority = await openTokenAuthority(certificate)
  })
  after(async () => {
    await authority?.[Symbol.asyncDispose]()
    await server?.close()
    setDefaultCACertificates(trusted)
    await rm(folder, { recursive: true, force: true })
  })

  beforeEach(() => {
    for (const name of VARIABLES) delete process.env[name]
    process.env.AZURE_AUTHORITY_HOST = authority.host
    process.env.AZURE_TOKEN_CREDENTIALS = 'EnvironmentCredential'
    authority.answer = 'token'
  })
  afterEach(() => {
    for (const [name, value] of saved) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  })

  const open = (query: string, given: Partial<Record<CredentialName, string>> = {}) =>
    openAzure(
      new URL(`azure://${server.account}/${container}/p?endpoint=${server.endpoint}${query}`),
      secrets(given),
    )

  let count = 0
  /** Writes and reads with a backend, and tells what the authority was sent for it. */
  async function formOf(backend: ReturnType<typeof open>): Promise<Record<string, string>> {
    const before = authority.seen.length
    const key = `object-${++count}`
    await backend.put(key, Buffer.from('x'))
    assert.equal((await backend.read(key, 10)).toString(), 'x')
    expectSilent(backend, [SECRET])
    await backend.close()
    assert.equal(authority.seen.length, before + 1, 'a token is used until it expires')
    return Object.fromEntries(authority.seen.at(-1) ?? [])
  }

  it('is the application whose secret is given', async () => {
    const form = await formOf(open(APPLICATION, { client_secret: SECRET }))
    assert.equal(form.client_id, 'our-client')
    assert.equal(form.client_secret, SECRET)
    assert.equal(form.scope, 'https://storage.azure.com/.default')
  })

  it('is that of the workload, with the token in its file', async () => {
    const file = join(folder, 'federated')
    await writeFile(file, 'token-of-the-cluster')
    process.env.AZURE_FEDERATED_TOKEN_FILE = file
    process.env.AZURE_CLIENT_ID = 'client-of-the-cluster'
    process.env.AZURE_TENANT_ID = 'tenant-of-the-cluster'
    const given = await formOf(open(`&use_workload_identity=true${APPLICATION}`))
    assert.equal(given.client_id, 'our-client')
    assert.equal(given.client_assertion, 'token-of-the-cluster')
    const found = await formOf(open('&use_workload_identity=true'))
    assert.equal(found.client_id, 'client-of-the-cluster')
    process.env.AZURE_TOKEN_CREDENTIALS = 'WorkloadIdentityCredential'
    const chained = await formOf(open('&client_id=our-client'))
    assert.equal(chained.client_id, 'our-client')
    assert.equal(chained.client_assertion, 'token-of-the-cluster')
  })

  it('comes from the variables of Azure when nothing is given', async () => {
    process.env.AZURE_CLIENT_ID = 'client-of-the-variables'
    process.env.AZURE_TENANT_ID = 'tenant-of-the-variables'
    process.env.AZURE_CLIENT_SECRET = SECRET
    assert.equal((await formOf(open(''))).client_id, 'client-of-the-variables')
    const file = join(folder, 'unused')
    await writeFile(file, 'token-of-the-cluster')
    process.env.AZURE_FEDERATED_TOKEN_FILE = file
    const form = await formOf(open('&use_workload_identity=false'))
    assert.equal(form.client_secret, SECRET)
    assert.equal(form.client_assertion, undefined)
  })

  it('is the managed one of the machine, asked for by its client id where that is given', async () => {
    const machine = await openIdentityService('our-tenant')
    try {
      process.env.AZURE_TOKEN_CREDENTIALS = 'ManagedIdentityCredential'
      process.env.IDENTITY_ENDPOINT = machine.address
      process.env.IDENTITY_HEADER = SECRET
      const before = authority.seen.length
      // The library keeps the token of an identity for the whole process, so that each is another one.
      const ways = ['', '&use_workload_identity=false&client_id=other-client', '&client_id=our-client']
      for (const [at, query] of ways.entries()) {
        const backend = open(query)
        await backend.put(`machine-${at}`, Buffer.from('x'))
        expectSilent(backend, [SECRET])
        await backend.close()
      }
      assert.equal(authority.seen.length, before, 'nobody else is asked')
      assert.deepEqual(
        machine.seen.map(({ resource, clientId, header }) => [resource, clientId, header]),
        [null, 'other-client', 'our-client'].map((id) => ['https://storage.azure.com', id, SECRET]),
      )
    } finally {
      await machine[Symbol.asyncDispose]()
    }
  })

  it('has one kind for each way in which it is asked for', () => {
    const none = { usesWorkload: undefined, clientId: undefined, tenantId: undefined }
    assert.equal(identityKind(none, false), 'chain')
    assert.equal(identityKind(none, true), 'secret')
    assert.equal(identityKind({ ...none, usesWorkload: true }, false), 'workload')
    assert.equal(identityKind({ ...none, usesWorkload: false }, false), 'chain-without-workload')
    assert.equal(identityKind({ ...none, usesWorkload: false }, true), 'secret')
  })

  it('is asked for in the public cloud where the variable of the authority is empty', async () => {
    const authorities = ['', undefined, 'https://login.microsoftonline.us/'].map((host) =>
      readAuthority({ AZURE_AUTHORITY_HOST: host }),
    )
    assert.deepEqual(authorities, [{}, {}, {}])
    assert.equal(readAuthority({ AZURE_AUTHORITY_HOST: authority.host }).disableInstanceDiscovery, true)
  })

  const refusal = `{"error":"invalid_client","error_description":"AADSTS7000215: ${SECRET} is wrong"}`
  const application = () => open(APPLICATION, { client_secret: SECRET })
  const troubles: readonly {
    readonly name: string
    readonly code: string
    readonly says: RegExp
    readonly open: () => ReturnType<typeof open>
  }[] = [
    {
      name: 'a wrong secret',
      code: 'KB_STORAGE_PERMISSION',
      says: /the identity was refused \(AADSTS7000215\)/,
      open: () => {
        authority.answer = { status: 401, body: refusal }
        return application()
      },
    },
    {
      name: 'an authority that is busy',
      code: 'KB_STORAGE_UNAVAILABLE',
      says: /the service that issues tokens does not answer/,
      open: () => {
        authority.answer = { status: 503, body: 'busy' }
        return application()
      },
    },
    {
      name: 'an authority that is not there',
      code: 'KB_STORAGE_UNAVAILABLE',
      says: /the service that issues tokens does not answer/,
      open: () => {
        process.env.AZURE_AUTHORITY_HOST = 'https://127.0.0.1:1'
        return application()
      },
    },
    ...['nonsense', `https://:${SECRET}@`, 'http://127.0.0.1:1', 'login.microsoftonline.com'].map((host) => ({
      name: `an authority whose address is ${host.replace(SECRET, '…')}`,
      code: 'KB_CONFIG_INVALID',
      says: /the variable AZURE_AUTHORITY_HOST is not the address of a server/,
      open: () => {
        process.env.AZURE_AUTHORITY_HOST = host
        return application()
      },
    })),
    {
      name: 'a workload without an identity',
      code: 'KB_STORAGE_PERMISSION',
      says: /no credentials were found/,
      open: () => open('&use_workload_identity=true'),
    },
    {
      name: 'a workload whose token is not there',
      code: 'KB_CONFIG_UNREADABLE',
      says: /AZURE_FEDERATED_TOKEN_FILE names cannot be read: .*absent \(ENOENT\)/,
      open: () => {
        process.env.AZURE_FEDERATED_TOKEN_FILE = join(folder, 'absent')
        return open(`&use_workload_identity=true${APPLICATION}`)
      },
    },
    {
      name: 'an application whose certificate is not there',
      code: 'KB_CONFIG_UNREADABLE',
      says: /AZURE_CLIENT_CERTIFICATE_PATH names cannot be read: .*absent \(ENOENT\)/,
      open: () => {
        process.env.AZURE_CLIENT_ID = 'our-client'
        process.env.AZURE_TENANT_ID = 'our-tenant'
        process.env.AZURE_CLIENT_CERTIFICATE_PATH = join(folder, 'absent')
        return open('')
      },
    },
    {
      name: 'no credentials at all',
      code: 'KB_STORAGE_PERMISSION',
      says: /no credentials were found/,
      open: () => open(''),
    },
    {
      name: 'a variable that the library does not know',
      code: 'KB_STORAGE_PERMISSION',
      says: /no credentials were found/,
      open: () => {
        process.env.AZURE_TOKEN_CREDENTIALS = SECRET
        return open('')
      },
    },
  ]
  for (const trouble of troubles) {
    it(`says what to do about ${trouble.name}, and keeps every secret`, async () => {
      const errors = await failuresOf(trouble.open())
      for (const error of errors) {
        assert.equal(error.code, trouble.code, error.message)
        expectSilent(error, [SECRET, encodeURIComponent(SECRET), 'token-of-the-cluster'])
        assert.equal(error.cause, undefined, inspect(error.cause))
      }
      assert.match(errors[0]?.message ?? '', trouble.says)
      assert.notEqual(errors[0]?.hint, '')
    })
  }
})
