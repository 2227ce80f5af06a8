import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BackupState, GroupRecord } from '@kafka-backup/core'
import {
  groupCommitText,
  groupsDocument,
  groupsText,
  unreadGroupsTexts,
} from '../../src/render/groups-text.ts'

const GOOD = { failure: null, unread: [], silentBrokers: [] }
const REPORT = { ...GOOD, groups: 2, offsets: 1, readAtMs: 0, backupId: 'daily', clusterId: 'c', commit: 7n }

test('what could not be read of groups is named, some by name and the rest by number', () => {
  assert.deepEqual(unreadGroupsTexts(GOOD), [])
  const unread = Array.from({ length: 1_012 }, (_, at) => ({ group: `g${at}`, reason: 'NOT_COORDINATOR' }))
  const [line = '', brokers] = unreadGroupsTexts({
    ...GOOD,
    unread,
    silentBrokers: [{ broker: 'b:9092', reason: 'NETWORK_EXCEPTION' }],
  })
  assert.match(line, /not read of 1,012 consumer groups, .*: "g0" \(NOT_COORDINATOR\), .* and 1,002 more$/)
  assert.equal(brokers, 'Consumer groups not listed by b:9092 (NETWORK_EXCEPTION)')
  assert.deepEqual(unreadGroupsTexts({ ...GOOD, failure: 'no room' }), [
    'Consumer groups were not stored: no room',
  ])
})

test('a name that no terminal should be sent is shown with its controls written out', () => {
  const unread = [{ group: 'a\u001b[2J\u202e"ü"\n', reason: 'X' }]
  assert.match(unreadGroupsTexts({ ...GOOD, unread })[0] ?? '', /: "a\\u001b\[2J\\u202e\\"ü\\"\\n" \(X\)$/)
})

test('what a snapshot of groups came to is said in one line', () => {
  const firstLine = (changes: object) =>
    groupCommitText({ ...REPORT, isWritten: true, ...changes }).split('\n')[0]
  assert.match(
    firstLine({}) ?? '',
    /^Complete +2 consumer groups, 1 committed offset · .*commit 7 of backup daily$/,
  )
  assert.match(firstLine({ isWritten: false }) ?? '', /nothing has changed, and nothing was written$/)
  assert.match(firstLine({ isWritten: false, groups: 0 }) ?? '', /there is none, and nothing was written$/)
  assert.match(firstLine({ unread: [{ group: 'g', reason: 'X' }] }) ?? '', /^Incomplete /)
})

test('members that nobody told of are not counted as none', () => {
  const state = { backupId: 'daily', tip: { number: 1n } } as unknown as BackupState
  const groupOf = (type: GroupRecord['type'], own: Pick<GroupRecord, 'state' | 'members'>): GroupRecord => {
    return { group: `${type}-${own.state}`, type, protocolType: '', readAtMs: 0n, offsets: [], ...own }
  }
  const groups = [
    groupOf('consumer', { state: 'Stable', members: 2 }),
    groupOf('share', { state: 'Empty', members: 0 }),
    groupOf('streams', { state: 'Stable', members: 0 }),
  ]
  const document = { backupId: 'daily', writer: '9f2c11ab', readAtMs: 0n, clusterId: 'c', groups }
  assert.deepEqual(
    groupsDocument(state, document).groups.map(({ members }) => members),
    [2, 0, null],
  )
  const text = groupsText(state, document)
  assert.match(text, /^consumer-Stable +consumer +Stable +2 +0$/m)
  assert.match(text, /^share-Empty +share +Empty +0 +0$/m)
  assert.match(text, /^streams-Stable +streams +Stable +– +0$/m)
})
