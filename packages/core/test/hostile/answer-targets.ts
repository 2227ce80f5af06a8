import assert from 'node:assert/strict'
import { fetchApiVersions } from '../../src/kafka/api-versions.ts'
import type { BrokerLink } from '../../src/kafka/broker-connections.ts'
import * as requests from '../../src/kafka/cluster-requests.ts'
import {
  DESCRIBE_ACLS,
  DESCRIBE_CLIENT_QUOTAS,
  DESCRIBE_SCRAM_USERS,
  EVERY_ACL,
} from '../../src/kafka/facts-requests.ts'
import { fetchFeatures } from '../../src/kafka/features-api.ts'
import { type FetchRequest, fetchBatches } from '../../src/kafka/fetch-api.ts'
import * as groupRequests from '../../src/kafka/group-requests.ts'
import { askBroker, type LibraryApi } from '../../src/kafka/library-request.ts'
import { produceBatches } from '../../src/kafka/produce-api.ts'
import { initProducerId } from '../../src/kafka/producer-id-api.ts'
import { oauthExchange } from '../../src/kafka/sasl/oauth-exchange.ts'
import { saslAuthenticate, saslHandshake } from '../../src/kafka/sasl/sasl-api.ts'
import { scramExchange } from '../../src/kafka/sasl/scram-exchange.ts'
import { FIND_COORDINATOR } from '../../src/kafka/transaction-requests.ts'
import type { WireConnection } from '../../src/kafka/wire-connection.ts'
import { AbortedTransactionTracker } from '../../src/protocol/aborted-transaction-tracker.ts'
import { ByteReader } from '../../src/protocol/byte-reader.ts'
import { buildBatch } from '../../src/protocol/record-batch-builder.ts'
import { Secret } from '../../src/runtime/secret.ts'
import { type Prng, prng } from '../protocol/prng.ts'
import { marker, randomBatchInput } from '../protocol/samples.ts'
import * as samples from './answer-samples.ts'
import { readBatches } from './batch-targets.ts'
import { damage } from './damage.ts'
import { BROKER, type FuzzTarget } from './fuzz-target.ts'

const NONCE = 'fyko+d2lbbFgONRv9qkxdawL'
const CHALLENGE = `r=${NONCE}3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096`
const FINALS = ['v=rmF9pqV8S7suAoZWja4dJRkFsKQ=', 'e=invalid-proof', '']

const REQUEST: FetchRequest = {
  maxWaitMs: 1,
  minBytes: 1,
  maxBytes: 1,
  isReadCommitted: true,
  rackId: '',
  partitions: [
    {
      topic: samples.TOPIC,
      topicId: samples.TOPIC_ID.toString('base64url'),
      partition: 0,
      fetchOffset: 0n,
      leaderEpoch: -1,
      lastFetchedEpoch: -1,
      partitionMaxBytes: 1,
    },
  ],
}

/** A connection whose broker answers with these bytes. Only bytes are at stake here: brokers are real elsewhere. */
export function answering(bytes: Buffer): WireConnection {
  const request = async () => ({ reader: new ByteReader(bytes), release: () => undefined })
  return { broker: 'broker:9092', request, close: () => undefined } as unknown as WireConnection
}

/** What a backup does with a Fetch answer. */
export async function readFetchAnswer(bytes: Buffer, version: number): Promise<void> {
  const { buffer, partitions } = await fetchBatches(answering(bytes), version, REQUEST)
  const tracker = new AbortedTransactionTracker(0n)
  for (const { begin, end, aborted, topic } of partitions) {
    assert.ok(begin >= 0 && begin <= end && end <= bytes.length, 'batches outside of the answer')
    if (version >= 13) assert.equal(topic, samples.TOPIC)
    tracker.addAborted(aborted, 0n)
    tracker.ranges(0n, 1n << 62n)
    readBatches(buffer, begin, end)
  }
}

function peer(bytes: Buffer, version: number) {
  const reader = new ByteReader(bytes)
  const versions = new Map([
    [17, { min: 1, max: 1 }],
    [36, { min: version, max: version }],
  ])
  return { broker: 'broker:9092', versions, send: async () => ({ reader, release: () => undefined }) }
}

/** One round of SCRAM, with what the broker may say: its challenge and its signature. */
export async function readScram(challenge: Buffer, final: Buffer): Promise<void> {
  const exchange = scramExchange('SCRAM-SHA-256', 'alice', new Secret('pencil'), NONCE)
  await exchange.begin()
  assert.notEqual(await exchange.answer(challenge), null)
  assert.equal(await exchange.answer(final), null)
}

async function readToken(bytes: Buffer): Promise<void> {
  const tokens = async () => ({ token: new Secret('a.b.c'), expiresAtMs: 1 })
  const exchange = oauthExchange({ tokens, extensions: new Map(), nowMs: 0 })
  await exchange.begin()
  await exchange.answer(bytes)
  assert.equal(typeof exchange.explain(bytes.toString()), 'string')
}

type Make = FuzzTarget['make']

const damaged =
  (build: (random: Prng) => Buffer, run: (bytes: Buffer) => unknown): Make =>
  (random) => {
    const sample = build(random)
    const bytes = damage(random, sample, sample)
    return { bytes, run: () => run(bytes) }
  }

