import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { openBrokerLink } from '../../src/kafka/broker-connections.ts'
import { brokerError } from '../../src/kafka/kafka-error.ts'
import { ResponseBuffers } from '../../src/kafka/response-buffers.ts'
import { connectTo, failureOf, openRawServer } from './raw-server.ts'

const WITHIN = { timeout: 10_000 }

test(
  'an aborted signal ends the wait for a connection, and for the versions of a silent broker',
  WITHIN,
  async () => {
    await using server = await openRawServer(() => undefined)
    await assert.rejects(connectTo(server.port, { signal: AbortSignal.abort(new Error('enough')) }), /enough/)
    const early = new AbortController()
    const connecting = connectTo(server.port, { signal: early.signal })
    early.abort()
    assert.equal((await failureOf(connecting)).code, 'KB_CLUSTER_UNREACHABLE')

    const late = new AbortController()
    const address = { host: '127.0.0.1', port: server.port }
    const opening = openBrokerLink(address, { clientId: 'test', signal: late.signal })
    setTimeout(() => late.abort(), 50)
    const outcome = await Promise.race([failureOf(opening), pause(1_500, null, { ref: false })])
    assert.equal(outcome?.code, 'KB_CLUSTER_UNREACHABLE')
    for (let turn = 0; turn < 200 && server.sockets.size > 0; turn++) await pause(5)
    assert.equal(server.sockets.size, 0)
  },
)

test('a partition without a leader is worth another try', async () => {
  const failure = await failureOf(openBrokerLink(undefined, { clientId: 'test' }))
  assert.equal(failure.code, 'KB_BROKER_TRANSIENT')
  assert.equal(failure.retryable, true)
})

test('the pool keeps as many buffers as it was told, and none that are too small or too large for it', () => {
  const buffers = new ResponseBuffers(64 * 1024, 2)
  const held = [1, 2, 3].map(() => buffers.acquire(64 * 1024))
  assert.equal(new Set(held).size, 3)
  for (const buffer of [...held, buffers.acquire(100), buffers.acquire(65 * 1024)]) buffers.release(buffer)
  const again = [1, 2, 3].map(() => buffers.acquire(1024))
  assert.deepEqual(
    again.map((buffer) => held.includes(buffer)),
    [true, true, false],
  )
  assert.equal(buffers.acquire(1023).length, 1023)
  assert.equal(buffers.acquire(65 * 1024).length, 65 * 1024)
})

test('an error of the broker without a row is not retried, and one with a row has its name', () => {
  const unknown = brokerError(999, 'asking')
  assert.deepEqual(
    [unknown.code, unknown.retryable, unknown.message],
    ['KB_BROKER_ERROR', false, 'asking: the broker answered error 999'],
  )
  const known = brokerError(6, 'reading', { topic: 'orders', partition: 3 })
  assert.deepEqual([known.code, known.retryable], ['KB_BROKER_TRANSIENT', true])
  assert.deepEqual(known.context, { topic: 'orders', partition: 3, kafkaError: 'NOT_LEADER_OR_FOLLOWER' })
})
