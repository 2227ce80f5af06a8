import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BackupState, PartitionState } from '../../src/format/backup-state.ts'
import { type JsonValue, sealDocument } from '../../src/format/canonical-json.ts'
import { type Commit, decodeCommit, encodeCommit, type PrunedRange } from '../../src/format/commit.ts'
import { unknownFeature } from '../../src/format/features.ts'
import { renderManifest } from '../../src/format/manifest.ts'
import { heldBeginOffset, prunedRangeOf } from '../../src/format/pruned-history.ts'
import { decodeSnapshot, encodeSnapshot } from '../../src/format/snapshot.ts'
import { prng } from '../protocol/prng.ts'
import { expectCode } from '../protocol/samples.ts'
import { begun, commit, expectRefused, gap, part, segment } from './fold-samples.ts'
import { nextCommit, plainHistories, randomState, randomStep } from './random-log.ts'
import { prunableParts, pruneCommit, randomRanges } from './random-prune.ts'

/** What is held of a history, and what is declared not to be, follow each other without a hole. */
function assertTiled(history: PartitionState): void {
  const pieces = [
    ...history.parts.map(({ part: { beginOffset, nextOffset } }) => [beginOffset, nextOffset] as const),
    ...history.gaps.map(({ firstOffset, endOffset }) => [firstOffset, endOffset] as const),
  ].sort(([a], [b]) => (a < b ? -1 : 1))
  let next = heldBeginOffset(history)
  for (const [begin, end] of pieces) {
    assert.equal(begin, next)
    next = end
  }
  assert.equal(next, history.nextOffset)
}

/** Keys of what is held, by history. */
function heldKeys(state: BackupState): Map<string, string[]> {
  return new Map(
    state.partitions().map((history) => {
      const name = `${history.topic}/${history.partition}/${history.lineage}`
      return [name, history.parts.map((placed) => placed.segment.key)]
    }),
  )
}

test('whatever is pruned, the rest is tiled, is a suffix, and a snapshot goes on like the fold', () => {
  let prunes = 0
  let [whole, laterLineages] = [0, 0]
  for (let seed = 1; seed <= 150; seed++) {
    const random = prng(seed)
    const state = randomState(random, 3 + (seed % 12))
    for (let round = 0; round < 3; round++) {
      const partitions = randomRanges(random, state)
      if (partitions.length > 0) {
        const before = heldKeys(state)
        const next = pruneCommit(random, state, { partitions, orphans: [] })
        assert.deepEqual(decodeCommit(encodeCommit(next).bytes), next, `seed ${seed}`)
        state.assertFollowedBy(next)
        state.apply(next, 'c'.repeat(64))
        prunes++
        const dropped = new Set(partitions.flatMap(({ objects }) => objects))
        for (const [name, keys] of heldKeys(state)) {
          const earlier = before.get(name) ?? []
          assert.deepEqual(keys, earlier.slice(earlier.length - keys.length), name)
          assert.ok(earlier.slice(0, earlier.length - keys.length).every((key) => dropped.has(key)))
        }
        assert.deepEqual(
          new Set(state.segments.map(({ key }) => key)),
          new Set([...heldKeys(state).values()].flat()),
        )
        laterLineages += partitions.filter(({ lineage }) => lineage > 1).length
        whole += state.partitions().filter(({ parts, pruned }) => pruned && parts.length === 0).length
      }
      for (const history of state.partitions()) assertTiled(history)
      const resumed = decodeSnapshot(encodeSnapshot(state))
      assert.deepEqual(plainHistories(resumed), plainHistories(state), `seed ${seed}`)
      assert.deepEqual(resumed.prunes, state.prunes)
      assert.ok(encodeSnapshot(resumed).equals(encodeSnapshot(state)))
      assert.ok(renderManifest(resumed).equals(renderManifest(state)))
      const next = nextCommit(random, state, randomStep(random, state, 100 + round))
      state.apply(next, 'd'.repeat(64))
      resumed.apply(next, 'd'.repeat(64))
      assert.ok(encodeSnapshot(resumed).equals(encodeSnapshot(state)), `seed ${seed}`)
    }
  }
  assert.ok(prunes > 100 && whole > 10 && laterLineages > 10, `${prunes} ${whole} ${laterLineages}`)
})

