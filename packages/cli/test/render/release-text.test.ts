import assert from 'node:assert/strict'
import { test } from 'node:test'
import { releaseDocument, releaseText } from '../../src/render/release-text.ts'

const TOOL = 'kafka-configs.sh --bootstrap-server HOST:PORT --alter --entity-type topics --entity-name'
const HELD = [
  { topic: 'orders', name: 'retention.ms', held: '-1', original: '86400000' },
  { topic: 'audit', name: 'retention.ms', held: '-1', original: null },
  { topic: 'orders', name: 'retention.bytes', held: '-1', original: null },
  { topic: 'orders', name: 'cleanup.policy', held: 'delete', original: 'compact,delete' },
]
const RELEASED = { restoreId: '5f2c9d0a1b3e4f67-0001', clusterId: 'dr-1', heldSettings: HELD }

test('a release says what is still held in which cluster, and the line for each topic that puts it back', () => {
  const lines = releaseText(RELEASED).split('\n')
  assert.match(lines[1] ?? '', /cluster dr-1 .* a release asks no cluster/)
  assert.deepEqual(lines.slice(3), [
    '  retention.ms of topic orders is held at -1: it was 86400000',
    '  retention.bytes of topic orders is held at -1: it was not set',
    '  cleanup.policy of topic orders is held at delete: it was compact,delete',
    `    ${TOOL} orders --add-config 'retention.ms=86400000,cleanup.policy=[compact,delete]' --delete-config retention.bytes`,
    '  retention.ms of topic audit is held at -1: it was not set',
    `    ${TOOL} audit --delete-config retention.ms`,
  ])
  const document = releaseDocument(RELEASED)
  assert.deepEqual([document.cluster_id, document.held_settings], ['dr-1', HELD])
  assert.deepEqual(document.put_back[1], {
    topic: 'audit',
    command: `${TOOL} audit --delete-config retention.ms`,
  })
})

test('a release of a restore that held nothing has nothing more to say', () => {
  const nothing = { ...RELEASED, heldSettings: [] }
  assert.doesNotMatch(releaseText(nothing), /\n|cluster/)
  assert.deepEqual(releaseDocument(nothing).put_back, [])
})
