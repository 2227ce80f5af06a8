import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BackupState } from '../../src/format/backup-state.ts'
import type { Commit } from '../../src/format/commit.ts'
import { PackedSegments } from '../../src/format/packed-segments.ts'
import type { SegmentRecord } from '../../src/format/segment-record.ts'
import { decodeSnapshot, encodeSnapshot } from '../../src/format/snapshot.ts'
import { LIMITS } from '../../src/runtime/limits.ts'
import { type Prng, prng } from '../protocol/prng.ts'
import { part, segment } from './fold-samples.ts'
import { randomHex } from './random-commit.ts'
import { nextCommit, plainHistories, randomState, randomStep } from './random-log.ts'
import { pruneCommit, randomRanges } from './random-prune.ts'

/** Two states that are told the same; the first one is packed in between. */
function applyToBoth(states: readonly BackupState[], commit: Commit): void {
  for (const state of states) state.apply(commit, commit.number.toString(16).padStart(64, '0'))
}

test('a state that is packed goes on, is written and is pruned like one that is not', () => {
  let [packs, prunes] = [0, 0]
  for (let seed = 1; seed <= 100; seed++) {
    const random = prng(seed)
    const [packed, plain] = [randomState(prng(seed), 2), randomState(prng(seed), 2)]
    for (let number = 3; number <= 14; number++) {
      if (random.chance(0.5)) {
        packed.pack(1)
        packs++
      }
      const ranges = random.chance(0.1) ? randomRanges(random, plain) : []
      prunes += ranges.length
      const next =
        ranges.length > 0
          ? pruneCommit(random, plain, { partitions: ranges, orphans: [] })
          : nextCommit(random, plain, randomStep(random, plain, number))
      applyToBoth([packed, plain], next)
      const lastOf = (state: BackupState) => state.partitions().map(({ lastPart }) => lastPart?.part)
      assert.deepEqual(lastOf(packed), lastOf(plain), `seed ${seed}`)
      assert.ok(encodeSnapshot(packed).equals(encodeSnapshot(plain)), `seed ${seed}, commit ${number}`)
    }
    packed.pack(1)
    assert.deepEqual(plainHistories(decodeSnapshot(encodeSnapshot(packed))), plainHistories(plain))
    assert.deepEqual(plainHistories(packed), plainHistories(plain), `seed ${seed}`)
    assert.deepEqual(packed.segments, plain.segments)
  }
  assert.ok(packs > 400 && prunes > 40, `${packs} ${prunes}`)
})

test('parts of one object that belong to several partitions share it again', () => {
  const state = randomState(prng(3), 1)
  const bundle = segment(...[0, 1].map((partition) => beginningAt(state, partition)))
  state.apply(nextCommit(prng(4), state, { ...EMPTY, segments: [bundle] }), 'f'.repeat(64))
  state.pack(1)
  const [a, b] = [0, 1].map((partition) => state.partition('z', partition)?.parts[0]?.segment)
  assert.ok(a && a === b && a === state.segments[0])
})

test('parts of one commit are in order of offset again, however they stand in it', () => {
  const state = randomState(prng(3), 1)
  const first = beginningAt(state, 0)
  const second = { ...part(first.nextOffset, first.nextOffset + 1n), topic: 'z', partition: 0 }
  state.apply(
    nextCommit(prng(4), state, { ...EMPTY, segments: [segment(second), segment(first)] }),
    'f'.repeat(64),
  )
  const before = plainHistories(state)
  state.pack(1)
  assert.deepEqual(plainHistories(state), before)
  assert.deepEqual(
    state.partition('z', 0)?.parts.map(({ part: { beginOffset } }) => beginOffset),
    [first.beginOffset, second.beginOffset],
  )
})

test('few parts are left as they are', () => {
  const state = randomState(prng(5), 6)
  const segments = state.segments
  assert.ok(segments.length > 1)
  state.pack()
  assert.equal(state.segments, segments)
})

test('packed, a part takes less than a tenth of what it takes as an object', (t) => {
  const random = prng(8)
  const packed = new PackedSegments()
  const bundles = Array.from({ length: 860 }, (_, sequence) => bundleOf(random, sequence))
  const perBlock = Math.ceil(LIMITS.packedPartsMin / BUNDLE_PARTS)
  for (let from = 0; from < bundles.length; from += perBlock) packed.add(bundles.slice(from, from + perBlock))
  assert.deepEqual([...packed.segments()], bundles)
  const bytesPerPart = packed.bytes / bundles.length / BUNDLE_PARTS
  t.diagnostic(`${Math.round(bytesPerPart)} bytes a part`)
  assert.ok(bytesPerPart < 82, `${bytesPerPart} bytes`)
})

/** Of each of {@link bundleOf}. */
const BUNDLE_PARTS = 3
const EMPTY = { topics: [], begins: [], segments: [], gaps: [], divergences: [] }

function beginningAt(state: BackupState, partition: number) {
  const nextOffset = state.partition('z', partition)?.nextOffset ?? 0n
  return { ...part(nextOffset, nextOffset + 1n), topic: 'z', partition }
}

/** One of a steady load: its digest and its checksums are what cannot be compressed. */
function bundleOf(random: Prng, sequence: number): SegmentRecord {
  const parts = Array.from({ length: BUNDLE_PARTS }, (_, partition) => {
    const at = BigInt(sequence) * 500n + BigInt(random.below(400))
    const maxTimestampMs = 1_700_000_000_000n + 5_000n * BigInt(sequence) + BigInt(random.below(900))
    const lastBatch = { baseOffset: at + 480n, crc: random.below(2 ** 32) }
    return { ...part(at, at + 500n, { maxTimestampMs, lastBatch }), partition }
  })
  const index = { position: 40_000 + random.below(9_000), bytes: 400, sha256: randomHex(random, 32) }
  return { ...segment(...parts), key: `b/bundles/bundle-${sequence}-00000001.zst`, index }
}
