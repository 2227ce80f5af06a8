import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TopicsDocument } from '../../src/format/topics-document.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { compareSettings } from '../../src/restore/preflight/existing-settings.ts'
import type { TargetFacts } from '../../src/restore/preflight/existing-topics.ts'
import type { TargetOptions } from '../../src/restore/preflight/target-plan.ts'
import type { RestorePlan } from '../../src/restore/restore-plan.ts'
import type { ExistingTopicConfigPolicy, RestoreRequest } from '../../src/restore/restore-request.ts'
import { capturedTopic, TOPICS_SAMPLE } from '../format/topics-sample.ts'

const DENIED = 'TOPIC_AUTHORIZATION_FAILED'
const UNREAD = capturedTopic('orders', { settings: null, unread: DENIED })

test('settings of a source that were never read are refused by fail, and told by the other policies', async () => {
  const captured = { ...TOPICS_SAMPLE, topics: [UNREAD] }
  const { refusals } = await judged('fail', captured)
  assert.equal(refusals.length, 1)
  assert.match(refusals[0]?.message ?? '', new RegExp(`the settings of its source are not known: ${DENIED}$`))
  for (const policy of ['keep', 'apply'] as const) {
    const { notes, held } = await judged(policy, captured)
    assert.deepEqual([notes.map(({ name, reason }) => [name, reason]), held], [[['*', DENIED]], []])
  }
})

test('a topic that the backup says nothing of has no settings that are known', async () => {
  const captured = { ...TOPICS_SAMPLE, topics: [capturedTopic('audit')] }
  assert.equal((await judged('fail', captured)).refusals.length, 1)
  assert.equal((await judged('fail', captured, { captureTrouble: 'it is damaged' })).refusals.length, 1)
})

test('nothing is refused or told where nobody wants settings compared', async () => {
  const nothing = { refusals: [], held: [], notes: [] }
  const request = { restoreTopicConfigs: false, existingTopicConfigPolicy: 'fail' } as RestoreRequest
  assert.deepEqual(await judged('fail', null, { request }), nothing)
  assert.deepEqual(await judged('keep', null), nothing)
  const known = { ...TOPICS_SAMPLE, topics: [capturedTopic('orders')] }
  assert.deepEqual(await judged('fail', known), nothing)
})

function judged(
  existingTopicConfigPolicy: ExistingTopicConfigPolicy,
  captured: TopicsDocument | null,
  more: Partial<TargetOptions> = {},
) {
  const cluster = {
    topicSettings: async () => new Map([['copy', { settings: [], unread: null }]]),
    changeTopicSettings: async () => undefined,
  } satisfies Partial<Cluster>
  const topic = { sourceTopic: 'orders', targetTopic: 'copy' } as RestorePlan['topics'][number]
  const request = { restoreTopicConfigs: true, existingTopicConfigPolicy } as RestoreRequest
  const options = { captured, captureTrouble: null, unfinished: undefined, request, nowMs: 0, ...more }
  const facts = { operations: new Map() } as unknown as TargetFacts
  return compareSettings(cluster as unknown as Cluster, [topic], [], facts, options as TargetOptions)
}
