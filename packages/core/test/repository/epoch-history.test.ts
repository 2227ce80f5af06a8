import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EpochEnd } from '../../src/kafka/cluster.ts'
import {
  confirms,
  type EpochHistory,
  findCommonEnd,
  lastEpochOf,
} from '../../src/repository/epoch-history.ts'
import { type Prng, prng } from '../protocol/prng.ts'

const CASES = Number(process.env.PROPERTY_CASES ?? 2_000)

/** A log as the epoch of each of its offsets, from 0. */
type EpochLog = readonly number[]

/** What a leader answers (LeaderEpochFileCache.endOffsetFor of Kafka). */
function answerOf(log: EpochLog, leaderEpoch: number, wanted: number): EpochEnd {
  if (wanted === leaderEpoch) return { leaderEpoch: wanted, endOffset: BigInt(log.length) }
  const higher = log.findIndex((epoch) => epoch > wanted)
  const end = higher < 0 ? log.length : higher
  if (higher < 0 && wanted > leaderEpoch) return { leaderEpoch: -1, endOffset: -1n }
  const floor = log.findLast((epoch) => epoch <= wanted)
  return { leaderEpoch: floor ?? wanted, endOffset: BigInt(end) }
}

function historyOf(log: EpochLog): EpochHistory {
  const starts = log.flatMap((epoch, at) => (epoch === log[at - 1] ? [] : [[epoch, BigInt(at)] as const]))
  return { starts, nextOffset: BigInt(log.length) }
}

/** Two logs that share `common` offsets, and then were written under epochs of their own. */
function parted(random: Prng): { read: EpochLog; leader: EpochLog; leaderEpoch: number; common: number } {
  let epoch = random.below(3)
  const shared: number[] = []
  const grow = (log: number[], count: number, step: () => number) => {
    for (let at = 0; at < count; at++) {
      if (random.chance(0.2)) epoch += step()
      log.push(epoch)
    }
  }
  grow(shared, random.below(20), () => 1 + random.below(2))
  const forkEpoch = epoch
  const read = [...shared]
  grow(read, random.below(12), () => 2)
  // Epochs are given once: a leader that lost records goes on under one that nobody else had.
  epoch = Math.max(epoch, forkEpoch) + 1
  const leader = [...shared]
  const firstOwn = read.length > shared.length ? epoch : forkEpoch
  epoch = firstOwn
  grow(leader, random.below(12), () => 2)
  const leaderEpoch = Math.max(epoch, (leader.at(-1) ?? 0) + 1)
  return { read, leader, leaderEpoch, common: shared.length }
}

test(`the common end of ${CASES} pairs of logs is where their epochs part`, async () => {
  for (let seed = 0; seed < CASES; seed++) {
    const { read, leader, leaderEpoch, common } = parted(prng(seed))
    const history = historyOf(read)
    const ask = async (wanted: number) => answerOf(leader, leaderEpoch, wanted)
    const expected = read.length === 0 ? null : BigInt(common)
    const found = await findCommonEnd(history, ask)
    const hasLost = read.length > common
    assert.equal(found, expected, `seed ${seed}: ${read} against ${leader}`)
    if (read.length > 0) {
      const isConfirmed = confirms(history, answerOf(leader, leaderEpoch, lastEpochOf(history)))
      assert.equal(isConfirmed && hasLost, false, `seed ${seed}: confirms what is lost`)
    }
  }
})

test('a leader that cannot say leaves it open', async () => {
  const history = historyOf([1, 1, 2])
  assert.equal(await findCommonEnd(history, async () => undefined), null)
  assert.equal(await findCommonEnd(history, async () => ({ leaderEpoch: -1, endOffset: -1n })), null)
  assert.equal(await findCommonEnd(historyOf([]), async () => ({ leaderEpoch: 1, endOffset: 5n })), null)
})

test('epochs of which only the older ones are known to the leader are asked for one by one', async () => {
  const asked: number[] = []
  const history = historyOf([...Array(10).fill(1), ...Array(10).fill(3)])
  const leader: EpochLog = [...Array(5).fill(1), ...Array(25).fill(2)]
  const found = await findCommonEnd(history, async (wanted) => {
    asked.push(wanted)
    return answerOf(leader, 4, wanted)
  })
  assert.equal(found, 5n)
  assert.deepEqual(asked, [3, 1])
})