test('a commit that prunes anything but what the state holds at its begin is refused, and changes nothing', () => {
  let refused = 0
  for (let seed = 1; seed <= 60; seed++) {
    const random = prng(seed)
    const state = randomState(random, 6 + (seed % 12))
    const partitions = randomRanges(random, state)
    const before = encodeSnapshot(state)
    const expectRefusal = (wrong: PrunedRange[], what: string) => {
      const next = pruneCommit(random, state, { partitions: wrong, orphans: [] })
      expectCode('KB_COMMIT_CORRUPT', () => state.apply(next, '2'), `seed ${seed}: ${what}`)
      expectCode('KB_COMMIT_CORRUPT', () => state.assertFollowedBy(next), `seed ${seed}: ${what}`)
      assert.ok(encodeSnapshot(state).equals(before), what)
      refused++
    }
    for (const [at, range] of partitions.entries()) {
      const put = (what: string, changes: Partial<PrunedRange>) =>
        expectRefusal(partitions.with(at, { ...range, ...changes }), what)
      put('first offset', { firstOffset: range.firstOffset + 1n })
      put('end within a part', { endOffset: range.endOffset - 1n })
      put('end behind a part', { endOffset: range.endOffset + 1n })
      put('records', { records: range.records + 1 })
      put('bytes', { storedBytes: range.storedBytes + 1 })
      put('timestamp', { maxTimestampMs: range.maxTimestampMs - 1n })
      put('an object less', { objects: range.objects.slice(1) })
      put('an object more', { objects: [...range.objects, 'b/topics/z/partition=0/other'] })
      put('an unknown history', { lineage: 99 })
      expectRefusal([...partitions, range], 'twice')
    }
    for (const history of state.partitions()) {
      const isNewest = state.partition(history.topic, history.partition) === history
      if (isNewest && history.parts.length > 0) {
        const earlier = state.histories(history.topic, history.partition).slice(0, -1)
        const before = earlier.filter(({ parts }) => parts.length > 0)
        const whole = before.map((entry) => prunedRangeOf(entry, entry.parts.length))
        expectRefusal([...whole, prunedRangeOf(history, history.parts.length)], 'the last part')
      }
      const previous = state.histories(history.topic, history.partition)[history.lineage - 2]
      if (previous && previous.parts.length > 0 && prunableParts(state, history) > 0) {
        expectRefusal([prunedRangeOf(history, 1)], 'a later history first')
      }
    }
  }
  assert.ok(refused > 500, `${refused}`)
})

test('a snapshot whose prunes do not go together is refused', () => {
  const random = prng(3)
  const state = randomState(random, 12)
  state.apply(
    pruneCommit(random, state, { partitions: randomRanges(random, state), orphans: [] }),
    'c'.repeat(64),
  )
  const { sha256: _, ...fields } = JSON.parse(encodeSnapshot(state).toString())
  const number = state.prunes[0]
  assert.ok(number !== undefined && fields.state.pruned.length > 0)
  const wrong = [[], [`${number + 1n}`], [`${number - 1n}`], [`${number}`, `${number}`], undefined]
  for (const prunes of wrong) {
    const document = { ...fields, state: { ...fields.state, prunes } }
    expectCode('KB_SNAPSHOT_CORRUPT', () => decodeSnapshot(sealDocument(document)), JSON.stringify(prunes))
  }
})

test('a gap between pruned segments goes with them, and its batch in quarantine too', () => {
  const state = begun()
  const key = 'b/quarantine/orders/partition=0/batch-0000000007-00000001.bin'
  const quarantine = { key, detail: 'CRC' }
  const damaged = { ...gap(10n, 12n), reason: 'damaged_in_log' as const, quarantine }
  const artifacts = [{ kind: 'quarantine', key, bytes: 1, sha256: 'ab'.repeat(32) }]
  const segments = [segment(part(12n, 14n)), segment(part(15n, 19n))]
  const previousSha256 = state.tip?.sha256 ?? null
  state.apply(commit(2n, { previousSha256, gaps: [damaged], artifacts, segments }), '2')
  state.apply(commit(3n, { gaps: [{ ...gap(20n, 22n) }], segments: [segment(part(22n, 25n))] }), '3')
  const history = state.partition('orders', 0)
  assert.ok(history)
  const range = prunedRangeOf(history, 3)
  assert.deepEqual([range.firstOffset, range.endOffset, range.objects.at(-1)], [5n, 20n, key])
  state.apply({ ...commit(4n), run: null, pruned: { partitions: [range], orphans: [] } }, '4')
  assert.deepEqual(state.artifacts, [])
  assert.deepEqual(
    history.gaps.map(({ firstOffset }) => firstOffset),
    [20n],
  )
  assertTiled(history)
})

test('a segment of several partitions is not pruned', () => {
  const state = begun()
  const history = state.partition('orders', 0)
  assert.ok(history)
  const [first] = history.parts
  assert.ok(first)
  history.parts[0] = { ...first, segment: { ...first.segment, parts: [first.part, first.part] } }
  state.apply(commit(2n, { previousSha256: '1', segments: [segment(part(10n, 12n))] }), '2')
  const pruned = { partitions: [prunedRangeOf(history, 1)], orphans: [] }
  expectCode('KB_COMMIT_CORRUPT', () => state.apply({ ...commit(3n), run: null, pruned }, '3'), 'a bundle')
})

