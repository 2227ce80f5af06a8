import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  ADMIN_USER,
  type ClusterUser,
  GUEST_USER,
  type SecureCluster,
  SourceDriver,
  startSecureCluster,
} from '@kafka-backup/testkit'
import { API_KEY } from '../../src/kafka/api-versions.ts'
import { openCluster } from '../../src/kafka/client-cluster.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { METADATA } from '../../src/kafka/cluster-requests.ts'
import type { ClusterSecurity } from '../../src/kafka/security.ts'
import { ByteWriter } from '../../src/protocol/byte-writer.ts'
import { Secret } from '../../src/runtime/secret.ts'
import { failureOf, openRawServer, type ReceivedRequest, responseFrame } from './raw-server.ts'
import { topicOf } from './real-broker.ts'

const QUICK_MS = 5_000
const PARTITION = { topic: 'orders', partition: 0 }

function asUser({ name, password }: ClusterUser): ClusterSecurity {
  return { tls: null, sasl: { mechanism: 'PLAIN', username: name, password: new Secret(password) } }
}

describe('a cluster with accounts', () => {
  let secure: SecureCluster
  let admin: Cluster
  let guest: Cluster

  const clusterOf = (security: ClusterSecurity, servers = [secure.address('PLAIN')]) =>
    openCluster({ bootstrapServers: servers, clientId: 'test', security })

  before(async () => {
    secure = await startSecureCluster()
    admin = clusterOf(asUser(ADMIN_USER))
    guest = clusterOf(asUser(GUEST_USER))
    await admin.createTopics([topicOf('orders')])
  })

  after(async () => {
    await admin?.close()
    await guest?.close()
    await secure?.[Symbol.asyncDispose]()
  })

  test('every connection is secured, those to leaders too', async () => {
    assert.equal((await admin.describe(['orders'])).topics.length, 1)
    assert.equal((await admin.listOffsets('high_watermark', [PARTITION])).get('orders/0'), 0n)
    const tls = { trustedPem: secure.authority.certificatePem, identity: null, verifiesHostname: true }
    const encrypted = clusterOf({ tls, sasl: null }, [secure.address('TLS')])
    assert.equal((await encrypted.listOffsets('log_start', [PARTITION])).get('orders/0'), 0n)
    await encrypted.close()
  })

  test('a wrong password is not tried on the next server, and a certificate nobody trusts neither', async () => {
    const security = asUser({ name: ADMIN_USER.name, password: 'wrong' })
    const wrong = clusterOf(security, [secure.address('PLAIN'), '127.0.0.1:1'])
    const beganMs = performance.now()
    assert.equal((await failureOf(wrong.topicNames())).code, 'KB_AUTHENTICATION_FAILED')
    await wrong.close()
    const tls = { trustedPem: secure.authority.certificatePem, identity: null, verifiesHostname: true }
    const strange = clusterOf({ tls, sasl: null }, [secure.address('STRANGE'), secure.address('TLS')])
    assert.equal((await failureOf(strange.topicNames())).code, 'KB_TLS_FAILED')
    await strange.close()
    assert.ok(performance.now() - beganMs < QUICK_MS)
  })

  test('an account without permissions sees no topic, and each refusal names what it is about', async () => {
    assert.deepEqual(await guest.topicNames(), [])
    const survey = await guest.survey(['orders', 'gone'])
    assert.deepEqual(survey.topics, [])
    assert.deepEqual(Object.fromEntries(survey.absent), { gone: 'denied', orders: 'denied' })
    const described = await failureOf(guest.describe(['orders']))
    assert.equal(described.code, 'KB_CLUSTER_PERMISSION')
    assert.match(described.message, /^the account may not describe topic "orders" on 127/)
    assert.equal(described.context.topic, 'orders')
    const offsets = await failureOf(guest.listOffsets('log_start', [PARTITION]))
    assert.equal(offsets.code, 'KB_CLUSTER_PERMISSION')
    assert.match(offsets.message, /orders\/0: the broker answered TOPIC_AUTHORIZATION_FAILED/)
    const configs = await failureOf(guest.topicConfigs(['orders'], ['retention.ms']))
    assert.deepEqual([configs.code, configs.context.topic], ['KB_CLUSTER_PERMISSION', 'orders'])
    const created = await failureOf(guest.createTopics([topicOf('mine')]))
    assert.deepEqual([created.code, created.context.topic], ['KB_CLUSTER_PERMISSION', 'mine'])
    assert.equal((await guest.epochEnds([{ ...PARTITION, leaderEpoch: 0 }])).size, 0)
    assert.deepEqual(await guest.openTransactions([PARTITION]), [])
  })

  test('a group that may not be read is named, and the others are read', async () => {
    await using driver = new SourceDriver(secure.cluster)
    for (const group of ['open', 'closed'])
      await driver.commitGroup(group, { topic: 'orders', partition: 0, offset: 0n })
    const read = async (known: readonly string[] = []) =>
      (await guest.consumerGroups(known)).groups.map(({ group, offsets, failure, state }) => [
        group,
        failure ?? offsets?.length,
        state,
      ])
    // What an account may not describe is not listed, and whoever asks for it by name is refused.
    assert.deepEqual(await read(), [])
    assert.deepEqual(await read(['closed']), [['closed', 'GROUP_AUTHORIZATION_FAILED', 'Unknown']])
    await secure.allowListingGroups(GUEST_USER)
    await secure.allowGroup(GUEST_USER, 'open')
    await secure.allow(GUEST_USER, 'Describe', 'orders')
    assert.deepEqual((await read()).sort(), [
      ['closed', 'GROUP_AUTHORIZATION_FAILED', 'Empty'],
      ['open', 1, 'Empty'],
    ])
  })
})

