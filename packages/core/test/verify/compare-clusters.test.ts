import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClusterView, Section } from '../../src/format/cluster-document.ts'
import type { CapturedTopic } from '../../src/format/topics-document.ts'
import { compareClusters } from '../../src/verify/compare-clusters.ts'
import { aclOf, CLUSTER_SAMPLE } from '../format/cluster-sample.ts'

const told = <Entry>(entries: readonly Entry[]): Section<Entry> => ({ entries, unread: null, readAtMs: null })
const unread = <Entry>(reason: string, entries: readonly Entry[] | null = null): Section<Entry> => {
  return { entries, unread: reason, readAtMs: entries && 1n }
}

function topicOf(changes: Partial<CapturedTopic> = {}): CapturedTopic {
  const settings = [
    { name: 'min.insync.replicas', value: '2', source: 'broker' as const },
    { name: 'retention.ms', value: '77000', source: 'topic' as const },
  ]
  const shape = { name: 'orders', topicId: null, partitions: 3, replicationFactor: 2 }
  return { ...shape, settings, unread: null, readAtMs: null, ...changes }
}

const QUOTA = { entity: [{ type: 'user', name: 'bob' }], key: 'producer_byte_rate', value: '5' }
const USER = { user: 'bob', mechanism: 'SCRAM-SHA-512', iterations: 4096 }
const VIEW: ClusterView = {
  clusterId: 'c1',
  brokers: CLUSTER_SAMPLE.brokers,
  features: CLUSTER_SAMPLE.features,
  acls: told([aclOf()]),
  quotas: told([QUOTA]),
  scramUsers: told([USER]),
  topics: [topicOf()],
}

function differencesOf(after: Partial<ClusterView>, before: Partial<ClusterView> = {}) {
  return compareClusters({ ...VIEW, ...before }, { ...VIEW, ...after })
}

test('what is the same is equal, whichever cluster it is', () => {
  const other = differencesOf({ clusterId: 'c2', brokers: VIEW.brokers.slice(1), features: told([]) })
  assert.deepEqual([other.verdict, other.differences, other.notCompared], ['equal', [], []])
  assert.deepEqual(
    other.remarks.map(({ part, name, before, after }) => [part, name, before, after]),
    [
      ['cluster_id', '', 'c1', 'c2'],
      ['broker', '1', 'broker-1:9092', null],
      ['feature', 'metadata.version', '21', null],
    ],
  )
  assert.deepEqual(other.compared, { topics: 1, acls: 1, quotas: 1, scramUsers: 1 })
})

const DIFFERENT: readonly (readonly [string, Partial<ClusterView>, Record<string, unknown>])[] = [
  [
    'a topic that is gone',
    { topics: [] },
    { part: 'topic', topic: 'orders', before: 'present', after: null },
  ],
  [
    'a topic that is named and gone',
    { topics: [topicOf({ unread: 'UNKNOWN_TOPIC_OR_PARTITION' })] },
    { part: 'topic', topic: 'orders', before: 'present', after: null },
  ],
  [
    'partitions',
    { topics: [topicOf({ partitions: 4 })] },
    { part: 'partitions', topic: 'orders', before: '3', after: '4' },
  ],
  [
    'replicas',
    { topics: [topicOf({ replicationFactor: 1 })] },
    { part: 'replication_factor', topic: 'orders', before: '2', after: '1' },
  ],
  [
    'a setting',
    { topics: [topicOf({ settings: [{ name: 'retention.ms', value: '1', source: 'topic' }] })] },
    { part: 'setting', topic: 'orders', setting: 'retention.ms', before: '77000', after: '1' },
  ],
  [
    'an ACL more',
    { acls: told([aclOf(), aclOf({ host: 'h' })]) },
    { part: 'acl', acl: aclOf({ host: 'h' }), before: null, after: 'present' },
  ],
  [
    'a quota',
    { quotas: told([{ ...QUOTA, value: '6' }]) },
    { part: 'quota', quota: { entity: QUOTA.entity, key: QUOTA.key }, before: '5', after: '6' },
  ],
  [
    'the iterations of a SCRAM user',
    { scramUsers: told([{ ...USER, iterations: 8192 }]) },
    { part: 'scram_user', user: 'bob', mechanism: USER.mechanism, before: '4096', after: '8192' },
  ],
]

for (const [what, after, expected] of DIFFERENT) {
  test(`differs: ${what}`, () => {
    const { verdict, differences } = differencesOf(after)
    assert.deepEqual([verdict, differences], ['differs', [expected]])
  })
}

test('what was not read is not compared, and makes no difference', () => {
  const denied = unread('CLUSTER_AUTHORIZATION_FAILED', [aclOf({ host: 'other' })])
  const hidden = topicOf({ unread: 'TOPIC_AUTHORIZATION_FAILED', settings: null })
  const { verdict, differences, notCompared } = differencesOf({ acls: denied, topics: [hidden] })
  assert.deepEqual([verdict, differences], ['incomplete', []])
  assert.deepEqual(notCompared, [
    { part: 'acls', topic: null, side: 'after', reason: 'CLUSTER_AUTHORIZATION_FAILED' },
    { part: 'topics', topic: 'orders', side: 'after', reason: 'TOPIC_AUTHORIZATION_FAILED' },
  ])
  const never = compareClusters(null, { ...VIEW, topics: null })
  assert.equal(never.verdict, 'incomplete')
  assert.deepEqual(
    never.notCompared.map(({ part, side, reason }) => `${part} ${side} ${reason}`),
    [
      'acls before NOT_CAPTURED',
      'quotas before NOT_CAPTURED',
      'scram_users before NOT_CAPTURED',
      'topics before NOT_CAPTURED',
      'topics after NOT_CAPTURED',
    ],
  )
})

test('a cluster that says that it has none has none, whatever is carried over', () => {
  for (const reason of ['NO_ENTRIES', 'SECURITY_DISABLED']) {
    const { differences } = differencesOf({ acls: unread(reason, [aclOf()]) })
    assert.deepEqual(differences, [{ part: 'acl', acl: aclOf(), before: 'present', after: null }])
  }
  const both = unread<ReturnType<typeof aclOf>>('SECURITY_DISABLED')
  assert.equal(differencesOf({ acls: both }, { acls: both }).verdict, 'equal')
})
