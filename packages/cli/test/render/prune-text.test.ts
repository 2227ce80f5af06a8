import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PreparedPrune, PruneReport } from '@kafka-backup/core'
import { prunePlanDocument, prunePlanText } from '../../src/render/prune-plan-text.ts'
import { pruneDocument, pruneText } from '../../src/render/prune-text.ts'

const document = (kind: string, bytes: number) => ({ kind, key: `${kind}-${bytes}`, bytes, sha256: '' })
const PLACE = { location: 'file:///backups', nowMs: 0 }
const HOUR_MS = 3_600_000

/** A prune that takes documents and, where `segments` is above 0, records. */
function prepared(documents: readonly ReturnType<typeof document>[], segments = 0): PreparedPrune {
  const amounts = { segments, records: segments * 10, storedBytes: 0, heldBytes: 0, leftBytes: 0 }
  const plan = { backupId: 'daily', commit: 7n, entries: [], documents, ...amounts }
  return {
    plan: { ...plan, compactedTopics: [], prunedUntilMs: null },
    freed: { due: [], waiting: [], pinned: [] },
    pins: { pins: [], damaged: [] },
    request: { graceMs: HOUR_MS, maxBytes: null },
  } as unknown as PreparedPrune
}

function reportOf({ plan }: PreparedPrune, commit: bigint | null): PruneReport {
  const nothing = { deleted: [], refused: [], waiting: [], pinned: [], hasVersions: false }
  return { plan, commit, ...nothing, pins: { pins: [], damaged: [] } }
}

const DOCUMENTS = [document('topics', 1), document('groups', 1000), document('groups', 2000)]

test('a plan and its report say which documents go, and when', () => {
  const text = prunePlanText(prepared(DOCUMENTS), PLACE)
  assert.match(text, /^ {2}and 3 documents \(groups 2, topics 1\), [\d.,]+ \S+$/m)
  assert.match(text, /deleted by the first prune after/)
  assert.doesNotMatch(text, /nothing goes/)
  const kinds = [
    { kind: 'groups', objects: 2, bytes: 3000 },
    { kind: 'topics', objects: 1, bytes: 1 },
  ]
  assert.deepEqual(prunePlanDocument(prepared(DOCUMENTS), PLACE).documents, kinds)
  const report = reportOf(prepared(DOCUMENTS), 8n)
  assert.match(
    pruneText(report, 0),
    /^Complete +3 documents \(groups 2, topics 1\), \S+ \S+ taken out with commit 8 ·/,
  )
  assert.deepEqual(pruneDocument(report, 0).documents, kinds)
  const both = pruneText(reportOf(prepared(DOCUMENTS, 2), 8n), 0)
  assert.match(both, /^Complete +2 segments, 20 records, .* and 3 documents/)
})

test('where no document goes none is mentioned', () => {
  assert.match(prunePlanText(prepared([]), PLACE), /^ {2}nothing goes$/m)
  for (const [segments, commit] of [
    [0, null],
    [2, 8n],
  ] as const)
    assert.doesNotMatch(pruneText(reportOf(prepared([], segments), commit), 0), /document/)
})
