import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sealDocument } from '../../src/format/canonical-json.ts'
import { decodeTopics, encodeTopics, saysTheSame } from '../../src/format/topics-document.ts'
import { capturedTopic, TOPICS_SAMPLE } from './topics-sample.ts'

function changed(change: (fields: Record<string, unknown>) => unknown): Buffer {
  const { sha256: _, ...fields } = JSON.parse(encodeTopics(TOPICS_SAMPLE).toString()) as Record<
    string,
    unknown
  >
  change(fields)
  return sealDocument(fields as never)
}

function topicOf(fields: Record<string, unknown>, at: number): Record<string, unknown> {
  return (fields.topics as Record<string, unknown>[])[at] as Record<string, unknown>
}

test('what is written is read back', () => {
  assert.deepEqual(decodeTopics(encodeTopics(TOPICS_SAMPLE)), TOPICS_SAMPLE)
})

const REFUSED: readonly (readonly [string, string, (fields: Record<string, unknown>) => unknown, RegExp])[] =
  [
    ['another format', 'KB_VALIDATION_FAILED', (f) => (f.format = 'kafka-backup-commit'), /format/],
    ['a newer version', 'KB_FORMAT_UNSUPPORTED', (f) => (f.version = 2), /version 2/],
    ['an unknown feature', 'KB_FORMAT_UNSUPPORTED', (f) => (f.features = ['racks']), /"racks"/],
    ['no cluster', 'KB_VALIDATION_FAILED', (f) => delete f.cluster_id, /cluster_id/],
    [
      'a source that nobody knows',
      'KB_VALIDATION_FAILED',
      (f) => {
        const [first] = topicOf(f, 0).settings as Record<string, unknown>[]
        first!.source = 'default'
      },
      /source/,
    ],
    [
      'a number for a value',
      'KB_VALIDATION_FAILED',
      (f) => {
        const [first] = topicOf(f, 0).settings as Record<string, unknown>[]
        first!.value = 5
      },
      /value/,
    ],
    [
      'a topic that stands there twice',
      'KB_VALIDATION_FAILED',
      (f) => (topicOf(f, 1).name = topicOf(f, 0).name),
      /is not behind/,
    ],
    [
      'settings out of order',
      'KB_VALIDATION_FAILED',
      (f) => (topicOf(f, 0).settings as unknown[]).reverse(),
      /settings/,
    ],
    [
      'a topic name that Kafka would not take',
      'KB_VALIDATION_FAILED',
      (f) => (topicOf(f, 0).name = '../a'),
      /topics/,
    ],
    ['less than no partitions', 'KB_VALIDATION_FAILED', (f) => (topicOf(f, 0).partitions = -1), /partitions/],
  ]

for (const [what, code, change, says] of REFUSED) {
  test(`a document with ${what} is refused`, () => {
    assert.throws(
      () => decodeTopics(changed(change)),
      (error: Error & { code: string }) => {
        assert.equal(error.code, code)
        assert.match(error.message, says)
        return true
      },
    )
  })
}

test('two documents say the same whenever and by whomever they were written', () => {
  const later = { ...TOPICS_SAMPLE, readAtMs: 9n, writer: '00000002' }
  const carried = TOPICS_SAMPLE.topics.map((topic) => ({ ...topic, readAtMs: 3n }))
  assert.ok(saysTheSame(TOPICS_SAMPLE, { ...later, topics: carried }))
  const [first = capturedTopic('a'), ...rest] = TOPICS_SAMPLE.topics
  for (const other of [
    { ...first, partitions: 99 },
    { ...first, replicationFactor: 99 },
    { ...first, topicId: null },
    { ...first, unread: 'UNKNOWN_SERVER_ERROR' },
    { ...first, settings: null },
    { ...first, settings: [{ ...first.settings![0]!, value: 'another' }] },
  ])
    assert.ok(!saysTheSame(TOPICS_SAMPLE, { ...TOPICS_SAMPLE, topics: [other, ...rest] }))
  assert.ok(!saysTheSame(TOPICS_SAMPLE, { ...TOPICS_SAMPLE, clusterId: 'another' }))
})
