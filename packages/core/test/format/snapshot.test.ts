import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackupState } from '../../src/format/backup-state.ts'
import { type JsonValue, sealDocument } from '../../src/format/canonical-json.ts'
import { decodeCommit, encodeCommit } from '../../src/format/commit.ts'
import { renderManifest } from '../../src/format/manifest.ts'
import { decodeSnapshot, encodeSnapshot } from '../../src/format/snapshot.ts'
import { prng } from '../protocol/prng.ts'
import { expectCode } from '../protocol/samples.ts'
import { begun, commit, DIGEST } from './fold-samples.ts'
import { FIRST, NOTHING, nextCommit, plainHistories, randomState, randomStep } from './random-log.ts'

test('a snapshot gives back the whole state', () => {
  let histories = 0
  for (let seed = 1; seed <= 100; seed++) {
    const state = randomState(prng(seed), 1 + (seed % 12))
    histories = Math.max(histories, ...state.partitions().map((entry) => entry.lineage))
    const decoded = decodeSnapshot(encodeSnapshot(state))
    assert.deepEqual(plainHistories(decoded), plainHistories(state), `seed ${seed}`)
    assert.deepEqual(decoded.tip, state.tip)
    assert.equal(decoded.isolation, state.isolation)
    assert.equal(decoded.partitionCount, 3)
    assert.deepEqual(decoded.runs, state.runs)
    assert.deepEqual([...decoded.topics], [...state.topics])
    assert.deepEqual(decoded.artifacts, state.artifacts)
    assert.deepEqual(decoded.source, state.source)
    assert.ok(encodeSnapshot(decoded).equals(encodeSnapshot(state)))
    assert.ok(renderManifest(decoded).equals(renderManifest(state)))
  }
  assert.ok(histories >= 4, 'partitions with several histories were among them')
})

test('a state that was opened from a snapshot goes on like the fold', () => {
  const [folded, resumed] = [randomState(prng(5), 6), decodeSnapshot(encodeSnapshot(randomState(prng(5), 6)))]
  const next = nextCommit(prng(6), folded, randomStep(prng(6), folded, 7))
  folded.apply(next, 'd'.repeat(64))
  resumed.apply(next, 'd'.repeat(64))
  assert.ok(encodeSnapshot(folded).equals(encodeSnapshot(resumed)))
})

test('of a topic with fewer partitions than before, every history is in the snapshot', () => {
  const state = new BackupState('b')
  const random = prng(11)
  state.apply(nextCommit(random, state, FIRST), '1')
  const topics = [{ name: 'z', topicId: 'B'.repeat(22), partitions: 1 }]
  state.apply(nextCommit(random, state, { ...NOTHING, topics }), 'e'.repeat(64))
  const decoded = decodeSnapshot(encodeSnapshot(state))
  assert.deepEqual(plainHistories(decoded), plainHistories(state))
  assert.equal(decoded.partition('z', 1)?.topicId, null)
})

test('an empty backup has no snapshot', () => {
  expectCode('KB_INTERNAL', () => encodeSnapshot(new BackupState('b')))
})

test('a snapshot that is damaged, or whose content does not fold, is refused', () => {
  const bytes = encodeSnapshot(randomState(prng(9), 8))
  for (let at = 0; at < bytes.length; at += 3) {
    const changed = Buffer.from(bytes)
    changed[at]! ^= 1 << (at & 7)
    expectCode('KB_SNAPSHOT_CORRUPT', () => decodeSnapshot(changed), `byte ${at}`)
  }
  const changes: ((state: Record<string, JsonValue>) => void)[] = [
    (state) => Object.assign(state, { begins: [] }),
    (state) => Object.assign(state, { topics: [] }),
    (state) => Object.assign(state, { number: '-1' }),
    (state) => delete state.runs,
    (state) => Object.assign(state, { runs: [] }),
    (state) => Object.assign(state, { divergences: [] }),
    (state) => {
      const [run, ...more] = state.runs as { isolation: string }[]
      const isolation = run?.isolation === 'read_committed' ? 'read_uncommitted' : 'read_committed'
      assert.ok(more.length > 0)
      Object.assign(state, { runs: [{ ...run, isolation }, ...more] })
    },
    (state) => Object.assign(state, { gaps: [] }),
  ]
  const whole = findWholeState()
  for (const features of [[], ['lineages', 'lineages'], ['pruning']]) {
    const { sha256: _, ...fields } = JSON.parse(encodeSnapshot(whole).toString())
    const changed = sealDocument({ ...fields, features })
    expectCode('KB_SNAPSHOT_CORRUPT', () => decodeSnapshot(changed), JSON.stringify(features))
  }
  for (const change of changes) {
    const { sha256: _, ...fields } = JSON.parse(encodeSnapshot(whole).toString())
    change(fields.state)
    expectCode('KB_SNAPSHOT_CORRUPT', () => decodeSnapshot(sealDocument(fields)), String(change))
  }
})

/** A state in which something comes after a gap, and something belongs to a later history. */
function findWholeState(): BackupState {
  for (let seed = 1; ; seed++) {
    const state = randomState(prng(seed), 12)
    const histories = state.partitions()
    const hasGap = histories.some(({ gaps, nextOffset }) => gaps[0] && gaps[0].endOffset < nextOffset)
    const hasLater = histories.some(({ lineage, parts }) => lineage > 1 && parts.length > 0)
    if (hasGap && hasLater) return state
  }
}

test('a compressed document is declared by the commit that names it and by snapshots behind it', () => {
  const key = 'b/artifacts/groups/00000000000000000002-00000001.json'
  for (const [name, features] of [
    [key, []],
    [`${key}.zst`, ['compressed_artifacts']],
  ] as const) {
    const state = begun()
    const artifacts = [{ kind: 'groups', key: name, bytes: 1, sha256: DIGEST }]
    const next = commit(2n, { previousSha256: DIGEST, artifacts })
    const { bytes } = encodeCommit(next)
    assert.deepEqual(decodeCommit(bytes), next)
    state.apply({ ...next, previousSha256: '1' }, DIGEST)
    const snapshot = encodeSnapshot(state)
    assert.deepEqual(decodeSnapshot(snapshot).artifacts, artifacts)
    for (const document of [bytes, snapshot])
      assert.deepEqual(JSON.parse(document.toString()).features, features)
    const { sha256: _, ...fields } = JSON.parse(bytes.toString())
    const wrong = sealDocument({ ...fields, features: features.length > 0 ? [] : ['compressed_artifacts'] })
    expectCode('KB_COMMIT_CORRUPT', () => decodeCommit(wrong))
  }
})
