import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ErrorCode } from '../../src/errors/error-codes.ts'
import { KafkaBackupError, toKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { isOfStop } from '../../src/runtime/stopped.ts'

const REASON = new KafkaBackupError('KB_INTERRUPTED', 'stopped by SIGINT')

function ours(code: ErrorCode, cause?: unknown): KafkaBackupError {
  return new KafkaBackupError(code, 'as the test wants it', { cause })
}

function ofNode(code: string): Error {
  return Object.assign(new Error('as the test wants it'), { code })
}

function aborted(): unknown {
  return new DOMException('This operation was aborted', 'AbortError')
}

describe('a failure after a stop', () => {
  for (const [what, error] of [
    ['the reason of the stop', REASON],
    ['another interruption', ours('KB_INTERRUPTED')],
    ['what carries the reason', ours('KB_AUTHENTICATION_FAILED', REASON)],
    ['an abort of Node', aborted()],
    ['what carries one', toKafkaBackupError(aborted())],
    ['a connection that was closed', ofNode('ECONNRESET')],
    ['a stream that was closed', toKafkaBackupError(ofNode('ERR_STREAM_PREMATURE_CLOSE'))],
    ['a store that is away', ours('KB_STORAGE_UNAVAILABLE')],
    ['a broker that is away', ours('KB_CLUSTER_UNREACHABLE')],
  ] as const) {
    it(`is of the stop: ${what}`, () => {
      assert.equal(isOfStop(error, AbortSignal.abort(REASON)), true)
      assert.equal(isOfStop(error, new AbortController().signal), false, 'nobody stopped it')
    })
  }

  for (const error of [
    ...(['KB_SEGMENT_CORRUPT', 'KB_COMMIT_CORRUPT', 'KB_BATCH_CORRUPT'] as const).map((code) => ours(code)),
    ...(['KB_COMMIT_CONFLICT', 'KB_TARGET_CHANGED', 'KB_PRODUCER_FENCED'] as const).map((code) => ours(code)),
    ...(['KB_STORAGE_PERMISSION', 'KB_CONFIG_INVALID', 'KB_INCOMPLETE'] as const).map((code) => ours(code)),
    ours('KB_STORAGE_FULL', ofNode('ENOSPC')),
    ours('KB_INTERNAL'),
    new TypeError('a defect'),
    ofNode('ERR_ASSERTION'),
  ]) {
    const { code = error.name } = error as { readonly code?: string }
    it(`is what it is: ${code}`, () => assert.equal(isOfStop(error, AbortSignal.abort(REASON)), false))
  }
})