test('a commit prunes or adds, and only what adds belongs to a run', () => {
  const random = prng(4)
  const state = randomState(random, 12)
  const pruned = {
    partitions: randomRanges(prng(5), state),
    orphans: ['b/bundles/bundle-0000000001-00000001.zst'],
  }
  const good = pruneCommit(random, state, pruned)
  assert.deepEqual(decodeCommit(encodeCommit(good).bytes), good)
  const { bytes } = encodeCommit(good)
  const { sha256: _, ...fields } = JSON.parse(bytes.toString())
  assert.ok(fields.features.includes('pruned'), 'a reader that does not know it refuses')
  assert.equal(unknownFeature(['pruned']), undefined)
  const run = nextCommit(random, state, randomStep(random, state, 1)).run
  const wrong: [string, Commit][] = [
    ['a run that prunes', { ...good, run }],
    [
      'a commit of no run that adds',
      { ...nextCommit(random, state, randomStep(random, state, 1)), run: null },
    ],
    ['a prune that adds', { ...good, topics: [{ name: 'z', topicId: null, partitions: 9 }] }],
    ['a prune of nothing', { ...good, pruned: { partitions: [], orphans: [] } }],
  ]
  for (const [what, one] of wrong) {
    expectCode('KB_COMMIT_CORRUPT', () => decodeCommit(encodeCommit(one).bytes), what)
  }
  const hidden = sealDocument({ ...fields, features: [] } as { [key: string]: JsonValue })
  expectCode('KB_COMMIT_CORRUPT', () => decodeCommit(hidden), 'a prune that does not say so')
})

const document = (kind: string, number: number) => ({
  ...{ kind, bytes: 1, sha256: 'ab'.repeat(32) },
  key: `b/${kind === 'quarantine' ? kind : `artifacts/${kind}`}/${number}.json`,
})

/** Groups of commits 2, 3 and 4, topics of 2, and two batches in quarantine. */
function documented(): BackupState {
  const state = begun()
  const first = ['topics', 'groups', 'quarantine'].map((kind) => document(kind, 2))
  state.apply(commit(2n, { previousSha256: '1', artifacts: first }), '2')
  for (const number of [3, 4]) {
    const quarantined = number === 3 ? [document('quarantine', 3)] : []
    const artifacts = [document('groups', number), ...quarantined]
    state.apply(commit(BigInt(number), { artifacts }), number === 4 ? 'd'.repeat(64) : String(number))
  }
  return state
}

function documentPrune(keys: readonly string[]): Commit {
  return {
    ...commit(5n, { previousSha256: 'd'.repeat(64) }),
    run: null,
    pruned: { partitions: [], orphans: [], artifacts: keys },
  }
}

test('documents that were superseded are pruned, and nothing else is', () => {
  const keys = [2, 3].map((number) => document('groups', number).key)
  const wrong: [string, readonly string[]][] = [
    ['the newest of its kind', [document('groups', 4).key]],
    ['the only one of its kind', [document('topics', 2).key]],
    ['a batch in quarantine', [document('quarantine', 2).key]],
    ['one that is not there', [...keys, document('groups', 9).key]],
  ]
  for (const [what, own] of wrong) {
    const state = documented()
    expectRefused(state, documentPrune(own), what)
    expectCode('KB_COMMIT_CORRUPT', () => state.assertFollowedBy(documentPrune(own)), what)
    assert.equal(state.artifacts.length, 6)
  }
  const state = documented()
  const before = plainHistories(state)
  state.apply(documentPrune(keys), 'e'.repeat(64))
  const quarantined = [document('quarantine', 2), document('quarantine', 3)]
  const left = [document('topics', 2), ...quarantined, document('groups', 4)]
  assert.deepEqual([state.artifacts, state.prunes, plainHistories(state)], [left, [5n], before])
  const resumed = decodeSnapshot(encodeSnapshot(state))
  assert.deepEqual([resumed.artifacts, resumed.prunes], [left, [5n]])
  expectRefused(state, { ...documentPrune(keys), number: 6n, previousSha256: 'e'.repeat(64) }, 'twice')
})

test('a commit that prunes documents says so, and names them in order', () => {
  const keys = [2, 3].map((number) => document('groups', number).key)
  const good = documentPrune(keys)
  const { bytes } = encodeCommit(good)
  assert.deepEqual(decodeCommit(bytes), good)
  const { sha256: _, ...fields } = JSON.parse(bytes.toString())
  assert.deepEqual(fields.features, ['pruned', 'pruned_artifacts'])
  assert.equal(unknownFeature(fields.features), undefined)
  const refuse = (changes: { readonly [name: string]: JsonValue }) =>
    expectCode(
      'KB_COMMIT_CORRUPT',
      () => decodeCommit(sealDocument({ ...fields, ...changes })),
      JSON.stringify(changes),
    )
  for (const features of [
    ['pruned'],
    ['pruned_artifacts', 'pruned'],
    ['pruned', 'pruned_artifacts', 'compressed_artifacts'],
  ])
    refuse({ features })
  const { pruned } = fields
  for (const artifacts of [[...keys].reverse(), [keys[0] ?? '', keys[0] ?? ''], [], ['', 7]])
    refuse({ pruned: { ...pruned, artifacts } })
  const { artifacts: __, ...without } = pruned
  refuse({ pruned: { ...without, orphans: ['b/x'] } })
})
