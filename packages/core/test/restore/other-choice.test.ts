import assert from 'node:assert/strict'
import { test } from 'node:test'
import { differingChoices } from '../../src/restore/preflight/other-choice.ts'
import { type RestoreRequest, requestDocument } from '../../src/restore/restore-request.ts'
import { REQUEST } from './sample-request.ts'

const CHANGES: readonly (readonly [change: Partial<RestoreRequest>, says: string])[] = [
  [{ includeTopics: ['orders', 'audit'] }, '--topics (then: orders; now: orders,audit)'],
  [{ asOfCommit: 7n }, '--as-of-commit (then: not given; now: 7)'],
  [{ from: '-7d' }, '--from (then: not given; now: -7d)'],
  [{ offsetRanges: ['orders/3:1-2'] }, '--offsets (then: not given; now: orders/3:1-2)'],
  [
    { topicMapping: new Map([['orders', 'other']]) },
    '--topic-mapping (then: orders=copy; now: orders=other)',
  ],
  [{ partitionMapping: new Map([[0, 4]]) }, '--partition-mapping (then: not given; now: 0=4)'],
  [{ allowManyToOne: true }, '--allow-many-to-one (then: not given; now: true)'],
  [{ repartitioning: new Map([['copy', 12]]) }, '--repartition (then: not given; now: copy=12)'],
  [{ keepOffsets: true }, '--keep-offsets (then: not given; now: true)'],
  [{ stripOffsetHeaders: true }, 'restore.strip_offset_headers (then: not given; now: true)'],
  [
    { topicConfigOverrides: new Map([['*', new Map([['retention.ms', '1']])]]) },
    'restore.topic_config_overrides (then: not given; now: *: retention.ms=1)',
  ],
  [{ restoreTopicConfigs: false }, '--restore-topic-configs false (then: not given; now: true)'],
  [
    { existingTopicConfigPolicy: 'apply' },
    'restore.existing_topic_config_policy (then: not given; now: apply)',
  ],
]

test('the same request differs in nothing', () => {
  assert.deepEqual(differingChoices(requestDocument(REQUEST), { ...REQUEST }), [])
})

for (const [change, says] of CHANGES) {
  test(`tells another choice as it is written: ${says}`, () => {
    assert.deepEqual(differingChoices(requestDocument(REQUEST), { ...REQUEST, ...change }), [says])
  })
}

test('what an older ledger does not have is not given', () => {
  assert.deepEqual(differingChoices({}, REQUEST), [
    'restore.backup_id (then: not given; now: daily)',
    '--topics (then: not given; now: orders)',
    '--topic-mapping (then: not given; now: orders=copy)',
  ])
})
