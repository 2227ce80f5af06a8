import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ERROR_TABLE, type ErrorCode, EXIT_CODES, KafkaBackupError } from '@kafka-backup/core'
import { errorDocument, renderErrorText } from '../../src/render/error-text.ts'

test('the verdict comes first, then code and hint on a line of their own', () => {
  const cases: readonly (readonly [ErrorCode, string])[] = [
    ['KB_USAGE', 'Refused'],
    ['KB_CONFIG_INVALID', 'Refused'],
    ['KB_TARGET_NOT_EMPTY', 'Refused'],
    ['KB_SEGMENT_CORRUPT', 'Damaged'],
    ['KB_INTERRUPTED', 'Interrupted'],
    ['KB_STORAGE_FULL', 'Failed'],
    ['KB_CLUSTER_UNREACHABLE', 'Failed'],
    ['KB_STORAGE_PERMISSION', 'Failed'],
  ]
  for (const [code, verdict] of cases) {
    const text = renderErrorText(new KafkaBackupError(code, 'what and where', { hint: 'what to do' }))
    assert.equal(text, `${verdict}: what and where\n  ${code} · what to do`)
  }
})

test('a message of several lines is indented', () => {
  const text = renderErrorText(new KafkaBackupError('KB_CONFIG_INVALID', 'a\nb', { hint: 'c' }))
  assert.equal(text, 'Refused: a\n  b\n  KB_CONFIG_INVALID · c')
})

test('only a defect of ours shows a stack', () => {
  const cause = new Error('a broken socket')
  assert.doesNotMatch(
    renderErrorText(new KafkaBackupError('KB_CLUSTER_UNREACHABLE', 'x', { cause })),
    /\n\s+at /,
  )
  const text = renderErrorText(new TypeError('x is not a function'))
  assert.match(text, /^Failed: TypeError: x is not a function\n {2}KB_INTERNAL · .*report/)
  assert.match(text, /\n\s+at /)
  assert.match(renderErrorText('thrown text'), /^Failed: thrown text\n {2}KB_INTERNAL/)
})

test('the document has every field that a program may rely on', () => {
  const context = { topic: 'orders', partition: 3 }
  const error = new KafkaBackupError('KB_TARGET_NOT_EMPTY', 'm', { context, hint: 'h' })
  assert.deepEqual(errorDocument(error), {
    kind: 'error',
    version: 1,
    error: {
      code: 'KB_TARGET_NOT_EMPTY',
      category: 'conflict',
      message: 'm',
      hint: 'h',
      retryable: false,
      exit_code: 5,
      context,
    },
  })
})

test('exit codes are those of the documents, and each code has a hint', () => {
  assert.deepEqual(EXIT_CODES, {
    failed: 1,
    usage: 2,
    config: 2,
    incomplete: 3,
    integrity: 4,
    conflict: 5,
    cluster: 6,
    storage: 7,
    permission: 8,
    bug: 70,
    interrupted: 130,
  })
  for (const [code, row] of Object.entries(ERROR_TABLE)) assert.match(row.hint, /\S.*\S/, code)
})
