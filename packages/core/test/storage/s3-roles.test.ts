import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, beforeEach, describe, it } from 'node:test'
import { inspect } from 'node:util'
import { missingS3Server, type S3Server, startS3Server } from '../../../testkit/src/stores/versity-gateway.ts'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { openS3 } from '../../src/storage/s3/location.ts'
import { withChain } from './aws-chain.ts'
import { freshBucket } from './s3-subject.ts'

const ROLE = 'arn:aws:iam::123456789012:role/backup'
const TOKEN = 'canary-token-of-the-pod'
const HOUR_MS = 3_600_000

/** What a service of roles was asked: method, address, authorization and body. */
interface Asked {
  readonly method: string
  readonly path: string
  readonly authorization: string
  readonly body: string
}

describe('a role for S3', { skip: missingS3Server() }, () => {
  let store: S3Server
  let services: Server
  let address: string
  let folder: string
  let tokenFile: string
  let bucket: string
  let refusal: { readonly status: number; readonly body: string } | undefined
  /** The gateway knows keys only: it takes no token, and says so of every other. */
  let sessionToken = ''
  const asked: Asked[] = []

  before(async () => {
    store = await startS3Server()
    bucket = await freshBucket(store)
    folder = await mkdtemp(join(tmpdir(), 'kb-s3-roles-'))
    tokenFile = join(folder, 'token')
    await writeFile(tokenFile, TOKEN)
    services = createServer(async (request, response) => {
      const { method = '', url = '', headers } = request
      asked.push({ method, path: url, authorization: headers.authorization ?? '', body: await text(request) })
      if (refusal) return void response.writeHead(refusal.status).end(refusal.body)
      response.end(answerTo(url, store, sessionToken))
    }).listen(0, '127.0.0.1')
    await once(services, 'listening')
    address = `http://127.0.0.1:${(services.address() as AddressInfo).port}`
  })
  after(async () => {
    services?.closeAllConnections()
    services?.close()
    await store?.close()
    await rm(folder, { recursive: true, force: true })
  })
  beforeEach(() => {
    refusal = undefined
    sessionToken = ''
    asked.length = 0
  })

  const open = () => openS3(new URL(`s3://${bucket}?endpoint=${store.endpoint}`), new Map())

  const roles: readonly {
    readonly name: string
    readonly chain: () => Record<string, string>
    /** Of the request that brings the keys. */
    readonly expect: (last: Asked) => void
  }[] = [
    {
      name: 'the identity of a workload (IRSA), with the token in its file',
      chain: () => ({
        AWS_ROLE_ARN: ROLE,
        AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile,
        AWS_ENDPOINT_URL_STS: address,
      }),
      expect: ({ body }) => {
        const form = new URLSearchParams(body)
        assert.equal(form.get('Action'), 'AssumeRoleWithWebIdentity')
        assert.equal(form.get('RoleArn'), ROLE)
        assert.equal(form.get('WebIdentityToken'), TOKEN)
      },
    },
    {
      name: 'the service of a container, as ECS and the pod identity of EKS have it',
      chain: () => ({
        AWS_CONTAINER_CREDENTIALS_FULL_URI: `${address}/container`,
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: tokenFile,
      }),
      expect: ({ path, authorization }) => {
        assert.equal(path, '/container')
        assert.equal(authorization, TOKEN)
      },
    },
    {
      name: 'the metadata service of an instance',
      chain: () => ({ AWS_EC2_METADATA_DISABLED: 'false', AWS_EC2_METADATA_SERVICE_ENDPOINT: address }),
      expect: ({ path }) => assert.match(path, /security-credentials\/our-role$/),
    },
  ]
  for (const { name, chain, expect } of roles) {
    it(`comes from ${name}`, () =>
      withChain(chain(), async () => {
        const backend = open()
        await backend.listFolders('')
        const last = asked.at(-1)
        assert.ok(last)
        expect(last)
        const before = asked.length
        await backend.listFolders('')
        assert.equal(asked.length, before, 'keys are used until they expire')
        await backend.close()
      }))

    it(`brings the token of the session along, from ${name}`, () =>
      withChain(chain(), async () => {
        sessionToken = 'canary-session'
        const backend = open()
        await assert.rejects(backend.listFolders(''), (error) => {
          assert.match((error as Error).message, /the session token is not valid \(InvalidToken, 400\)/)
          assert.doesNotMatch(inspect(error, { depth: 20, showHidden: true }), /canary/)
          return true
        })
        await backend.close()
      }))

    it(`that is refused by ${name} is told, without what it repeats`, () =>
      withChain(chain(), async () => {
        refusal = { status: 403, body: `{"message":"${TOKEN}"}` }
        const backend = open()
        await assert.rejects(backend.listFolders(''), (error) => {
          assert.ok(isKafkaBackupError(error, 'KB_STORAGE_PERMISSION'), inspect(error))
          assert.doesNotMatch(inspect(error, { depth: 20, showHidden: true }) + error.hint, /canary/)
          return true
        })
        await backend.close()
      }))
  }

  const workload = () => ({
    AWS_ROLE_ARN: ROLE,
    AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile,
    AWS_ENDPOINT_URL_STS: address,
  })
  const refused = /cannot list bucket \S+: the service that issues credentials refuses the identity/
  const silent = /cannot list bucket \S+: the service that issues credentials does not answer/
  for (const { name, status, code, says, hint } of [
    { name: 'AccessDenied', status: 403, code: 'KB_STORAGE_PERMISSION', says: refused, hint: /trust policy/ },
    {
      name: 'InvalidIdentityToken',
      status: 400,
      code: 'KB_STORAGE_PERMISSION',
      says: refused,
      hint: /trust policy/,
    },
    {
      name: 'ExpiredTokenException',
      status: 400,
      code: 'KB_STORAGE_PERMISSION',
      says: refused,
      hint: /the token/,
    },
    { name: 'Throttling', status: 400, code: 'KB_STORAGE_UNAVAILABLE', says: silent, hint: /STS/ },
    { name: 'ServiceUnavailable', status: 503, code: 'KB_STORAGE_UNAVAILABLE', says: silent, hint: /STS/ },
  ] as const) {
    it(`is not refused by the bucket when the service of roles says ${name}`, () =>
      withChain(workload(), async () => {
        refusal = { status, body: refusalOf(name) }
        const backend = open()
        await assert.rejects(backend.listFolders(''), (error) => {
          assert.ok(isKafkaBackupError(error, code), inspect(error))
          assert.match(error.message, says)
          assert.match(error.message, new RegExp(`\\(${name}\\w*, ${status}\\)$`))
          assert.match(error.hint, hint)
          assert.doesNotMatch(inspect(error, { depth: 20, showHidden: true }) + error.hint, /canary/)
          return true
        })
        await backend.close()
      }))
  }

  it('is not missing in the store when the service of roles is not there', () =>
    withChain({ ...workload(), AWS_ENDPOINT_URL_STS: 'http://127.0.0.1:1' }, async () => {
      const backend = open()
      await assert.rejects(backend.listFolders(''), (error) => {
        assert.ok(isKafkaBackupError(error, 'KB_STORAGE_UNAVAILABLE'), inspect(error))
        assert.match(error.message, /the service that issues credentials does not answer \(ECONNREFUSED\)/)
        assert.match(error.hint, /AWS_ENDPOINT_URL_STS/)
        return true
      })
      await backend.close()
    }))
})

/** A refusal in the words of the service of roles. */
function refusalOf(code: string): string {
  return `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>${code}</Code><Message>${TOKEN}</Message></Error><RequestId>1</RequestId></ErrorResponse>`
}

/** Keys of the store in the words of the service that is asked. */
function answerTo(path: string, { accessKey, secretKey }: S3Server, token: string): string {
  const expires = new Date(Date.now() + HOUR_MS).toISOString()
  if (path.startsWith('/latest/api/token')) return 'token-of-the-session'
  if (path.endsWith('/security-credentials/')) return 'our-role'
  if (path === '/') {
    return `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>${accessKey}</AccessKeyId>
<SecretAccessKey>${secretKey}</SecretAccessKey><SessionToken>${token}</SessionToken>
<Expiration>${expires}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>`
  }
  return JSON.stringify({
    Code: 'Success',
    AccessKeyId: accessKey,
    SecretAccessKey: secretKey,
    Token: token,
    Expiration: expires,
  })
}
