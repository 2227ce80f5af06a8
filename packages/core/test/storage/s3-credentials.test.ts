import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { inspect } from 'node:util'
import { missingS3Server, type S3Server, startS3Server } from '../../../testkit/src/stores/versity-gateway.ts'
import { isKafkaBackupError, type KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { openS3 } from '../../src/storage/s3/location.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import type { StorageCredentials } from '../../src/storage/storage-credentials.ts'
import { withChain } from './aws-chain.ts'
import { errorXml, openLossyProxy } from './lossy-proxy.ts'
import { freshBucket, keysOf } from './s3-subject.ts'

const CANARY = 'canary/zQ7+secret'
const NONE: StorageCredentials = new Map()
async function failureOf(backend: StorageBackend): Promise<KafkaBackupError[]> {
  const errors: KafkaBackupError[] = []
  const attempts = [
    () => backend.put('a', Buffer.from('x')),
    () => backend.replace('a', Buffer.from('x')),
    () => backend.read('a', 10),
    () => backend.readRange('a', { begin: 0, end: 1 }),
    () => backend.listFolders(''),
    () => backend.delete('a'),
  ]
  for (const attempt of attempts) {
    await assert.rejects(attempt, (error) => {
      assert.ok(isKafkaBackupError(error), inspect(error))
      errors.push(error)
      return true
    })
  }
  await backend.close()
  return errors
}

describe('credentials for S3', { skip: missingS3Server() }, () => {
  let server: S3Server
  let folder: string
  let bucket: string

  before(async () => {
    server = await startS3Server()
    bucket = await freshBucket(server)
    folder = await mkdtemp(join(tmpdir(), 'kb-s3-credentials-'))
  })
  after(async () => {
    await server?.close()
    await rm(folder, { recursive: true, force: true })
  })

  const open = (credentials: StorageCredentials, query = '', endpoint = server.endpoint) =>
    openS3(new URL(`s3://${bucket}?endpoint=${endpoint}${query}`), credentials)

  /** With a default that is wrong, and the profile `prod`. */
  async function sharedFile(): Promise<string> {
    const file = join(folder, 'credentials')
    const keys = `aws_access_key_id = ${server.accessKey}\naws_secret_access_key = ${server.secretKey}\n`
    const wrong = 'aws_access_key_id = wrong\naws_secret_access_key = wrong\n'
    await writeFile(file, `[default]\n${wrong}[prod]\n${keys}`)
    return file
  }

  it('come from the variables of AWS when none are given', async () => {
    const keys = { AWS_ACCESS_KEY_ID: server.accessKey, AWS_SECRET_ACCESS_KEY: server.secretKey }
    await withChain(keys, async () => {
      const backend = open(NONE)
      await backend.put('environment', Buffer.from('x'))
      await backend.close()
    })
  })

  it('with a line break, as files of secrets have them, are no defect of the program', async () => {
    const keys = { AWS_ACCESS_KEY_ID: `${server.accessKey}\n`, AWS_SECRET_ACCESS_KEY: CANARY }
    const token = {
      AWS_ACCESS_KEY_ID: server.accessKey,
      AWS_SECRET_ACCESS_KEY: CANARY,
      AWS_SESSION_TOKEN: 'a\n',
    }
    for (const chain of [keys, token]) {
      await withChain(chain, async () => {
        for (const { code, message } of await failureOf(open(NONE))) {
          assert.equal(code, 'KB_STORAGE_PERMISSION')
          assert.match(message, /a character that no request can carry, such as a line break/)
        }
      })
    }
  })

  it('find no region where none is said, and none that could be one', async () => {
    const keys = { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: CANARY }
    for (const [region, says] of [
      [{}, /no region is known/],
      [{ AWS_REGION: 'us-east-1\n' }, /the region is no name of one/],
      [{ AWS_REGION: 'a/b' }, /the region is no name of one/],
    ] as const) {
      await withChain({ ...keys, ...region }, async () => {
        const backend = openS3(new URL('s3://bucket'), NONE)
        await assert.rejects(backend.read('a', 1), (error) => {
          assert.ok(isKafkaBackupError(error, 'KB_LOCATION_INVALID'), inspect(error))
          assert.match(error.message, says)
          return true
        })
        await backend.close()
      })
    }
  })

  it('come from the profile that the location names', async () => {
    await withChain({ AWS_SHARED_CREDENTIALS_FILE: await sharedFile() }, async () => {
      const backend = open(NONE, '&profile=prod')
      await backend.put('profile', Buffer.from('x'))
      await backend.close()
      const [error] = await failureOf(open(NONE))
      assert.equal(error?.code, 'KB_STORAGE_PERMISSION')
    })
  })

  // A name, at which buckets could be hosts; at a number they never are.
  it('stand beside an address of the store, at which the bucket is part of the path as at an endpoint', async () => {
    const named = server.endpoint.replace('127.0.0.1', 'localhost')
    const AWS_CONFIG_FILE = join(folder, 'config-of-endpoint')
    await writeFile(AWS_CONFIG_FILE, `[default]\nendpoint_url = ${named}\n`)
    const keys = { AWS_ACCESS_KEY_ID: server.accessKey, AWS_SECRET_ACCESS_KEY: server.secretKey }
    for (const [at, address] of [
      { AWS_ENDPOINT_URL_S3: named },
      { AWS_ENDPOINT_URL: named },
      { AWS_CONFIG_FILE },
    ].entries()) {
      await withChain({ ...keys, AWS_REGION: 'us-east-1', ...address }, async () => {
        const backend = openS3(new URL(`s3://${bucket}`), NONE)
        await backend.put(`address-${at}`, Buffer.from('x'))
        await backend.close()
        const hosted = openS3(new URL(`s3://${bucket}?path_style=false`), NONE)
        await assert.rejects(hosted.stat(`address-${at}`))
        await hosted.close()
      })
    }
  })

  it('that are given win over those of the environment', async () => {
    await withChain({ AWS_ACCESS_KEY_ID: 'wrong', AWS_SECRET_ACCESS_KEY: 'wrong' }, async () => {
      const backend = open(keysOf(server))
      await backend.put('given', Buffer.from('x'))
      await backend.close()
    })
  })

  it('that are given are not tried again when they have expired', async () => {
    await using proxy = await openLossyProxy(server.endpoint)
    proxy.decide = () => ({ refuse: 400, body: errorXml('ExpiredToken') })
    const errors = await failureOf(open(keysOf(server, { session_token: CANARY }), '', proxy.endpoint))
    assert.equal(proxy.seen.length, errors.length)
  })

  const troubles: readonly {
    readonly name: string
    readonly code: string
    readonly says: RegExp
    readonly hint: RegExp
    readonly run: () => Promise<KafkaBackupError[]>
  }[] = [
    {
      name: 'a wrong secret key',
      code: 'KB_STORAGE_PERMISSION',
      says: /the secret key is wrong \(SignatureDoesNotMatch, 403\)/,
      hint: /storage\.secret_key/,
      run: () => failureOf(open(keysOf(server, { secret_key: CANARY }))),
    },
    {
      name: 'an unknown access key',
      code: 'KB_STORAGE_PERMISSION',
      says: /does not know the access key \(InvalidAccessKeyId, 403\)/,
      hint: /storage\.access_key/,
      run: () => failureOf(open(keysOf(server, { access_key: 'canaryzQ7', secret_key: CANARY }))),
    },
    {
      name: 'no credentials at all',
      code: 'KB_STORAGE_PERMISSION',
      says: /no credentials were found/,
      hint: /profile and variables of AWS/,
      run: () => withChain({}, () => failureOf(open(NONE))),
    },
    {
      name: 'a profile that is in no file',
      code: 'KB_CONFIG_INVALID',
      says: /no profile prdo of AWS, which storage\.profile names, in .*credentials or \/nowhere\/at\/all/,
      hint: /aws configure/,
      run: async () => {
        const AWS_SHARED_CREDENTIALS_FILE = await sharedFile()
        // Those of the environment would be taken in its place.
        const keys = { AWS_ACCESS_KEY_ID: server.accessKey, AWS_SECRET_ACCESS_KEY: server.secretKey }
        const chain = { ...keys, AWS_SHARED_CREDENTIALS_FILE }
        return withChain(chain, () => failureOf(open(NONE, '&profile=prdo')))
      },
    },
    {
      name: 'a profile of the environment that is in no file',
      code: 'KB_CONFIG_INVALID',
      says: /no profile prdo of AWS, which AWS_PROFILE names, in /,
      hint: /aws configure/,
      run: () => withChain({ AWS_PROFILE: 'prdo' }, () => failureOf(open(NONE))),
    },
    {
      name: 'a profile that has no credentials',
      code: 'KB_STORAGE_PERMISSION',
      says: /no credentials were found/,
      hint: /profile and variables of AWS/,
      run: async () => {
        const AWS_CONFIG_FILE = join(folder, 'config')
        await writeFile(AWS_CONFIG_FILE, '[default]\n\n[profile "empty"]\nregion = us-east-1\n')
        return withChain({ AWS_CONFIG_FILE, AWS_PROFILE: 'empty' }, async () => [
          ...(await failureOf(open(NONE))),
          ...(await failureOf(open(NONE, '&profile=empty'))),
        ])
      },
    },
    {
      name: 'the file of a token that is not there',
      code: 'KB_CONFIG_UNREADABLE',
      says: /a file with credentials cannot be read \(ENOENT\)/,
      hint: /AWS_WEB_IDENTITY_TOKEN_FILE/,
      run: () => {
        const role = { AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/backup' }
        const chain = { ...role, AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, 'absent') }
        return withChain(chain, () => failureOf(open(NONE)))
      },
    },
    {
      name: 'a bucket that is not there',
      code: 'KB_LOCATION_INVALID',
      says: /in bucket absent-bucket: there is no such bucket|bucket absent-bucket: there is no such bucket/,
      hint: /kafka-backup makes none/,
      run: () => failureOf(openS3(new URL(`s3://absent-bucket?endpoint=${server.endpoint}`), keysOf(server))),
    },
    {
      name: 'a server that is not there',
      code: 'KB_STORAGE_UNAVAILABLE',
      says: /nothing answers at this address \(ECONNREFUSED\)/,
      hint: /reachable/,
      run: () => failureOf(open(keysOf(server, { secret_key: CANARY }), '', 'http://127.0.0.1:1')),
    },
    {
      name: 'an expired token, and a server that repeats it',
      code: 'KB_STORAGE_PERMISSION',
      says: /the credentials have expired \(ExpiredToken, 400\)/,
      hint: /can be renewed/,
      run: async () => {
        await using proxy = await openLossyProxy(server.endpoint)
        proxy.decide = () => ({
          refuse: 400,
          body: errorXml('ExpiredToken', `The token ${CANARY} has expired`),
        })
        const keys = keysOf(server, { secret_key: CANARY, session_token: CANARY })
        return await failureOf(open(keys, '', proxy.endpoint))
      },
    },
    {
      name: 'an answer that nobody knows and that repeats the secret',
      code: 'KB_STORAGE_UNSUPPORTED',
      says: /the store refuses the request \(Curious, 418\)/,
      hint: /documentation of the store/,
      run: async () => {
        await using proxy = await openLossyProxy(server.endpoint)
        proxy.decide = () => ({ refuse: 418, body: errorXml('Curious', `secret ${CANARY}`) })
        return await failureOf(open(keysOf(server, { secret_key: CANARY }), '', proxy.endpoint))
      },
    },
  ]
  for (const { name, code, says, hint, run } of troubles) {
    it(`says what to do about ${name}, and keeps every secret`, async () => {
      const errors = await run()
      for (const error of errors) {
        assert.equal(error.code, code, error.message)
        const shown = inspect(error, { depth: 20, showHidden: true }) + JSON.stringify(error) + error.stack
        for (const secret of [CANARY, encodeURIComponent(CANARY), 'canaryzQ7', server.secretKey]) {
          assert.ok(!shown.includes(secret), shown)
        }
        assert.equal(error.cause, undefined)
      }
      const [first] = errors
      assert.match(first?.message ?? '', says)
      assert.match(first?.hint ?? '', hint)
    })
  }
})
