import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { seededRandom } from '@kafka-backup/testkit'
import { Budget } from '../../src/runtime/budget.ts'

// Who is never granted would wait for ever.
const WITHIN = { timeout: 10_000 }

/** Asks for units and notes in `order` when they are there. */
function ask(
  budget: Budget,
  units: number,
  order: string[],
  name: string,
  signal?: AbortSignal,
): Promise<void> {
  return budget.acquire(units, signal).then(() => {
    order.push(name)
  })
}

test('what fits is granted at once, and what does not waits for what is given back', WITHIN, async () => {
  const budget = new Budget(10)
  const order: string[] = []
  await ask(budget, 6, order, 'six')
  await ask(budget, 4, order, 'four')
  const waiting = ask(budget, 1, order, 'one')
  await nextTurn()
  assert.deepEqual([order, budget.used], [['six', 'four'], 10])
  budget.release(4)
  await waiting
  assert.deepEqual([order.at(-1), budget.used], ['one', 7])
})

test('nobody overtakes: a small request waits behind a large one that came first', WITHIN, async () => {
  const budget = new Budget(10)
  const order: string[] = []
  await budget.acquire(6)
  const all = [ask(budget, 8, order, 'large'), ask(budget, 1, order, 'small'), ask(budget, 1, order, 'tiny')]
  await nextTurn()
  assert.deepEqual(order, [])
  budget.release(6)
  await Promise.all(all)
  assert.deepEqual(order, ['large', 'small', 'tiny'])
})

test(
  'a request above the whole budget is granted when it is alone, and then blocks the others',
  WITHIN,
  async () => {
    const budget = new Budget(10)
    const order: string[] = []
    await budget.acquire(1)
    const oversize = ask(budget, 25, order, 'oversize')
    const small = ask(budget, 1, order, 'small')
    await nextTurn()
    assert.deepEqual(order, [])
    budget.release(1)
    await oversize
    await nextTurn()
    assert.deepEqual([order, budget.used], [['oversize'], 25])
    budget.release(25)
    await small
    assert.equal(budget.used, 1)
  },
)

test('an aborted request is rejected with the reason and takes nothing', WITHIN, async () => {
  const budget = new Budget(10)
  await budget.acquire(10)
  const abort = new AbortController()
  const waiting = budget.acquire(5, abort.signal)
  abort.abort(new Error('interrupted'))
  await assert.rejects(waiting, /interrupted/)
  assert.throws(() => budget.acquire(1, abort.signal), /interrupted/)
  budget.release(10)
  assert.equal(budget.used, 0)
  await budget.acquire(10)
})

test('an abort after the grant changes nothing', WITHIN, async () => {
  const budget = new Budget(10)
  await budget.acquire(10)
  const abort = new AbortController()
  const waiting = budget.acquire(3, abort.signal)
  budget.release(10)
  await waiting
  abort.abort()
  assert.equal(budget.used, 3)
})

/* Those behind an abandoned request waited for the next release, although what they wanted was free. */
test('when the request that all wait behind is abandoned, the others are granted at once', {
  timeout: 5_000,
}, async () => {
  const budget = new Budget(10)
  const order: string[] = []
  await budget.acquire(6)
  const abort = new AbortController()
  const large = ask(budget, 8, order, 'large', abort.signal)
  const others = [ask(budget, 3, order, 'three'), ask(budget, 1, order, 'one')]
  abort.abort(new Error('interrupted'))
  await assert.rejects(large, /interrupted/)
  await Promise.all(others)
  assert.deepEqual([order, budget.used], [['three', 'one'], 10])
})

/* The signal lives as long as the run, and every request that had to wait left a listener and what it holds with it. */
test('a request that was granted leaves no listener on the signal', WITHIN, async () => {
  const budget = new Budget(1)
  const { signal } = new AbortController()
  await budget.acquire(1, signal)
  for (let round = 0; round < 50; round++) {
    const waiting = budget.acquire(1, signal)
    budget.release(1)
    await waiting
  }
  assert.equal(getEventListeners(signal, 'abort').length, 0)
})

test('whatever comes in whatever order, the budget holds and everyone is served', WITHIN, async () => {
  const random = seededRandom(7)
  const budget = new Budget(100)
  let [inUse, served, largestShared] = [0, 0, 0]
  const work = async (units: number, isAborting: boolean): Promise<void> => {
    const abort = new AbortController()
    const acquiring = budget.acquire(units, abort.signal)
    if (isAborting) abort.abort()
    try {
      await acquiring
    } catch {
      served++
      return
    }
    inUse += units
    if (inUse > units) largestShared = Math.max(largestShared, inUse)
    for (let turns = random.below(4); turns > 0; turns--) await nextTurn()
    inUse -= units
    budget.release(units)
    served++
  }
  await Promise.all(Array.from({ length: 2_000 }, () => work(1 + random.below(130), random.chance(0.1))))
  assert.deepEqual([served, inUse, budget.used], [2_000, 0, 0])
  assert.ok(largestShared <= 100, `${largestShared} units were shared`)
})