/** Offers Metadata up to version 12 and answers it with `body`. */
async function askNonsense(body: Uint8Array) {
  const answer = ({ apiKey }: ReceivedRequest): Uint8Array => {
    if (apiKey !== API_KEY.apiVersions) return Buffer.concat([Buffer.of(0), body])
    return new ByteWriter(32).int16(0).int32(1).int16(METADATA.key).int16(0).int16(12).finish()
  }
  await using server = await openRawServer((request, socket) => {
    socket.write(responseFrame(request.correlationId, answer(request)))
  })
  const cluster = openCluster({ bootstrapServers: [`127.0.0.1:${server.port}`], clientId: 'test' })
  try {
    return await failureOf(cluster.topicNames())
  } finally {
    await cluster.close()
  }
}

test('answers without sense are an error with the broker and the request, and end nothing else', async () => {
  const throttle = Buffer.alloc(4)
  const nonsense = {
    'nothing at all': Buffer.alloc(0),
    'two billion brokers': Buffer.concat([throttle, Buffer.of(0xff, 0xff, 0xff, 0xff, 0x07)]),
    'a host that is longer than the answer': Buffer.concat([
      throttle,
      Buffer.of(2, 0, 0, 0, 1, 0xff, 0x7f, 65),
    ]),
    'a cluster id up to the end and beyond': Buffer.concat([throttle, Buffer.of(1, 0x20, 65)]),
    'more than there should be': Buffer.concat([
      throttle,
      Buffer.of(1, 0),
      Buffer.alloc(4),
      Buffer.of(1, 0, 7),
    ]),
    'an error of a topic that nobody knows': Buffer.concat([
      throttle,
      Buffer.of(1, 0),
      Buffer.alloc(4),
      Buffer.of(2, 0x7f, 0x7f, 2, 65),
      Buffer.alloc(16),
      Buffer.of(0, 1, 0, 0, 0, 0, 0, 0),
    ]),
  }
  for (const [what, body] of Object.entries(nonsense)) {
    const failure = await askNonsense(body)
    assert.equal(failure.code, 'KB_BROKER_ERROR', what)
    assert.match(
      failure.message,
      /^broker 127\.0\.0\.1:\d+: no sense in its answer to Metadata version 12: ./,
      what,
    )
  }
})

test('closing ends what is under way at once, and leaves no timer behind', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const timersBefore = timers()
  await using server = await openRawServer(() => undefined)
  const cluster = openCluster({ bootstrapServers: [`127.0.0.1:${server.port}`], clientId: 'test' })
  const asking = failureOf(cluster.topicNames())
  const beganMs = performance.now()
  setTimeout(() => cluster.close(), 100)
  assert.equal((await asking).code, 'KB_CLUSTER_UNREACHABLE')
  assert.equal(timers(), timersBefore)
  assert.ok(performance.now() - beganMs < 2_000)
  assert.match((await failureOf(cluster.topicNames())).message, /the connections were closed/)
  await cluster.close()
})
