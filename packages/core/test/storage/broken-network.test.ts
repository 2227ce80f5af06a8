import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import type { ErrorCode } from '../../src/errors/error-codes.ts'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { translateAzureError } from '../../src/storage/azure/errors.ts'
import { openAzure } from '../../src/storage/azure/location.ts'
import { translateGcsError } from '../../src/storage/gcs/errors.ts'
import { openGcs } from '../../src/storage/gcs/location.ts'
import { networkMeaning } from '../../src/storage/network-meaning.ts'
import { translateS3Error } from '../../src/storage/s3/errors.ts'
import { openS3 } from '../../src/storage/s3/location.ts'
import { failuresOf, secrets } from './azure-subject.ts'
import { openBlackHole } from './black-hole.ts'

const STORES = {
  s3: (endpoint: string) =>
    openS3(new URL(`s3://bucket?endpoint=${endpoint}`), secrets({ access_key: 'id', secret_key: 'key' })),
  azure: (endpoint: string) =>
    openAzure(
      new URL(`azure://account/container?endpoint=${endpoint}/account`),
      secrets({ account_key: Buffer.from('key').toString('base64') }),
    ),
  gcs: (endpoint: string) => openGcs(new URL(`gs://bucket?endpoint=${endpoint}`)),
}

/** What a byte that was flipped on the way, a server that restarts, or another program on the port answers. */
const ANSWERS: Readonly<Record<string, { readonly scheme: string; readonly bytes: Buffer }>> = {
  'something that is not HTTP': { scheme: 'http', bytes: Buffer.from('SSH-2.0-OpenSSH_9.6\r\n') },
  'HTTP where TLS is spoken': {
    scheme: 'https',
    bytes: Buffer.from('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n'),
  },
  'a fatal alert of TLS': { scheme: 'https', bytes: Buffer.from('15030300020250', 'hex') },
  'nothing but the end of the connection': { scheme: 'http', bytes: Buffer.alloc(0) },
}

for (const [what, { scheme, bytes }] of Object.entries(ANSWERS)) {
  describe(`a server that answers with ${what}`, { timeout: 60_000 }, () => {
    let server: Server
    let endpoint: string

    before(async () => {
      server = createServer((socket) => {
        socket.on('error', () => {})
        socket.once('data', () => socket.end(bytes))
      })
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      endpoint = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`
    })
    after(() => server?.close())

    for (const [store, open] of Object.entries(STORES)) {
      // Over https Google wants to know first who asks.
      if (store === 'gcs' && scheme === 'https') continue
      it(`is not available to ${store}, which may come right`, async () => {
        for (const error of await failuresOf(open(endpoint))) {
          assert.equal(error.code, 'KB_STORAGE_UNAVAILABLE', error.message)
        }
      })
    }
  })
}

const CODES: readonly (readonly [ErrorCode, readonly string[]])[] = [
  [
    'KB_STORAGE_UNAVAILABLE',
    [
      ...['ECONNRESET', 'ECONNABORTED', 'ENOTCONN', 'ENETRESET', 'ENETDOWN', 'EHOSTDOWN', 'EADDRNOTAVAIL'],
      ...['ENOBUFS', 'EMFILE', 'ENFILE', 'EAI_FAIL', 'EAI_AGAIN', 'EPROTO', 'HPE_INVALID_CONSTANT'],
      ...['ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC', 'ERR_SSL_WRONG_VERSION_NUMBER'],
      ...['ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR', 'ERR_STREAM_PREMATURE_CLOSE'],
    ],
  ],
  [
    'KB_STORAGE_PERMISSION',
    [
      ...[
        'CERT_NOT_YET_VALID',
        'CERT_HAS_EXPIRED',
        'CERT_REVOKED',
        'UNABLE_TO_GET_ISSUER_CERT',
        'HOSTNAME_MISMATCH',
      ],
      ...['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ],
  ],
  [
    'KB_STORAGE_UNSUPPORTED',
    ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE'],
  ],
]

describe('failures below HTTP', () => {
  const translators = {
    s3: (error: Error) => translateS3Error(error, { action: 'list', subject: '', bucket: 'b' }),
    azure: (error: Error) => translateAzureError(error, { action: 'list', subject: '', container: 'c' }),
    gcs: (error: Error) => translateGcsError(error, { action: 'list', subject: '', bucket: 'b' }),
  }
  for (const [store, translate] of Object.entries(translators)) {
    it(`mean the same on ${store}`, () => {
      for (const [expected, codes] of CODES) {
        for (const code of codes) {
          // The SDK of Azure gives its own name to what Node throws.
          for (const name of store === 'azure' ? ['Error', 'RestError'] : ['Error']) {
            const failure = translate(Object.assign(new Error('socket'), { code, name }))
            assert.ok(isKafkaBackupError(failure, expected), `${code}: ${failure}`)
          }
        }
      }
    })
  }

  it('are nothing that a defect of ours is called', () => {
    for (const code of ['ERR_INVALID_ARG_TYPE', 'ERR_OUT_OF_RANGE', 'TypeError', 'ENOENT', '']) {
      assert.equal(networkMeaning(code), undefined, code)
    }
  })
})

/** Runs with variables of the environment that are put back. */
async function withEnvironment(variables: Record<string, string>, step: () => Promise<void>): Promise<void> {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const)
  Object.assign(process.env, variables)
  try {
    await step()
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  }
}

it('an address where nobody takes connections is given up before the silence of a store would be', {
  timeout: 20_000,
}, async () => {
  await using hole = await openBlackHole()
  const url = new URL(`s3://bucket?endpoint=${hole.endpoint}`)
  const credentials = secrets({ access_key: 'id', secret_key: 'key' })
  const backend = openS3(url, credentials, {}, { connectTimeoutMs: 300 })
  const begin = performance.now()
  await assert.rejects(backend.stat('a'), { code: 'KB_STORAGE_UNAVAILABLE' })
  assert.ok(performance.now() - begin < 10_000)
  await backend.close()
})

it('a proxy that is silent is no store that is available', { timeout: 30_000 }, async () => {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const credentials = secrets({ account_key: Buffer.from('key').toString('base64') })
  await withEnvironment({ HTTP_PROXY: proxy, HTTPS_PROXY: proxy, NO_PROXY: '' }, async () => {
    for (const endpoint of ['http://127.0.0.1:9/account', 'https://127.0.0.1:9/account']) {
      const url = new URL(`azure://account/container?endpoint=${endpoint}`)
      for (const error of await failuresOf(openAzure(url, credentials, {}, { silenceTimeoutMs: 200 }))) {
        assert.equal(error.code, 'KB_STORAGE_UNAVAILABLE', error.message)
      }
    }
  })
  assert.ok(sockets.size > 0, 'the proxy was asked')
  for (const socket of sockets) socket.destroy()
  server.close()
})

it('an address in the environment that is none is a mistake in the configuration', async () => {
  await withEnvironment({ AWS_ENDPOINT_URL_S3: '127.0.0.1:9000', AWS_REGION: 'us-east-1' }, async () => {
    const backend = openS3(new URL('s3://bucket'), secrets({ access_key: 'id', secret_key: 'key' }))
    await assert.rejects(backend.stat('a'), { code: 'KB_CONFIG_INVALID' })
    await backend.close()
  })
})
