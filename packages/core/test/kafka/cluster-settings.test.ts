import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClusterConnections } from '../../src/kafka/cluster-connections.ts'
import { topicSettings } from '../../src/kafka/cluster-settings.ts'

const TOPIC_AUTHORIZATION_FAILED = 29
const OF_TOPIC = 1

/** Brokers send no secret today; one of a vendor that does is not to be believed. */
test('a sensitive value is not taken from an answer that has it, and one denied topic voids no other', async () => {
  const secret = { name: 'vendor.secret', value: 'hunter2', configSource: OF_TOPIC, isSensitive: true }
  const plain = { name: 'retention.ms', value: '77000', configSource: OF_TOPIC, isSensitive: false }
  const results = [
    { errorCode: TOPIC_AUTHORIZATION_FAILED, resourceName: 'denied', configs: [] },
    { errorCode: 0, resourceName: 'orders', configs: [secret, plain] },
  ]
  const connections = { askAny: async () => ({ results }) } as unknown as ClusterConnections
  const told = await topicSettings(connections, ['denied', 'orders'], null)
  assert.deepEqual(told.get('denied'), { settings: null, unread: 'TOPIC_AUTHORIZATION_FAILED' })
  assert.deepEqual(told.get('orders'), {
    settings: [
      { name: 'retention.ms', value: '77000', source: 'topic' },
      { name: 'vendor.secret', value: null, source: 'topic' },
    ],
    unread: null,
  })
})
