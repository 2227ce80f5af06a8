import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { type ConcurrencyLimits, runConcurrently } from '../../src/runtime/run-concurrently.ts'

/** Runs the items and tells the order they began in, and the most that ran at a time, in all and of each group. */
async function watched(items: readonly string[], limits: number | ConcurrencyLimits<string>) {
  const began: string[] = []
  const running: string[] = []
  let most = 0
  const mostOfGroup = new Map<string, number>()
  await runConcurrently(items, limits, async (item) => {
    began.push(item)
    running.push(item)
    most = Math.max(most, running.length)
    const group = groupOf(item)
    const ofGroup = running.filter((other) => groupOf(other) === group).length
    mostOfGroup.set(group, Math.max(mostOfGroup.get(group) ?? 0, ofGroup))
    for (let at = 0; at < 3; at++) await turn()
    running.splice(running.indexOf(item), 1)
  })
  return { began, most, mostOfGroup }
}

const groupOf = (item: string): string => item.slice(0, 1)

describe('runConcurrently', () => {
  test('runs every item once, in order, never more than the limit', async () => {
    const items = Array.from({ length: 20 }, (_, at) => `${at}`)
    const { began, most } = await watched(items, 3)
    assert.deepEqual(began, items)
    assert.equal(most, 3)
  })

  test('lets others go first where the group of an item is busy', async () => {
    const items = ['a0', 'a1', 'a2', 'a3', 'b0', 'b1']
    const { began, most, mostOfGroup } = await watched(items, { total: 4, ofGroup: { max: 1, groupOf } })
    assert.deepEqual(began.toSorted(), items)
    assert.deepEqual(began.slice(0, 2), ['a0', 'b0'])
    assert.equal(most, 2)
    assert.deepEqual([...mostOfGroup.values()], [1, 1])
  })

  test('a group may not take more than the limit in all', async () => {
    const items = Array.from({ length: 12 }, (_, at) => `a${at}`)
    const { most } = await watched(items, { total: 2, ofGroup: { max: 5, groupOf } })
    assert.equal(most, 2)
  })

  test('begins nothing after a failure, and throws when all have ended', async () => {
    const ended: number[] = []
    const run = runConcurrently(
      [0, 1, 2, 3, 4],
      { total: 2, ofGroup: { max: 2, groupOf: String } },
      async (item) => {
        await turn()
        if (item === 0) throw new Error('broken')
        await turn()
        ended.push(item)
      },
    )
    await assert.rejects(run, /broken/)
    assert.deepEqual(ended, [1])
  })

  test('a failure in a busy group frees who waits for it', async () => {
    const run = runConcurrently(['a0', 'a1'], { total: 2, ofGroup: { max: 1, groupOf } }, async () => {
      await turn()
      throw new Error('broken')
    })
    await assert.rejects(run, /broken/)
  })
})
