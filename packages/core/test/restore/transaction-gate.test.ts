import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { TransactionGate } from '../../src/restore/transaction-gate.ts'
import type { GatedLane } from '../../src/restore/write-gate.ts'
import { systemClock } from '../../src/runtime/clock.ts'

class Lane implements GatedLane {
  readonly place: { topic: string; partition: number }
  commits = 0

  constructor(partition: number) {
    this.place = { topic: 'orders', partition }
  }

  onCommitted(): void {
    this.commits++
  }
}

function openGate(maxBytes: number, maxMs = 60_000) {
  const steps: string[] = []
  const ended = new AbortController()
  let failing: Error | undefined
  const gate = new TransactionGate({
    transactions: {
      async addPartitions(partitions) {
        steps.push(`add ${partitions.map(({ partition }) => partition).join(' ')}`)
        if (failing) throw failing
      },
      async commit() {
        steps.push('commit')
        if (failing) throw failing
      },
    },
    bounds: { maxBytes, maxMs },
    clock: systemClock,
    signal: ended.signal,
    onDurable: () => steps.push('durable'),
  })
  return { gate, steps, end: () => ended.abort(), failWith: (error: Error) => (failing = error) }
}

describe('TransactionGate', () => {
  it('lets five batches of a partition be under way, as many as brokers tell from repetitions', () => {
    assert.equal(openGate(1_000).gate.windowMax, 5)
  })

  it('adds each partition once, and those that come together in one request', async () => {
    const { gate, steps, end } = openGate(1_000)
    const [one, two] = [new Lane(1), new Lane(2)]
    const both = [gate.admit(one, 1), gate.admit(two, 1)]
    await both[0]
    gate.settled(one)
    await both[1]
    gate.settled(two)
    await gate.admit(one, 1)
    gate.settled(one)
    await gate.finish()
    end()
    assert.deepEqual(steps, ['add 1 2', 'commit', 'durable'])
    assert.deepEqual([one.commits, two.commits], [1, 1])
  })

  it('lets the first batch of a partition into a transaction alone, and then as many as come', async () => {
    const { gate, end } = openGate(1_000)
    const [one, two] = [new Lane(1), new Lane(2)]
    const order: string[] = []
    const admit = (lane: Lane, name: string) => gate.admit(lane, 1).then(() => order.push(name))
    const all = [admit(one, 'one'), admit(two, 'two'), admit(one, 'one again')]
    await all[0]
    await nextTurn()
    assert.deepEqual(order, ['one'])
    gate.settled(one)
    await Promise.all(all)
    assert.deepEqual(order.toSorted(), ['one', 'one again', 'two'])
    gate.settled(two)
    gate.settled(one)
    await gate.finish()
    end()
  })

  it('commits when enough was sent, and only when all of it is confirmed', async () => {
    const { gate, steps, end } = openGate(10)
    const lane = new Lane(1)
    await gate.admit(lane, 3)
    gate.settled(lane)
    await gate.admit(lane, 6)
    await gate.admit(lane, 6)
    let isIn = false
    const third = gate.admit(lane, 1).then(() => {
      isIn = true
    })
    gate.settled(lane)
    await nextTurn()
    assert.deepEqual([isIn, steps], [false, ['add 1']])
    gate.settled(lane)
    await third
    gate.settled(lane)
    await gate.finish()
    end()
    assert.deepEqual(steps, ['add 1', 'commit', 'durable', 'add 1', 'commit', 'durable'])
    assert.equal(lane.commits, 2)
  })

  it('lets the first batch into the next transaction alone again, also where a lane was in the one before', async () => {
    const { gate, end } = openGate(2)
    const [one, two] = [new Lane(1), new Lane(2)]
    const order: string[] = []
    const admit = (lane: Lane, name: string) => gate.admit(lane, 1).then(() => order.push(name))
    const first = [admit(one, 'one'), admit(two, 'two')]
    await first[0]
    gate.settled(one)
    await first[1]
    gate.settled(two)
    const second = [admit(one, 'one'), admit(two, 'two')]
    await second[0]
    await nextTurn()
    assert.deepEqual(order, ['one', 'two', 'one'], 'its coordinator is asked about one partition at a time')
    gate.settled(one)
    await second[1]
    gate.settled(two)
    await gate.finish()
    end()
    assert.deepEqual([one.commits, two.commits], [2, 2])
  })

  it('commits when the time has come, although nothing more is sent', async () => {
    const { gate, steps, end } = openGate(1_000, 5)
    const lane = new Lane(1)
    await gate.admit(lane, 1)
    gate.settled(lane)
    while (!steps.includes('commit')) await nextTurn()
    await gate.finish()
    end()
    assert.deepEqual(steps, ['add 1', 'commit', 'durable'])
  })

  it('commits nothing after a failure, and tells everybody who waits', async () => {
    const { gate, steps, end } = openGate(1)
    const lane = new Lane(1)
    await gate.admit(lane, 1)
    const waiting = gate.admit(lane, 1)
    gate.fail(new Error('lost'))
    await assert.rejects(waiting, /lost/)
    await assert.rejects(gate.admit(lane, 1), /lost/)
    await assert.rejects(gate.finish(), /lost/)
    end()
    assert.deepEqual(steps, ['add 1'])
  })

  it('fails when partitions cannot be added or the commit fails', async () => {
    const adding = openGate(1)
    adding.failWith(new Error('fenced'))
    await assert.rejects(adding.gate.admit(new Lane(1), 1), /fenced/)
    const committing = openGate(1_000)
    const lane = new Lane(1)
    await committing.gate.admit(lane, 1)
    committing.gate.settled(lane)
    committing.failWith(new Error('gone'))
    await assert.rejects(committing.gate.finish(), /gone/)
    adding.end()
    committing.end()
    assert.ok(!committing.steps.includes('durable'))
  })
})
