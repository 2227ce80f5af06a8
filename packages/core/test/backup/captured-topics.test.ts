import assert from 'node:assert/strict'
import { test } from 'node:test'
import { capturedTopics } from '../../src/backup/captured-topics.ts'
import type { CapturedTopic, TopicsDocument } from '../../src/format/topics-document.ts'
import type { ClusterSurvey, TopicDescription, TopicSettings } from '../../src/kafka/cluster.ts'
import { capturedTopic } from '../format/topics-sample.ts'

const DENIED = 'TOPIC_AUTHORIZATION_FAILED'
const OWN = [{ name: 'retention.ms', value: '1000', source: 'topic' }] as const

function described(name: string, topicId: string | null = null): TopicDescription {
  const partition = { partition: 0, leader: 1, leaderEpoch: 0, replicas: 1, inSyncReplicas: 1 }
  return { name, topicId, isInternal: false, partitions: [partition], replicationFactor: 1 }
}

function look(
  topics: readonly TopicDescription[],
  settings: Readonly<Record<string, TopicSettings>>,
  absent: ClusterSurvey['absent'] = new Map(),
) {
  const survey = { clusterId: 'c', brokers: new Map(), topics, absent }
  return { survey, settings: new Map(Object.entries(settings)), failure: null }
}

function documentOf(...topics: CapturedTopic[]): TopicsDocument {
  return { backupId: 'daily', writer: '00000001', readAtMs: 5n, clusterId: 'c', topics }
}

test('defaults of Kafka are left out, everything else is kept with where it stands', () => {
  const told = [...OWN, { name: 'segment.bytes', value: '1', source: 'default' as const }]
  const topics = capturedTopics(look([described('a')], { a: { settings: told, unread: null } }), undefined)
  assert.deepEqual(topics, [capturedTopic('a', { settings: OWN })])
})

test('a topic that may not be read leaves the others, and what an earlier run read of it', () => {
  const before = documentOf(capturedTopic('a', { settings: OWN }), capturedTopic('b', { settings: OWN }))
  const denied = { settings: null, unread: DENIED }
  const read = { settings: [], unread: null }
  const topics = capturedTopics(look([described('a'), described('b')], { a: denied, b: read }), before)
  assert.deepEqual(topics, [
    capturedTopic('a', { settings: OWN, unread: DENIED, readAtMs: 5n }),
    capturedTopic('b'),
  ])
  const never = capturedTopics(look([described('a')], { a: denied }), undefined)
  assert.deepEqual(never, [capturedTopic('a', { settings: null, unread: DENIED })])
})

test('topics that this run does not read stay as they were, those that are gone with the reason', () => {
  const before = documentOf(
    capturedTopic('gone', { settings: OWN }),
    capturedTopic('other', { settings: OWN, readAtMs: 3n }),
    capturedTopic('unseen', { settings: OWN }),
  )
  const absent = new Map([
    ['gone', 'missing'],
    ['unseen', 'denied'],
    ['never-there', 'missing'],
  ] as const)
  assert.deepEqual(capturedTopics(look([], {}, absent), before), [
    capturedTopic('gone', { settings: OWN, unread: 'UNKNOWN_TOPIC_OR_PARTITION', readAtMs: 5n }),
    capturedTopic('other', { settings: OWN, readAtMs: 3n }),
    capturedTopic('unseen', { settings: OWN, unread: DENIED, readAtMs: 5n }),
  ])
})

test('a topic that was created again has nothing of the one before', () => {
  const before = documentOf(capturedTopic('a', { topicId: 'first', settings: OWN }))
  const denied = { a: { settings: null, unread: DENIED } }
  const [topic] = capturedTopics(look([described('a', 'second')], denied), before)
  assert.deepEqual([topic?.settings, topic?.readAtMs, topic?.topicId], [null, null, 'second'])
})

test('where nothing could be read at all, partitions and replicas are kept with the reason', () => {
  const failed = { ...look([described('a')], {}), failure: 'KB_CLUSTER_UNREACHABLE' }
  const [topic] = capturedTopics(failed, undefined)
  assert.deepEqual([topic?.partitions, topic?.settings, topic?.unread], [1, null, 'KB_CLUSTER_UNREACHABLE'])
})
