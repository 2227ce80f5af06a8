import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TopicsDocument } from '@kafka-backup/core'
import { CLUSTER_SAMPLE } from '../../../core/test/format/cluster-sample.ts'
import { clusterReportText } from '../../src/render/cluster-report-text.ts'
import { clusterText } from '../../src/render/cluster-text.ts'

const STATE = { backupId: 'daily', tip: { number: 5n } } as never
const SETTINGS = [{ name: 'retention.ms', value: '77000', source: 'topic' }] as const
const SHAPE = { topicId: null, partitions: 3, replicationFactor: 2, unread: null, readAtMs: null }
const TOPICS: TopicsDocument = {
  ...{ backupId: 'daily', writer: '0badc0de', readAtMs: 0n, clusterId: 'c1' },
  topics: [{ name: 'orders', ...SHAPE, settings: SETTINGS }],
}

test('a cluster is shown with what was not read, and nothing in it commands a terminal', () => {
  const text = clusterText({ state: STATE, cluster: CLUSTER_SAMPLE, topics: TOPICS })
  for (const line of [
    /^Cluster of backup daily as of commit 5$/m,
    /^ {5}2 {2}broker-2:9092 {2}"a b"$/m,
    /^metadata\.version +21$/m,
    /^ALLOW +WRITE +TOPIC +orders +LITERAL +User:alice +\*$/m,
    /^client-id "it's .*", user bob +producer_byte_rate +12\.25$/m,
    /^Client quotas not read: CLUSTER_AUTHORIZATION_FAILED; shown as of 2025-11-13T02:13:20\.000Z$/m,
    /^SCRAM users not read: UNSUPPORTED_VERSION$/m,
    /^orders +3 +2$/m,
    /^orders +retention\.ms +77000$/m,
  ])
    assert.match(text, line)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that there is none is what is looked at
  assert.doesNotMatch(text, /[\0-\x09\x0b-\x1f]/)
})

test('a section that is empty, and a cluster that nobody has described, are named', () => {
  const none = { entries: [], unread: null, readAtMs: null }
  const acls = { entries: null, unread: 'SECURITY_DISABLED', readAtMs: null }
  const text = clusterText({ state: STATE, cluster: { ...CLUSTER_SAMPLE, quotas: none, acls }, topics: null })
  assert.match(text, /^Client quotas: none$/m)
  assert.match(text, /^ACLs: the cluster has no authorizer$/m)
  assert.match(text, /^Topics: not captured$/m)
  const nothing = clusterText({ state: STATE, cluster: null, topics: null })
  assert.match(nothing, /^No run has described the cluster of backup daily as of commit 5$/m)
})

test('what a run could not read is told with the right that the account lacks', () => {
  const reason = 'CLUSTER_AUTHORIZATION_FAILED'
  const unread = (['acls', 'quotas', 'scramUsers'] as const).map((section) => ({ section, reason }))
  const lack = (right: string) => `${reason} (the account lacks ${right} on the cluster)`
  assert.deepEqual(clusterReportText({ unread, failure: null }), [
    `Not read: ACLs, SCRAM users: ${lack('Describe')}. Records are not affected.`,
    `Not read: Client quotas: ${lack('DescribeConfigs')}. Records are not affected.`,
  ])
})
