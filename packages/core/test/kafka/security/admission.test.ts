import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { KafkaBackupError } from '../../../src/errors/kafka-backup-error.ts'
import { SessionRenewal } from '../../../src/kafka/sasl/session-renewal.ts'
import type { WireRequest } from '../../../src/kafka/wire-connection.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import { systemRandom } from '../../../src/runtime/random.ts'
import { connectTo, failureOf, openRawServer, responseFrame } from '../raw-server.ts'

const WITHIN = { timeout: 10_000 }

function asking(label: string): WireRequest {
  return { apiKey: 1, version: 4, isFlexible: false, body: [Buffer.from(label)] }
}

/** Behind the client id ("test", with its length). */
const labelOf = (body: Buffer) => body.subarray(6).toString()

test(
  'requests wait for admission, in their order, and those of the admission itself pass',
  WITHIN,
  async () => {
    const received: string[] = []
    await using server = await openRawServer((request, socket) => {
      received.push(labelOf(request.body))
      socket.write(responseFrame(request.correlationId, request.body))
    })
    const connection = await connectTo(server.port)
    await connection.request(asking('before'))
    let isDue = true
    let admissions = 0
    let after: Promise<unknown> | undefined
    connection.admitWith(() => {
      if (!isDue) return null
      admissions++
      const admission = (async () => {
        await connection.sendAhead(asking('handshake'))
        await pause(30)
        await connection.sendAhead(asking('proof'))
        isDue = false
      })()
      // One that is made at the very end must not overtake those that are held.
      void admission.then().then(() => {
        after = connection.request(asking('after'))
      })
      return admission
    })
    const early = Array.from({ length: 5 }, (_, at) => connection.request(asking(`held ${at}`)))
    await pause(10)
    const late = Array.from({ length: 5 }, (_, at) => connection.request(asking(`held ${at + 5}`)))
    await Promise.all([...early, ...late])
    await after
    assert.equal(admissions, 1)
    assert.deepEqual(received, [
      'before',
      'handshake',
      'proof',
      ...Array.from({ length: 10 }, (_, at) => `held ${at}`),
      'after',
    ])
    connection.close()
  },
)

test(
  'an admission that is refused fails what waits and what is under way, with its own error',
  WITHIN,
  async () => {
    await using server = await openRawServer(() => undefined)
    const connection = await connectTo(server.port)
    const underWay = connection.request(asking('under way'))
    const refusal = new KafkaBackupError('KB_AUTHENTICATION_FAILED', 'refused')
    connection.admitWith(() => pause(20).then(() => Promise.reject(refusal)))
    const waiting = [connection.request(asking('a')), connection.request(asking('b'))]
    for (const request of [underWay, ...waiting, connection.request(asking('c'))]) {
      assert.equal(await failureOf(request), refusal)
    }
    assert.equal(connection.isOpen, false)
  },
)

test('a connection that breaks or is closed during an admission fails what waits', WITHIN, async () => {
  await using server = await openRawServer((_, socket) => socket.destroy())
  const broken = await connectTo(server.port)
  broken.admitWith(async () => void (await broken.sendAhead(asking('handshake'))))
  assert.equal((await failureOf(broken.request(asking('a')))).code, 'KB_CLUSTER_UNREACHABLE')
  const closed = await connectTo(server.port)
  closed.admitWith(() => pause(50))
  const waiting = closed.request(asking('a'))
  closed.close()
  assert.match((await failureOf(waiting)).message, /the connection was closed/)
})

test('a session is renewed in the last quarter of its life, never within the first second, and at drawn times', () => {
  let nowMs = 0
  let fraction = 0
  const clock = { ...systemClock, monotonicMs: () => nowMs }
  const renewal = new SessionRenewal(clock, { ...systemRandom, fraction: () => fraction })
  const dueAfter = (lifetimeMs: number): number => {
    const beganMs = nowMs
    renewal.began(lifetimeMs)
    while (!renewal.isDue && nowMs - beganMs < lifetimeMs * 2 + 10_000) nowMs += 10
    return nowMs - beganMs
  }
  assert.equal(dueAfter(100_000), 75_000)
  fraction = 0.999
  assert.equal(dueAfter(100_000), 84_990)
  assert.equal(dueAfter(500), 1_100)
  renewal.began(0)
  nowMs = Number.MAX_SAFE_INTEGER
  assert.equal(renewal.isDue, false)
})
