import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ValidationReport } from '@kafka-backup/core'
import { validationText } from '../../src/render/validation-text.ts'

const REPORT: ValidationReport = {
  backupId: 'daily',
  location: 'memory://test',
  isDeep: true,
  verdict: 'damaged',
  commits: 1,
  segments: 0,
  storedBytes: 0,
  checkedBytes: 0,
  partitions: 0,
  records: 0,
  gaps: [],
  divergences: [],
  pruned: { objects: 0, bytes: 0 },
  orphans: { objects: 2, bytes: 1_000, mayBeOfLostCommits: false },
  findings: [],
  durationMs: 1,
}

test('what a lost commit may have named is not called harmless', () => {
  assert.match(
    validationText(REPORT),
    /^ {2}2 objects of a run that was killed before its commit .*: harmless$/m,
  )
  const lost = validationText({ ...REPORT, orphans: { ...REPORT.orphans, mayBeOfLostCommits: true } })
  assert.match(lost, /^ {2}2 objects that no commit names which can be read \(1\.0 kB\): .*; keep them$/m)
  assert.doesNotMatch(lost, /harmless/)
})
