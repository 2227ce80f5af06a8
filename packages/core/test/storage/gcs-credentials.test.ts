import assert from 'node:assert/strict'
import { generateKeyPairSync, verify } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { inspect } from 'node:util'
import { createAuthority } from '../../../testkit/src/certificates.ts'
import { type GcsServer, missingGcsServer, startGcsServer } from '../../../testkit/src/stores/fake-gcs.ts'
import { openGcs } from '../../src/storage/gcs/location.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { expectSilent, failuresOf } from './azure-subject.ts'
import { errorJson, freshBucket } from './gcs-subject.ts'
import { type GoogleFront, openGoogleFront } from './google-front.ts'
import { openLossyProxy } from './lossy-proxy.ts'

// All that the library looks at here; the services of this machine and of Google must not be asked.
const VARIABLES = [
  'CLOUDSDK_CONFIG',
  'GCE_METADATA_HOST',
  'GCE_METADATA_IP',
  'GOOGLE_APPLICATION_CREDENTIALS',
  'HTTPS_PROXY',
  'METADATA_SERVER_DETECTION',
  'NO_PROXY',
]
const MIB = 1024 * 1024
const USER = { type: 'authorized_user', client_id: 'c', client_secret: 'canary', refresh_token: 'canary' }
const IMPERSONATION = {
  type: 'impersonated_service_account',
  source_credentials: USER,
  service_account_impersonation_url: 'https://iamcredentials.googleapis.com/v1/a:generateAccessToken',
}

