import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import {
  type AwsRequest,
  type AwsSigner,
  awsSignature,
  awsTime,
  canonicalRequest,
  EMPTY_PAYLOAD_HASH,
  presignedQuery,
  stringToSign,
} from '../../../src/kafka/sasl/aws-signature.ts'
import { mskIamTokens } from '../../../src/kafka/sasl/msk-iam-token.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import { Secret } from '../../../src/runtime/secret.ts'

// The account of AWS's published test suite for Signature Version 4.
const SUITE_TIME = '20150830T123600Z'
const SUITE_SIGNER: AwsSigner = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: new Secret('wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'),
  sessionToken: null,
  region: 'us-east-1',
  service: 'service',
}

function suiteRequest(
  parts: Partial<AwsRequest>,
  headers: Readonly<Record<string, string>> = {},
): AwsRequest {
  const all = { host: 'example.amazonaws.com', 'x-amz-date': SUITE_TIME, ...headers }
  return {
    method: 'GET',
    path: '/',
    query: [],
    headers: new Map(Object.entries(all)),
    payloadHash: EMPTY_PAYLOAD_HASH,
    ...parts,
  }
}

const VANILLA = '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'
const UNRESERVED = '-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

for (const [name, request, signature] of [
  ['get-vanilla', suiteRequest({}), VANILLA],
  ['get-vanilla-query', suiteRequest({}), VANILLA],
  [
    'get-vanilla-empty-query-key',
    suiteRequest({ query: [['Param1', 'value1']] }),
    'a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb',
  ],
  [
    'get-vanilla-query-order-key-case',
    suiteRequest({
      query: [
        ['Param2', 'value2'],
        ['Param1', 'value1'],
      ],
    }),
    'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
  ],
  [
    'get-vanilla-query-unreserved',
    suiteRequest({ query: [[UNRESERVED, UNRESERVED]] }),
    '9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197',
  ],
  [
    'get-unreserved',
    suiteRequest({ path: `/${UNRESERVED}` }),
    '07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f',
  ],
  [
    'get-vanilla-utf8-query',
    suiteRequest({ query: [['ሴ', 'bar']] }),
    '2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04',
  ],
  [
    'get-header-value-trim',
    suiteRequest({}, { 'my-header1': ' value1', 'my-header2': ' "a   b   c"' }),
    'acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736',
  ],
  [
    'post-vanilla',
    suiteRequest({ method: 'POST' }),
    '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
  ],
] as const) {
  test(`signs ${name} of AWS's test suite as published`, () => {
    assert.equal(awsSignature(request, SUITE_SIGNER, SUITE_TIME), signature)
  })
}

test('canonical request and string to sign of get-vanilla-query-order-key-case are as published', () => {
  const request = suiteRequest({
    query: [
      ['Param2', 'value2'],
      ['Param1', 'value1'],
    ],
  })
  assert.equal(
    canonicalRequest(request),
    [
      'GET',
      '/',
      'Param1=value1&Param2=value2',
      'host:example.amazonaws.com',
      'x-amz-date:20150830T123600Z',
      '',
      'host;x-amz-date',
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    ].join('\n'),
  )
  assert.equal(
    stringToSign(request, SUITE_SIGNER, SUITE_TIME),
    [
      'AWS4-HMAC-SHA256',
      '20150830T123600Z',
      '20150830/us-east-1/service/aws4_request',
      '816cd5b414d056048ba4f7c5386d6e0533120fb1fcfa93762cf0fc39e2cf19e0',
    ].join('\n'),
  )
})

test("signs ListUsers of IAM as AWS's documentation does", () => {
  const request: AwsRequest = {
    method: 'GET',
    path: '/',
    query: [
      ['Action', 'ListUsers'],
      ['Version', '2010-05-08'],
    ],
    headers: new Map([
      ['content-type', 'application/x-www-form-urlencoded; charset=utf-8'],
      ['host', 'iam.amazonaws.com'],
      ['x-amz-date', SUITE_TIME],
    ]),
    payloadHash: EMPTY_PAYLOAD_HASH,
  }
  const digest = createHash('sha256').update(canonicalRequest(request)).digest('hex')
  assert.equal(digest, 'f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59')
  assert.equal(
    awsSignature(request, { ...SUITE_SIGNER, service: 'iam' }, SUITE_TIME),
    '5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
  )
})

test("presigns the object of S3 that AWS's documentation presigns", () => {
  const query = presignedQuery(
    {
      method: 'GET',
      path: '/test.txt',
      query: [],
      headers: new Map([['host', 'examplebucket.s3.amazonaws.com']]),
      payloadHash: 'UNSIGNED-PAYLOAD',
    },
    {
      ...SUITE_SIGNER,
      accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
      secretAccessKey: new Secret('wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'),
      service: 's3',
    },
    { time: '20130524T000000Z', lifetimeSecs: 86_400 },
  )
  assert.equal(
    query,
    'X-Amz-Algorithm=AWS4-HMAC-SHA256' +
      '&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request' +
      '&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host' +
      '&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
  )
})

test('a token for MSK is the presigned URL of the action, valid for 15 minutes from now', async () => {
  const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678)
  const tokens = mskIamTokens(
    {
      accessKeyId: 'AKIDEXAMPLE',
      secretAccessKey: SUITE_SIGNER.secretAccessKey,
      sessionToken: new Secret('session/+='),
      region: 'eu-central-1',
    },
    { ...systemClock, nowMs: () => nowMs },
  )
  const { token, expiresAtMs } = await tokens()
  assert.equal(expiresAtMs, nowMs + 900_000)
  assert.match(token.reveal(), /^[A-Za-z0-9_-]+$/)
  const url = new URL(Buffer.from(token.reveal(), 'base64url').toString())
  assert.equal(url.origin + url.pathname, 'https://kafka.eu-central-1.amazonaws.com/')
  const { 'X-Amz-Signature': signature, ...fields } = Object.fromEntries(url.searchParams)
  assert.deepEqual(fields, {
    Action: 'kafka-cluster:Connect',
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': 'AKIDEXAMPLE/20260102/eu-central-1/kafka-cluster/aws4_request',
    'X-Amz-Date': '20260102T030405Z',
    'X-Amz-Expires': '900',
    'X-Amz-Security-Token': 'session/+=',
    'X-Amz-SignedHeaders': 'host',
    'User-Agent': 'kafka-backup',
  })
  assert.equal(signature, MSK_SIGNATURE)
})

// Of the signer in Amazon's own SDK for the same moment, account and region.
const MSK_SIGNATURE = '08e9ce3b0c1a9cff553eed3f5b88c0bd078f5f33b519989065f75f502632c594'

test('times are written without separators and fractions', () => {
  assert.equal(awsTime(Date.UTC(2015, 7, 30, 12, 36, 0, 999)), SUITE_TIME)
})
