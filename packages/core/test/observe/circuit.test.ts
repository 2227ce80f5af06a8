import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { ClusterWaits } from '../../src/backup/cluster-waits.ts'
import type { RunEvent } from '../../src/events/run-event.ts'
import { circuitAfter, closedCircuit } from '../../src/observe/circuit.ts'
import { CIRCUIT_TABLE, readCircuits, writeCircuits } from '../../src/observe/circuit-rows.ts'

const OPEN = { state: 'open', failures: 5, retryInMs: 1_000, reason: 'no answer' } as const
const TRYING = { state: 'trying', failures: 5, retryInMs: 0, reason: '' } as const
const CLOSED = { state: 'closed', failures: 0, retryInMs: 0, reason: '' } as const

test('an outage begins with the first failure and ends with an answer, whatever is tried between', () => {
  const open = circuitAfter(closedCircuit(1), OPEN, 100)
  assert.deepEqual(open, { state: 'open', failures: 5, sinceMs: 100, nextTryMs: 1_100, reason: 'no answer' })
  const trying = circuitAfter(open, TRYING, 1_100)
  assert.deepEqual(trying, { ...open, state: 'half_open', nextTryMs: null })
  const again = circuitAfter(trying, { ...OPEN, failures: 6 }, 1_200)
  assert.deepEqual([again.sinceMs, again.failures, again.nextTryMs], [100, 6, 2_200])
  assert.deepEqual(circuitAfter(again, CLOSED, 3_000), closedCircuit(3_000))
  assert.deepEqual(circuitAfter(closedCircuit(3_000), CLOSED, 4_000), closedCircuit(3_000))
})

test('rows are read as they were written, and a file of an earlier version says nothing', () => {
  const database = new DatabaseSync(':memory:')
  assert.deepEqual(readCircuits(database, 'daily'), { store: null, cluster: null })
  database.exec(CIRCUIT_TABLE)
  const circuits = { store: circuitAfter(closedCircuit(1), OPEN, 100), cluster: closedCircuit(7) }
  writeCircuits(database, 'daily', circuits)
  assert.deepEqual(readCircuits(database, 'daily'), circuits)
  assert.deepEqual(readCircuits(database, 'other'), { store: null, cluster: null })
  database.exec("UPDATE job_circuits SET state = 'melted' WHERE target = 'store'")
  assert.deepEqual(readCircuits(database, 'daily'), { ...circuits, store: null })
  database.close()
})

test('brokers answer again when nobody waits any more', () => {
  const states: string[] = []
  const observe = (event: RunEvent) => {
    if (event.type === 'cluster_availability') states.push(`${event.state} ${event.failures}`)
  }
  const waits = new ClusterWaits(observe)
  const [one, other, rest] = [{}, {}, {}]
  const wait = { what: 'orders/0', reason: 'no answer', attempt: 1, delayMs: 100 }
  waits.end(one)
  waits.note(one, wait)
  waits.note(other, { ...wait, attempt: 2 })
  waits.end(one)
  assert.deepEqual(states, ['open 1', 'open 2'])
  waits.noteAlone(rest, { ...wait, attempt: 3 })
  waits.end(other)
  waits.end(rest)
  assert.deepEqual(states, ['open 1', 'open 2', 'open 3', 'closed 0'])
})
