import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackupState } from '../../src/format/backup-state.ts'
import { type JsonValue, sealDocument } from '../../src/format/canonical-json.ts'
import type { Commit } from '../../src/format/commit.ts'
import { renderManifest } from '../../src/format/manifest.ts'
import { decodeSnapshot, encodeSnapshot } from '../../src/format/snapshot.ts'
import { type Prng, prng } from '../protocol/prng.ts'
import { expectCode } from '../protocol/samples.ts'
import { randomCommit, randomHex, randomPart } from './random-commit.ts'

/** A state of random commits that follow each other: three partitions, parts and gaps. */
function randomState(random: Prng, commits: number): BackupState {
  const state = new BackupState('b')
  for (let number = 1; number <= commits; number++) {
    const isFirst = number === 1
    const content: Pick<Commit, 'topics' | 'begins' | 'segments' | 'gaps'> = isFirst
      ? {
          topics: [
            { name: 'z', topicId: null, partitions: 2 },
            { name: 'a', topicId: 'A'.repeat(22), partitions: 1 },
          ],
          begins: [
            { topic: 'z', partition: 1, offset: 2n ** 53n + 1n },
            { topic: 'z', partition: 0, offset: 0n },
            { topic: 'a', partition: 0, offset: 7n },
          ],
          segments: [],
          gaps: [],
        }
      : randomStep(random, state, number)
    const previousSha256 = state.tip?.sha256 ?? null
    const base = randomCommit(random)
    state.apply({ ...base, ...content, number: BigInt(number), previousSha256 }, randomHex(random, 32))
  }
  return state
}

function randomStep(random: Prng, state: BackupState, number: number) {
  const { topic, partition, nextOffset } = random.pick(state.partitions())
  if (random.chance(0.3)) {
    const reason = 'deleted_before_read' as const
    const gap = { topic, partition, firstOffset: nextOffset, endOffset: nextOffset + 5n, reason }
    return { topics: [], begins: [], segments: [], gaps: [gap] }
  }
  const part = randomPart(random, topic, partition, nextOffset)
  const key = `b/topics/${topic}/partition=${partition}/segment-${number}`
  const index = { position: 1, bytes: 2, sha256: randomHex(random, 32) }
  return { topics: [], begins: [], gaps: [], segments: [{ key, bytes: 9, index, parts: [part] }] }
}

test('a snapshot gives back the whole state', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const state = randomState(prng(seed), 1 + (seed % 12))
    const decoded = decodeSnapshot(encodeSnapshot(state))
    assert.deepEqual(decoded.partitions(), state.partitions(), `seed ${seed}`)
    assert.deepEqual(decoded.tip, state.tip)
    assert.deepEqual(decoded.runs, state.runs)
    assert.deepEqual([...decoded.topics], [...state.topics])
    assert.deepEqual(decoded.artifacts, state.artifacts)
    assert.deepEqual(decoded.source, state.source)
    assert.ok(encodeSnapshot(decoded).equals(encodeSnapshot(state)))
    assert.ok(renderManifest(decoded).equals(renderManifest(state)))
  }
})

test('a state that was opened from a snapshot goes on like the fold', () => {
  const [folded, resumed] = [randomState(prng(5), 6), decodeSnapshot(encodeSnapshot(randomState(prng(5), 6)))]
  const number = folded.nextNumber
  const previousSha256 = folded.tip?.sha256 ?? null
  const step = randomStep(prng(6), folded, 7)
  const next: Commit = { ...randomCommit(prng(6)), ...step, number, previousSha256 }
  folded.apply(next, 'd'.repeat(64))
  resumed.apply(next, 'd'.repeat(64))
  assert.ok(encodeSnapshot(folded).equals(encodeSnapshot(resumed)))
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
    (state) => (state.gaps as JsonValue[]).pop(),
  ]
  for (const change of changes) {
    const { sha256: _, ...fields } = JSON.parse(encodeSnapshot(randomState(prng(8), 12)).toString())
    assert.ok(fields.state.gaps.length > 0 && fields.state.segments.length > 0)
    change(fields.state)
    expectCode('KB_SNAPSHOT_CORRUPT', () => decodeSnapshot(sealDocument(fields)), String(change))
  }
})
