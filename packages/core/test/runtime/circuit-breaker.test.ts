import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type BreakerChange, type BreakerTicket, CircuitBreaker } from '../../src/runtime/circuit-breaker.ts'

const POLICY = { failures: 5, firstPauseMs: 1_000, maxPauseMs: 8_000 }

function newBreaker() {
  let nowMs = 0
  const changes: BreakerChange[] = []
  const breaker = new CircuitBreaker({
    policy: POLICY,
    clock: { nowMs: () => nowMs, monotonicMs: () => nowMs, sleep: async () => undefined },
    // The upper end of every pause.
    random: { fraction: () => 1, hex: () => '' },
    onChange: (change) => changes.push(change),
  })
  const pass = (ms: number) => {
    nowMs += ms
  }
  return { breaker, changes, pass }
}

function ticketOf(breaker: CircuitBreaker): BreakerTicket {
  const ticket = breaker.admit()
  assert.ok(typeof ticket !== 'number', `closed for ${ticket} ms`)
  return ticket
}

function failTimes(breaker: CircuitBreaker, times: number): void {
  for (let at = 0; at < times; at++) ticketOf(breaker).fail(new Error('down'))
}

describe('CircuitBreaker', () => {
  it('opens after failures in a row, and not when a success is between them', () => {
    const { breaker } = newBreaker()
    failTimes(breaker, 4)
    ticketOf(breaker).succeed()
    failTimes(breaker, 4)
    assert.equal(breaker.state, 'closed')
    failTimes(breaker, 1)
    assert.equal(breaker.state, 'open')
    assert.equal(breaker.admit(), 1_000)
  })

  it('lets exactly one call through after the pause', () => {
    const { breaker, pass } = newBreaker()
    failTimes(breaker, 5)
    pass(999)
    assert.equal(breaker.admit(), 1)
    pass(1)
    ticketOf(breaker)
    for (let at = 0; at < 10; at++) assert.equal(typeof breaker.admit(), 'number')
  })

  it('rests longer after every try that fails, up to its limit, and closes with the one that succeeds', () => {
    const { breaker, changes, pass } = newBreaker()
    failTimes(breaker, 5)
    for (let at = 0; at < 5; at++) {
      pass(8_000)
      ticketOf(breaker).fail(new Error('still down'))
    }
    const pauses = changes.filter(({ state }) => state === 'open').map(({ pauseMs }) => pauseMs)
    assert.deepEqual(pauses, [1_000, 2_000, 4_000, 8_000, 8_000, 8_000])
    pass(8_000)
    ticketOf(breaker).succeed()
    assert.equal(breaker.state, 'closed')
    failTimes(breaker, 5)
    assert.equal(changes.at(-1)?.pauseMs, 1_000, 'the next outage begins with the shortest pause')
  })

  it('takes no notice of what began before it opened', () => {
    const { breaker, pass } = newBreaker()
    const early = [ticketOf(breaker), ticketOf(breaker)]
    failTimes(breaker, 5)
    early[0]?.succeed()
    assert.equal(breaker.state, 'open')
    pass(1_000)
    const tried = ticketOf(breaker)
    early[1]?.fail(new Error('late'))
    assert.equal(breaker.state, 'trying')
    tried.succeed()
    assert.equal(breaker.state, 'closed')
  })

  it('gives the try to the next one when it was given up', () => {
    const { breaker, pass } = newBreaker()
    failTimes(breaker, 5)
    pass(1_000)
    ticketOf(breaker).abandon()
    ticketOf(breaker).succeed()
    assert.equal(breaker.state, 'closed')
  })
})