function fetchTargets(): FuzzTarget[] {
  const random = prng(13)
  const batches = Array.from({ length: 20 }, () => buildBatch(randomBatchInput(random, random.below(3))))
  batches.push(marker('abort', 5n, 4711n), marker('commit', 7n, 4711n), Buffer.alloc(0))
  return [4, 5, 6, 7, 8, 9, 10, 11, 12, 13].map((version): FuzzTarget => {
    const answers = Array.from({ length: 20 }, () =>
      samples.fetchAnswer(random, version, [random.pick(batches), random.pick(batches)]),
    )
    return {
      name: `Fetch answers, version ${version}`,
      weight: 1.5,
      categories: BROKER,
      acceptedMin: 0.02,
      make: damaged(
        (source) => source.pick(answers),
        (bytes) => readFetchAnswer(bytes, version),
      ),
    }
  })
}

function saslTargets(): FuzzTarget[] {
  const common = { categories: BROKER, acceptedMin: 0.001 }
  return [
    {
      ...common,
      name: 'SaslHandshake answers',
      weight: 1,
      make: damaged(
        (random) => samples.handshakeAnswer(random.pick([0, 33, 34])),
        (bytes) => saslHandshake(peer(bytes, 1), 'PLAIN'),
      ),
    },
    ...[0, 1, 2].map((version) => ({
      ...common,
      name: `SaslAuthenticate answers, version ${version}`,
      weight: 1,
      make: damaged(
        (random) => samples.authenticateAnswer(version, random.pick([0, 0, 58, 1]), Buffer.from(CHALLENGE)),
        (bytes) => saslAuthenticate(peer(bytes, version), Buffer.from('n,,')),
      ),
    })),
    {
      ...common,
      name: 'SCRAM messages',
      // A derivation of 4,096 rounds costs more than a millisecond.
      weight: 0.1,
      // Nobody guesses the signature.
      acceptedMin: 0,
      make: (random) => {
        const challenge = random.chance(0.5)
          ? Buffer.from(CHALLENGE)
          : damage(random, Buffer.from(CHALLENGE), Buffer.from(CHALLENGE), NONCE.length)
        const final = Buffer.from(random.pick(FINALS))
        return { bytes: challenge, run: () => readScram(challenge, damage(random, final, challenge)) }
      },
    },
    {
      ...common,
      name: 'OAUTHBEARER messages',
      // Whatever the broker says, it is answered with one byte, and told.
      acceptedMax: 1,
      weight: 1,
      make: damaged(() => Buffer.from('{"status":"invalid_token","scope":"kafka"}'), readToken),
    },
  ]
}

type AnyApi = LibraryApi<unknown[], object>

/** Questions that the library encodes without complaint; what they ask does not matter here. */
const QUESTIONS: Readonly<Record<string, unknown[]>> = {
  Metadata: [null, false, false],
  ListOffsets: [-1, 0, []],
  OffsetForLeaderEpoch: [-1, []],
  DescribeConfigs: [[], false, false],
  CreateTopics: [[], 1, false],
  DescribeProducers: [[]],
  ListTransactions: [[], [], -1n, null],
  DescribeTransactions: [[]],
  FindCoordinator: [0, ['group']],
  ListGroups: [[], []],
  OffsetFetch: [[], false],
  DescribeGroups: [[], false],
  ConsumerGroupDescribe: [[], false],
  DescribeAcls: [EVERY_ACL],
  DescribeClientQuotas: [[], false],
  DescribeUserScramCredentials: [[]],
}

function libraryTargets(): FuzzTarget[] {
  const apis = Object.values({
    ...{ ...requests, ...groupRequests, FIND_COORDINATOR },
    ...{ DESCRIBE_ACLS, DESCRIBE_CLIENT_QUOTAS, DESCRIBE_SCRAM_USERS },
  }) as unknown as AnyApi[]
  return apis.map(
    (api): FuzzTarget => ({
      name: `${api.name} answers`,
      weight: 0.6,
      categories: BROKER,
      acceptedMin: 0,
      make: (random) => {
        const version = api.firstVersion + random.below(api.codecs.length)
        const bytes = wireOrZeros(random)
        const versions = new Map([[api.key, { min: version, max: version }]])
        const link = { connection: answering(bytes), versions } as BrokerLink
        return { bytes, run: () => askBroker(link, api, QUESTIONS[api.name] ?? []) }
      },
    }),
  )
}

function wireOrZeros(random: Prng): Buffer {
  const soup = samples.wireSoup(random)
  if (random.chance(0.7)) return soup
  return damage(random, Buffer.alloc(random.below(80)), soup)
}

const FEATURES = new Map([[18, { min: 3, max: 4 }]])

export function answerTargets(): FuzzTarget[] {
  const common = { categories: BROKER, acceptedMin: 0.02, weight: 1 }
  return [
    ...fetchTargets(),
    ...[3, 5, 8].map((version) => ({
      ...common,
      name: `Produce answers, version ${version}`,
      make: damaged(
        (random) => samples.produceAnswer(random, version),
        (bytes) => produceBatches(answering(bytes), version, [], { timeoutMs: 1, transactionalId: null }),
      ),
    })),
    {
      ...common,
      name: 'ApiVersions answers',
      make: damaged(samples.versionsAnswer, (bytes) => fetchApiVersions(answering(bytes))),
    },
    {
      ...common,
      name: 'ApiVersions answers with features',
      make: damaged(samples.featuresAnswer, (bytes) =>
        fetchFeatures({ connection: answering(bytes), versions: FEATURES }),
      ),
    },
    {
      ...common,
      name: 'InitProducerId answers',
      make: damaged(samples.producerIdAnswer, (bytes) => initProducerId(answering(bytes), 1)),
    },
    ...saslTargets(),
    ...libraryTargets(),
  ]
}
