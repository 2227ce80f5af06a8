import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { type JsonValue, sealDocument, sha256Hex } from '../../src/format/canonical-json.ts'
import { decodeCommit, encodeCommit } from '../../src/format/commit.ts'
import { prng } from '../protocol/prng.ts'
import { expectCode } from '../protocol/samples.ts'
import { randomCommit } from './random-commit.ts'

const SEEDS = 200

test('every commit is read as it was written', () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const commit = randomCommit(prng(seed))
    const { bytes, sha256 } = encodeCommit(commit)
    assert.deepEqual(decodeCommit(bytes), commit, `seed ${seed}`)
    assert.equal(sha256, sha256Hex(bytes))
    assert.ok(encodeCommit(decodeCommit(bytes)).bytes.equals(bytes), `seed ${seed}`)
  }
})

test('each flipped bit of a commit is damage, and never a defect of ours', () => {
  const { bytes } = encodeCommit(randomCommit(prng(8)))
  for (let at = 0; at < bytes.length * 8; at++) {
    const changed = Buffer.from(bytes)
    changed[at >> 3]! ^= 1 << (at & 7)
    assert.throws(
      () => decodeCommit(changed),
      (error) => isKafkaBackupError(error, 'KB_COMMIT_CORRUPT'),
      `byte ${at >> 3}, bit ${at & 7}`,
    )
  }
})

/** A commit whose document was changed and sealed again. */
function changed(change: (fields: Record<string, JsonValue>) => void): Buffer {
  const { sha256: _, ...fields } = JSON.parse(encodeCommit(randomCommit(prng(3))).bytes.toString())
  change(fields)
  return sealDocument(fields)
}

test('a commit from the future is refused by name', () => {
  expectCode('KB_FORMAT_UNSUPPORTED', () =>
    decodeCommit(changed((fields) => Object.assign(fields, { version: 2 }))),
  )
  const features = changed((fields) => Object.assign(fields, { features: ['pruning'] }))
  assert.throws(() => decodeCommit(features), /"pruning"/)
  expectCode('KB_FORMAT_UNSUPPORTED', () => decodeCommit(features))
})

test('unknown fields are ignored', () => {
  const original = decodeCommit(encodeCommit(randomCommit(prng(3))).bytes)
  assert.deepEqual(decodeCommit(changed((fields) => Object.assign(fields, { later: { x: 1 } }))), original)
})

test('fields of another kind than the format says are damage', () => {
  const wrong: Record<string, JsonValue>[] = [
    { format: 'kafka-backup-snapshot' },
    { number: 1 },
    { number: '-1' },
    { number: '9223372036854775808' },
    { previous_sha256: 'ab' },
    { writer: '9F2C11AB' },
    { created_at: '1.5' },
    { run: { id: 'x', began_at: '1', target_at: '1', outcome: 'perfect' } },
    { topics: [{ name: 'a/b', topic_id: null, partitions: 1 }] },
    { begins: [{ topic: '..', partition: 0, offset: '0' }] },
    { begins: [{ topic: 'a', partition: -1, offset: '0' }] },
    { gaps: [{ topic: 'a', partition: 0, first_offset: '0', end_offset: '1', reason: 'bored' }] },
    {
      segments: [{ key: 'k', bytes: 1, index: { position: 0, bytes: 1, sha256: 'a'.repeat(64) }, parts: [] }],
    },
    { artifacts: 'none' },
  ]
  for (const fields of wrong) {
    const bytes = changed((own) => Object.assign(own, fields))
    expectCode('KB_COMMIT_CORRUPT', () => decodeCommit(bytes), JSON.stringify(fields))
  }
  for (const field of ['features', 'source', 'segments', 'gaps', 'run', 'writer']) {
    expectCode('KB_COMMIT_CORRUPT', () => decodeCommit(changed((own) => delete own[field])), field)
  }
})
