import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { type JsonValue, sealDocument, sha256Hex } from '../../src/format/canonical-json.ts'
import { type Commit, decodeCommit, encodeCommit } from '../../src/format/commit.ts'
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

/** The first commit of the random ones that `isWanted`. */
function findCommit(isWanted: (commit: Commit) => boolean): Commit {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const commit = randomCommit(prng(seed))
    if (isWanted(commit)) return commit
  }
  throw new Error('none of the random commits is wanted')
}

function documentOf(commit: Commit): Record<string, JsonValue> {
  const { sha256: _, ...fields } = JSON.parse(encodeCommit(commit).bytes.toString())
  return fields
}

test('only a commit with several histories says so, and names them nowhere else', () => {
  const part = (commit: Commit) => commit.segments[0]?.parts[0]
  const plain = findCommit((commit) => part(commit)?.lineage === 1 && commit.gaps.length > 0)
  const text = encodeCommit(plain).bytes.toString()
  assert.deepEqual(documentOf(plain).features, [])
  assert.doesNotMatch(text, /"lineage"|"divergences"/)
  const each: [string, Commit][] = [
    [
      'a part',
      { ...plain, ...findCommit((commit) => (part(commit)?.lineage ?? 1) > 1), gaps: [], divergences: [] },
    ],
    ['a gap', { ...plain, gaps: plain.gaps.map((gap) => ({ ...gap, lineage: 2 })) }],
    [
      'a divergence',
      { ...plain, divergences: findCommit((commit) => commit.divergences.length > 0).divergences },
    ],
  ]
  for (const [what, commit] of each) {
    const fields = documentOf(commit)
    assert.deepEqual(fields.features, ['lineages'], what)
    for (const features of [[], ['lineages', 'lineages']]) {
      expectCode('KB_COMMIT_CORRUPT', () => decodeCommit(sealDocument({ ...fields, features })), what)
    }
    const unknown = sealDocument({ ...fields, features: ['lineages', 'pruning'] })
    expectCode('KB_FORMAT_UNSUPPORTED', () => decodeCommit(unknown), what)
  }
  const superfluous = sealDocument({ ...documentOf(plain), features: ['lineages'] })
  expectCode('KB_COMMIT_CORRUPT', () => decodeCommit(superfluous), 'a feature that is not needed')
})

test('what stands for nothing is left out of a commit, and is damage where it is not', () => {
  const plain = documentOf(findCommit((commit) => commit.gaps.length > 0 && commit.gaps[0]?.lineage === 1))
  const gaps = (plain.gaps as Record<string, JsonValue>[]).map((gap) => ({ ...gap, lineage: 1 }))
  expectCode('KB_COMMIT_CORRUPT', () => decodeCommit(sealDocument({ ...plain, gaps })), 'lineage 1')
  expectCode('KB_COMMIT_CORRUPT', () => decodeCommit(sealDocument({ ...plain, divergences: [] })), 'none')
})

test('a divergence, a last batch or an unread range of another kind is damage', () => {
  const divergence = findCommit((commit) => commit.divergences.length > 0)
  const fields = documentOf(divergence)
  const [entry] = fields.divergences as [Record<string, JsonValue>]
  const wrong: Record<string, JsonValue>[] = [
    { lineage: 1 },
    { lineage: '2' },
    { reason: 'bored' },
    { topic_id: 'short' },
    { begin_offset: '-1' },
    { common_end_offset: 3 },
    { previous_end_offset: null },
  ]
  for (const change of wrong) {
    const bytes = sealDocument({ ...fields, divergences: [{ ...entry, ...change }] })
    expectCode('KB_COMMIT_CORRUPT', () => decodeCommit(bytes), JSON.stringify(change))
  }
  const run = fields.run as Record<string, JsonValue>
  const unread = {
    topic: 'a',
    partition: 0,
    first_offset: '5',
    end_offset: '9',
    reason: 'no_leader',
    detail: '',
  }
  assert.ok(decodeCommit(sealDocument({ ...fields, run: { ...run, unread: [unread] } })))
  for (const change of [{ end_offset: '4' }, { reason: 'bored' }, { detail: null }]) {
    const bytes = sealDocument({ ...fields, run: { ...run, unread: [{ ...unread, ...change }] } })
    expectCode('KB_COMMIT_CORRUPT', () => decodeCommit(bytes), JSON.stringify(change))
  }
  const isolation = sealDocument({ ...fields, run: { ...run, isolation: 'serializable' } })
  expectCode('KB_COMMIT_CORRUPT', () => decodeCommit(isolation))
  const whole = findCommit((commit) => commit.segments.length > 0)
  const [segment] = documentOf(whole).segments as [Record<string, JsonValue>]
  const [part] = segment.parts as [Record<string, JsonValue>]
  for (const last of [
    undefined,
    { base_offset: '1' },
    { base_offset: '1', crc: -1 },
    { base_offset: '1', crc: 2 ** 32 },
  ]) {
    const parts = [{ ...part, last_batch: last }]
    const bytes = sealDocument({ ...documentOf(whole), segments: [{ ...segment, parts }] as JsonValue })
    expectCode('KB_COMMIT_CORRUPT', () => decodeCommit(bytes), JSON.stringify(last))
  }
})

test('a commit that names artifacts alone belongs to no run, and any other does, unless it takes something out', () => {
  const artifact = { kind: 'groups', key: 'k', bytes: 1, sha256: 'ab'.repeat(32) }
  const lists = ['topics', 'begins', 'segments', 'gaps', 'artifacts'] as const
  const alone = (fields: Record<string, JsonValue>) => {
    for (const list of lists) fields[list] = []
    delete fields.divergences
    Object.assign(fields, { features: [], run: null, artifacts: [artifact] })
  }
  assert.equal(decodeCommit(changed(alone)).run, null)
  const begins = [{ topic: 'orders', partition: 0, offset: '0' }]
  for (const more of [{ artifacts: [] }, { begins }]) {
    const wrong = changed((fields) => {
      alone(fields)
      Object.assign(fields, more)
    })
    expectCode('KB_COMMIT_CORRUPT', () => decodeCommit(wrong), JSON.stringify(more))
  }
})