describe('credentials for Google Cloud Storage', { skip: missingGcsServer() }, () => {
  let folder: string
  let keyFile: string
  let server: GcsServer
  let bucket: string
  let front: GoogleFront
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const privateKey = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  /** A line of the key, as it would be recognized anywhere. */
  const keyLine = privateKey.split('\n')[3] ?? ''
  const saved = VARIABLES.map((name) => [name, process.env[name]] as const)
  const trusted = getCACertificates('default')

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kb-gcs-credentials-'))
    keyFile = await fileOf('key.json', { ...KEY, private_key: privateKey })
    const authority = createAuthority('authority of the test')
    setDefaultCACertificates([...trusted, authority.certificatePem])
    const hosts = ['127.0.0.1', 'oauth2.googleapis.com', 'sts.googleapis.com']
    server = await startGcsServer()
    bucket = await freshBucket(server)
    front = await openGoogleFront(server.endpoint, authority.issue({ commonName: 'front', hosts }))
  })
  after(async () => {
    await front?.[Symbol.asyncDispose]()
    await server?.close()
    setDefaultCACertificates(trusted)
    await rm(folder, { recursive: true, force: true })
  })

  beforeEach(() => {
    for (const name of VARIABLES) delete process.env[name]
    process.env.CLOUDSDK_CONFIG = folder
    process.env.METADATA_SERVER_DETECTION = 'none'
    process.env.HTTPS_PROXY = front.proxy
    process.env.NO_PROXY = '127.0.0.1'
    front.answer = 'token'
    front.seen.length = 0
  })
  afterEach(() => {
    for (const [name, value] of saved) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  })

  const KEY = { type: 'service_account', client_email: 'writer@project.example', private_key_id: 'canary-id' }

  async function fileOf(name: string, document: unknown): Promise<string> {
    const path = join(folder, name)
    await writeFile(path, typeof document === 'string' ? document : JSON.stringify(document))
    return path
  }

  /** As a workload outside of Google has it. */
  const exchangeOf = async () => ({
    type: 'external_account',
    audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: `${front.endpoint}/token`,
    credential_source: { file: await fileOf('subject', 'canary-token-of-the-cluster') },
  })

  const open = (query = '', endpoint = front.endpoint) =>
    openGcs(new URL(`gs://${bucket}/prefix?endpoint=${endpoint}${query}`))

  const secretsNow = (): string[] => [keyLine, privateKey, 'canary', ...front.tokens]

  let count = 0
  /** Uses a backend in every way, and tells what was sent to get tokens. */
  async function use(backend: StorageBackend): Promise<GoogleFront['seen']> {
    const key = `object-${++count}`
    await backend.put(key, Buffer.from('x'))
    assert.equal((await backend.read(key, 10)).toString(), 'x')
    const writer = await backend.openWrite(`${key}-large`)
    await writer.write([Buffer.alloc(9 * MIB, 1)])
    await writer.commit()
    assert.equal((await backend.stat(`${key}-large`))?.bytes, 9 * MIB)
    expectSilent(backend, secretsNow())
    await backend.close()
    return front.seen
  }

  it('are the key in the file that is given, before those of the environment', async (t) => {
    process.env.GOOGLE_APPLICATION_CREDENTIALS = join(folder, 'absent.json')
    const { mock } = t.mock.method(console, 'warn')
    const [form, ...more] = await use(open(`&service_account_path=${keyFile}`))
    assert.deepEqual(
      mock.calls,
      [],
      'what a library thinks of its callers is nothing for who runs the program',
    )
    assert.deepEqual(more, [], 'a token is used until it expires')
    assert.ok(form instanceof URLSearchParams)
    const [head = '', claims = '', signature = ''] = (form.get('assertion') ?? '').split('.')
    const signed = Buffer.from(`${head}.${claims}`)
    assert.ok(verify('sha256', signed, pair.publicKey, Buffer.from(signature, 'base64url')))
    const { iss, scope } = JSON.parse(Buffer.from(claims, 'base64url').toString())
    assert.equal(iss, KEY.client_email)
    assert.match(scope, /devstorage/)
  })

  it('come from the file that the environment names when none is given', async () => {
    process.env.GOOGLE_APPLICATION_CREDENTIALS = keyFile
    const [form] = await use(open())
    assert.ok(form instanceof URLSearchParams && form.has('assertion'))
  })

  for (const [way, isGiven] of [
    ['is given', true],
    ['the environment names', false],
  ] as const)
    it(`can be a token of another identity that is exchanged, as the file that ${way} says, without a warning`, async (t) => {
      const { mock } = t.mock.method(console, 'warn')
      const file = await fileOf('exchange.json', await exchangeOf())
      if (!isGiven) process.env.GOOGLE_APPLICATION_CREDENTIALS = file
      const [form] = await use(open(isGiven ? `&service_account_path=${file}` : ''))
      assert.ok(form instanceof URLSearchParams)
      assert.equal(form.get('subject_token'), 'canary-token-of-the-cluster')
      assert.deepEqual(mock.calls, [])
    })

  it('come from the machine when nothing is given', async () => {
    process.env.METADATA_SERVER_DETECTION = 'assume-present'
    process.env.GCE_METADATA_HOST = front.metadataHost
    assert.deepEqual(await use(open()), ['machine'])
  })

  it('that the machine cannot give are told by the error, and not by a warning of the library', async () => {
    const odd = createServer((_request, response) => void response.writeHead(500).end()).listen(
      0,
      '127.0.0.1',
    )
    await once(odd, 'listening')
    delete process.env.METADATA_SERVER_DETECTION
    process.env.GCE_METADATA_HOST = `127.0.0.1:${(odd.address() as AddressInfo).port}`
    const warnings: string[] = []
    const listen = ({ name }: Error) => void warnings.push(name)
    process.on('warning', listen)
    try {
      const [error] = await failuresOf(open())
      assert.match(error?.message ?? '', /no credentials were found/)
      process.emitWarning('another one passes', 'OwnWarning')
      await delay(0)
      assert.deepEqual(warnings, ['OwnWarning'])
    } finally {
      process.off('warning', listen)
      odd.closeAllConnections()
      odd.close()
    }
  })

  it('are not asked for where nothing is encrypted', async () => {
    process.env.GOOGLE_APPLICATION_CREDENTIALS = keyFile
    await using proxy = await openLossyProxy(server.endpoint)
    assert.deepEqual(await use(open('', proxy.endpoint)), [])
  })

  const refusal = JSON.stringify({ error: 'invalid_grant', error_description: 'canary is wrong' })
  const troubles: readonly {
    readonly name: string
    readonly code: string
    readonly says: RegExp
    readonly open: () => Promise<StorageBackend> | StorageBackend
  }[] = [
    {
      name: 'a key that was removed',
      code: 'KB_STORAGE_PERMISSION',
      says: /the credentials were refused \(invalid_grant, 400\)/,
      open: () => {
        front.answer = { status: 400, body: refusal }
        return open(`&service_account_path=${keyFile}`)
      },
    },
    {
      name: 'a token that the store does not take',
      code: 'KB_STORAGE_PERMISSION',
      says: /the store refuses the credentials \(authError, 401\)/,
      open: () => {
        front.answer = { status: 200, body: '{"access_token":"canary-token","expires_in":3600}' }
        return open(`&service_account_path=${keyFile}`)
      },
    },
    {
      name: 'a file that is not there',
      code: 'KB_CONFIG_UNREADABLE',
      says: /storage\.service_account_path names cannot be read: \/nowhere\/at\/all\.json \(ENOENT\)/,
      open: () => open('&service_account_path=/nowhere/at/all.json'),
    },
    {
      name: 'a file of the environment that is not there',
      code: 'KB_CONFIG_UNREADABLE',
      says: /GOOGLE_APPLICATION_CREDENTIALS names cannot be read: \/nowhere\/at\/all\.json \(ENOENT\)/,
      open: () => {
        process.env.GOOGLE_APPLICATION_CREDENTIALS = '/nowhere/at/all.json'
        return open()
      },
    },
    {
      name: 'a folder in place of a file',
      code: 'KB_CONFIG_UNREADABLE',
      says: /GOOGLE_APPLICATION_CREDENTIALS names cannot be read: .* \(EISDIR\)/,
      open: () => {
        process.env.GOOGLE_APPLICATION_CREDENTIALS = folder
        return open()
      },
    },
    {
      name: 'a file that is not JSON',
      code: 'KB_CONFIG_INVALID',
      says: /it is not JSON/,
      open: async () => open(`&service_account_path=${await fileOf('bad.json', `canary ${privateKey}`)}`),
    },
    {
      name: 'a file without a key',
      code: 'KB_CONFIG_INVALID',
      says: /it has no private_key/,
      open: async () => open(`&service_account_path=${await fileOf('empty.json', KEY)}`),
    },
    ...[
      {
        name: 'credentials of a kind that is not known',
        says: /credentials of a kind that is not supported \(gdch_service_account\)/,
        document: { type: 'gdch_service_account', private_key: 'canary' },
      },
      {
        name: 'a kind of credentials that is no name',
        says: /credentials of a kind that is not supported$/,
        document: { type: 'canary secret' },
      },
      {
        name: 'a federation that does not say where tokens come from',
        says: /it has no credential_source/,
        document: async () => ({ ...(await exchangeOf()), credential_source: null }),
      },
      {
        name: 'an impersonation that is signed in with something unknown',
        says: /credentials of a kind that is not supported \(other\)/,
        document: { ...IMPERSONATION, source_credentials: { type: 'other' } },
      },
      {
        name: 'an impersonation of nobody',
        says: /it lacks a part of what credentials of its kind have/,
        document: { ...IMPERSONATION, service_account_impersonation_url: 'canary' },
      },
    ].map(({ name, says, document }) => ({
      name,
      says,
      code: 'KB_CONFIG_INVALID',
      open: async () => {
        const content = typeof document === 'function' ? await document() : document
        return open(`&service_account_path=${await fileOf('kind.json', content)}`)
      },
    })),
    {
      name: 'a key that is none',
      code: 'KB_STORAGE_PERMISSION',
      says: /the credentials cannot be used/,
      open: async () => {
        const broken = { ...KEY, private_key: privateKey.replaceAll('A', 'B') }
        return open(`&service_account_path=${await fileOf('broken.json', broken)}`)
      },
    },
    {
      name: 'an environment without credentials',
      code: 'KB_STORAGE_PERMISSION',
      says: /no credentials were found/,
      open: () => open(),
    },
    {
      name: 'a service for tokens that is not there',
      code: 'KB_STORAGE_UNAVAILABLE',
      says: /the service that issues tokens does not answer/,
      open: () => {
        process.env.HTTPS_PROXY = 'http://127.0.0.1:1'
        return open(`&service_account_path=${keyFile}`)
      },
    },
  ]
  for (const trouble of troubles) {
    it(`say what to do about ${trouble.name}, and keep every secret`, async () => {
      const errors = await failuresOf(await trouble.open())
      for (const error of errors) {
        assert.equal(error.code, trouble.code, error.message)
        expectSilent(error, secretsNow())
        assert.equal(error.cause, undefined, inspect(error.cause))
      }
      assert.match(errors[0]?.message ?? '', trouble.says)
      assert.notEqual(errors[0]?.hint, '')
    })
  }

  for (const [status, reason, code, says] of [
    [403, 'forbidden', 'KB_STORAGE_PERMISSION', /access is denied \(forbidden, 403\)/],
    [403, 'retentionPolicyNotMet', 'KB_STORAGE_PERMISSION', /a retention policy protects the object/],
    [429, 'rateLimitExceeded', 'KB_STORAGE_UNAVAILABLE', /asks to slow down/],
    [503, 'backendError', 'KB_STORAGE_UNAVAILABLE', /the store has a problem/],
    [418, 'curious', 'KB_STORAGE_UNSUPPORTED', /the store refuses the request \(curious, 418\)/],
    [400, 'constructor', 'KB_STORAGE_UNSUPPORTED', /the store refuses the request \(constructor, 400\)/],
  ] as const) {
    it(`say what ${reason} (${status}) of the store means, without what it repeats`, async () => {
      await using proxy = await openLossyProxy(server.endpoint)
      proxy.decide = () => ({ refuse: status, body: errorJson(status, reason, 'canary ya29.token') })
      const errors = await failuresOf(open('', proxy.endpoint))
      for (const error of errors) {
        assert.equal(error.code, code, error.message)
        expectSilent(error, ['canary', 'ya29'])
      }
      assert.match(errors[0]?.message ?? '', says)
    })
  }

  it('is not what is wrong with a bucket or a server that is not there', async () => {
    const absent = openGcs(new URL(`gs://absent-bucket?endpoint=${server.endpoint}`))
    await assert.rejects(absent.put('a', Buffer.from('x')), /bucket absent-bucket: there is no such bucket/)
    await absent.close()
    const [first] = await failuresOf(open('', 'http://127.0.0.1:1'))
    assert.match(first?.message ?? '', /nothing answers at this address \(ECONNREFUSED\)/)
  })

  it('and the address of an upload are not in the error of a chunk', async () => {
    await using proxy = await openLossyProxy(server.endpoint)
    const backend = open('', proxy.endpoint)
    const writer = await backend.openWrite('chunks')
    proxy.decide = (method, path) =>
      method === 'PUT' ? { refuse: 400, body: errorJson(400, 'invalid', path) } : 'pass'
    await assert.rejects(writer.write([Buffer.alloc(9 * MIB, 1)]), (error: Error) => {
      const id = /upload_id=(\w+)/.exec(proxy.seen.find((line) => line.startsWith('PUT')) ?? '')?.[1] ?? ''
      assert.ok(id.length > 10)
      expectSilent(error, [id])
      expectSilent(writer, [id])
      return true
    })
    await backend.close()
  })
})
