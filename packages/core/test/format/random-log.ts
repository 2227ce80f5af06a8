import assert from 'node:assert/strict'
import { BackupState, type PartitionState } from '../../src/format/backup-state.ts'
import type { Commit } from '../../src/format/commit.ts'
import type { Prng } from '../protocol/prng.ts'
import { randomCommit, randomDivergence, randomHex, randomPart } from './random-commit.ts'

/** A state of random commits that follow each other: three partitions, parts, gaps and histories that end. */
export function randomState(random: Prng, commits: number): BackupState {
  const state = new BackupState('b')
  for (let number = 1; number <= commits; number++) {
    const content = number === 1 ? FIRST : randomStep(random, state, number)
    state.apply(nextCommit(random, state, content), randomHex(random, 32))
  }
  return state
}

/** What all histories hold, as plain values to compare. */
export function plainHistories(state: BackupState) {
  return state.partitions().map((history) => ({ ...history, parts: [...history.parts] }))
}

type Content = Pick<Commit, 'topics' | 'begins' | 'segments' | 'gaps' | 'divergences'>

export const NOTHING: Content = { topics: [], begins: [], segments: [], gaps: [], divergences: [] }
export const FIRST: Content = {
  ...NOTHING,
  topics: [
    { name: 'z', topicId: null, partitions: 2 },
    { name: 'a', topicId: 'A'.repeat(22), partitions: 1 },
  ],
  begins: [
    { topic: 'z', partition: 1, offset: 2n ** 53n + 1n },
    { topic: 'z', partition: 0, offset: 0n },
    { topic: 'a', partition: 0, offset: 7n },
  ],
}

export function nextCommit(random: Prng, state: BackupState, content: Content): Commit {
  const base = randomCommit(random)
  const run = { ...base.run, isolation: state.isolation ?? base.run.isolation }
  return { ...base, ...content, run, number: state.nextNumber, previousSha256: state.tip?.sha256 ?? null }
}

export function randomStep(random: Prng, state: BackupState, number: number): Content {
  const { topic, partition } = random.pick(state.partitions())
  const newest = state.partition(topic, partition)
  assert.ok(newest)
  const step = extended(random, newest, number)
  if (random.chance(0.6)) return step
  // The history ends within this commit, and the next one may go on in it too.
  const end = step.gaps[0]?.endOffset ?? step.segments[0]?.parts[0]?.nextOffset ?? newest.nextOffset
  const divergence = randomDivergence(random, newest, newest.lineage + 1, end)
  const topicId = divergence.topicId
  const topics = divergence.reason === 'topic_recreated' ? [{ name: topic, topicId, partitions: 1 }] : []
  const ended = { ...step, topics, divergences: [divergence] }
  if (random.chance(0.5)) return ended
  const { lineage, beginOffset: nextOffset } = divergence
  const more = extended(random, { topic, partition, lineage, nextOffset }, number)
  return { ...ended, segments: [...more.segments, ...ended.segments], gaps: [...more.gaps, ...ended.gaps] }
}

function extended(
  random: Prng,
  history: Pick<PartitionState, 'topic' | 'partition' | 'lineage' | 'nextOffset'>,
  number: number,
): Content {
  const { topic, partition, lineage, nextOffset } = history
  if (random.chance(0.3)) {
    const reason = 'deleted_before_read' as const
    const gap = { topic, partition, lineage, firstOffset: nextOffset, endOffset: nextOffset + 5n, reason }
    return { ...NOTHING, gaps: [gap] }
  }
  const part = randomPart(random, topic, partition, nextOffset, lineage)
  const key = `b/topics/${topic}/partition=${partition}/segment-${number}-${lineage}`
  const index = { position: 1, bytes: 2, sha256: randomHex(random, 32) }
  return { ...NOTHING, segments: [{ key, bytes: 9, index, parts: [part] }] }
}
