import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import { seededRandom } from '@kafka-backup/testkit'
import { ResponseBuffers } from '../../src/kafka/response-buffers.ts'
import type { WireConnection, WireRequest, WireResponse } from '../../src/kafka/wire-connection.ts'
import { connectTo, failureOf, openRawServer, type ReceivedRequest, responseFrame } from './raw-server.ts'

const RESPONSE_BYTES = 20 * 1024 * 1024
// A request that nobody answers would wait for ever if the connection is wrong.
const WITHIN = { timeout: 10_000 }

/** A request that asks for nothing; `label` travels as its body. */
function asking(label: string, isFlexible = false): WireRequest {
  return { apiKey: 1, version: 4, isFlexible, body: [Buffer.from(label)] }
}

/** The request's body without the header's client id ("test", with its length). */
function labelOf(request: ReceivedRequest): string {
  return request.body.subarray(6).toString()
}

function textOf(response: WireResponse): string {
  const { reader } = response
  return reader.raw(reader.remaining).toString()
}

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Everything that a broken connection owes its user, whatever broke it. */
async function expectBroken(
  connection: WireConnection,
  requests: readonly Promise<unknown>[],
  expected: { readonly code: string; readonly message: RegExp },
): Promise<void> {
  const failures = await Promise.all([...requests, connection.request(asking('later'))].map(failureOf))
  assert.equal(failures.length, requests.length + 1)
  for (const failure of failures) {
    assert.equal(failure.code, expected.code, failure.message)
    assert.match(failure.message, expected.message)
    assert.match(failure.message, /127\.0\.0\.1:\d+/)
  }
  assert.equal(connection.isOpen, false)
}

/** Waits until the other side has seen that no socket of ours is left. */
async function expectNoSockets(sockets: ReadonlySet<Socket>): Promise<void> {
  for (let turn = 0; turn < 200 && sockets.size > 0; turn++) await pause(5)
  assert.equal(sockets.size, 0)
}

test(
  'each of many requests under way gets its own answer, in whatever order the answers come',
  WITHIN,
  async () => {
    const received: ReceivedRequest[] = []
    await using server = await openRawServer((request, socket) => {
      received.push(request)
      if (received.length < 50) return
      const answers = received.toReversed()
      socket.write(
        Buffer.concat(
          answers.map((entry) => responseFrame(entry.correlationId, Buffer.from(`re ${labelOf(entry)}`))),
        ),
      )
    })
    const connection = await connectTo(server.port)
    const labels = Array.from({ length: 50 }, (_, index) => `question ${index}`)
    const settled: string[] = []
    const answers = await Promise.all(
      labels.map(async (label) => {
        const answer = textOf(await connection.request(asking(label)))
        settled.push(label)
        return answer
      }),
    )
    assert.deepEqual(received.map(labelOf), labels, 'requests arrive in the order in which they were made')
    assert.deepEqual(
      answers,
      labels.map((label) => `re ${label}`),
    )
    assert.deepEqual(settled, labels.toReversed())
    connection.close()
    await expectNoSockets(server.sockets)
  },
)

test('a response of 20 MB into a pooled buffer is intact between smaller ones', WITHIN, async () => {
  const random = seededRandom(20)
  const large = [0, 1].map((mark) => Buffer.alloc(RESPONSE_BYTES, random.bytes(4096 + mark)))
  const small = Array.from({ length: 40 }, () => random.bytes(random.below(3000)))
  await using server = await openRawServer((request, socket) => {
    const [kind, index] = labelOf(request).split(' ')
    const bodies = kind === 'large' ? large : small
    socket.write(responseFrame(request.correlationId, bodies[Number(index)]!))
  })
  const buffers = new ResponseBuffers(RESPONSE_BYTES + 1024, 2)
  const connection = await connectTo(server.port, { buffers, requestTimeoutMs: 20_000 })
  const used = new Set<Buffer>()
  for (let round = 0; round < 3; round++) {
    const held = await Promise.all([
      ...small.slice(0, 20).map((_, index) => connection.request(asking(`small ${index}`))),
      connection.request(asking('large 0')),
      ...small.slice(20).map((_, index) => connection.request(asking(`small ${index + 20}`))),
      connection.request(asking('large 1')),
    ])
    // Only now are they looked at: nothing that came later may have touched what came before.
    const bodies = held.map(({ reader }) => reader.raw(reader.remaining))
    const expected = [...small.slice(0, 20), large[0]!, ...small.slice(20), large[1]!].map(digestOf)
    assert.deepEqual(bodies.map(digestOf), expected, `round ${round}`)
    for (const response of held) {
      if (response.reader.bytes.length > 1024 * 1024) used.add(response.reader.bytes)
      response.release()
    }
  }
  assert.equal(used.size, 2, 'both buffers were used again in every round')
  connection.close()
})

for (const pieceBytes of [[1], [2], [3, 1, 5], [7, 4, 4, 13], [4096, 1, 2, 3]]) {
  test(`responses in pieces of ${pieceBytes.join(', ')} bytes are put together again`, WITHIN, async () => {
    const random = seededRandom(pieceBytes.length)
    const bodies = Array.from({ length: 12 }, () =>
      random.bytes(random.below(pieceBytes[0]! > 100 ? 40_000 : 200)),
    )
    await using server = await openRawServer((request, socket) => {
      if (labelOf(request) !== '11') return
      const stream = Buffer.concat(bodies.map((body, index) => responseFrame(index + 1, body)))
      void sendPieces(socket, stream, pieceBytes)
    })
    const connection = await connectTo(server.port, { requestTimeoutMs: 10_000 })
    const responses = await Promise.all(bodies.map((_, index) => connection.request(asking(`${index}`))))
    for (const [index, { reader }] of responses.entries()) {
      assert.deepEqual(reader.raw(reader.remaining), bodies[index])
    }
    connection.close()
  })
}

async function sendPieces(socket: Socket, bytes: Buffer, pieceBytes: readonly number[]): Promise<void> {
  socket.setNoDelay(true)
  for (let at = 0, piece = 0; at < bytes.length; piece++) {
    const length = pieceBytes[piece % pieceBytes.length] ?? 1
    socket.write(bytes.subarray(at, at + length))
    at += length
    await nextTurn()
  }
}

for (const [what, splitAt] of [
  ['two responses in one chunk', [0]],
  ['a length that is split over two chunks', [14]],
  ['a chunk that ends exactly behind a response', [12]],
  ['a chunk that ends between length and correlation id', [16]],
  ['a chunk that holds the end of one response and the beginning of the next', [6, 15]],
] as const) {
  test(`reads ${what}`, WITHIN, async () => {
    await using server = await openRawServer((request, socket) => {
      if (labelOf(request) !== 'b') return
      const stream = Buffer.concat([
        responseFrame(1, Buffer.from('aaaa')),
        responseFrame(2, Buffer.from('bbbbbb')),
      ])
      void (async () => {
        socket.setNoDelay(true)
        for (const [index, begin] of [0, ...splitAt].entries()) {
          socket.write(stream.subarray(begin, splitAt[index] ?? stream.length))
          // Long enough for the other side to read before the rest comes.
          await pause(20)
        }
      })()
    })
    const connection = await connectTo(server.port)
    const [a, b] = await Promise.all([connection.request(asking('a')), connection.request(asking('b'))])
    assert.deepEqual([textOf(a), textOf(b)], ['aaaa', 'bbbbbb'])
    connection.close()
  })
}

test('a broker that closes the connection fails all requests that wait', WITHIN, async () => {
  await using server = await openRawServer((request, socket) => {
    if (labelOf(request) === 'last') socket.end()
  })
  const connection = await connectTo(server.port)
  const requests = ['first', 'second', 'last'].map((label) => connection.request(asking(label)))
  await expectBroken(connection, requests, {
    code: 'KB_CLUSTER_UNREACHABLE',
    message: /closed the connection/,
  })
  await expectNoSockets(server.sockets)
})

test(
  'a broker that closes in the middle of a response fails the request instead of giving half of it',
  WITHIN,
  async () => {
    await using server = await openRawServer((request, socket) => {
      socket.end(responseFrame(request.correlationId, Buffer.alloc(1000)).subarray(0, 500))
    })
    const connection = await connectTo(server.port)
    await expectBroken(connection, [connection.request(asking('x'))], {
      code: 'KB_CLUSTER_UNREACHABLE',
      message: /closed the connection/,
    })
  },
)

test('a connection that is reset says so', WITHIN, async () => {
  await using server = await openRawServer((_, socket) => socket.resetAndDestroy())
  const connection = await connectTo(server.port)
  await expectBroken(connection, [connection.request(asking('x')), connection.request(asking('y'))], {
    code: 'KB_CLUSTER_UNREACHABLE',
    message: /ECONNRESET|EPIPE|closed the connection/,
  })
})

test(
  'a broker that goes silent, before or in a response, fails all requests after the timeout',
  WITHIN,
  async () => {
    await using server = await openRawServer((request, socket) => {
      if (labelOf(request) === 'half') {
        socket.write(responseFrame(request.correlationId, Buffer.alloc(100_000)).subarray(0, 70_000))
      }
    })
    for (const labels of [['nothing', 'more'], ['half']]) {
      const connection = await connectTo(server.port, { requestTimeoutMs: 150 })
      const beganMs = performance.now()
      const requests = labels.map((label) => connection.request(asking(label)))
      await expectBroken(connection, requests, {
        code: 'KB_CLUSTER_UNREACHABLE',
        message: /no answer within 150 ms/,
      })
      assert.ok(performance.now() - beganMs < 1_500)
    }
    await expectNoSockets(server.sockets)
  },
)

test(
  'an answer to a request that was not made fails everything: the bytes can no longer be trusted',
  WITHIN,
  async () => {
    await using server = await openRawServer((request, socket) => {
      socket.write(responseFrame(request.correlationId + 77, Buffer.from('whose?')))
    })
    const connection = await connectTo(server.port)
    await expectBroken(connection, [connection.request(asking('x')), connection.request(asking('y'))], {
      code: 'KB_CLUSTER_UNREACHABLE',
      message: /answered a request that was not made \(78\)/,
    })
    await expectNoSockets(server.sockets)
  },
)

test('an answer that comes twice is an answer to a request that was not made', WITHIN, async () => {
  await using server = await openRawServer((request, socket) => {
    if (request.correlationId > 1) return
    const frame = responseFrame(request.correlationId, Buffer.from('once'))
    socket.write(Buffer.concat([frame, frame]))
  })
  const connection = await connectTo(server.port)
  const first = connection.request(asking('first'))
  const second = connection.request(asking('second'))
  assert.equal(textOf(await first), 'once')
  await expectBroken(connection, [second], { code: 'KB_CLUSTER_UNREACHABLE', message: /was not made \(1\)/ })
})

for (const [what, announced] of [
  ['4 GB', 0xffffffff],
  ['a negative length', 0x80000000],
  ['more than the limit', 513 * 1024 * 1024],
  ['less than a correlation id', 3],
  ['nothing at all', 0],
] as const) {
  test(
    `a broker that announces ${what} is not believed, and nothing is allocated for it`,
    WITHIN,
    async () => {
      await using server = await openRawServer((_, socket) => {
        const length = Buffer.alloc(12)
        length.writeUInt32BE(announced)
        socket.write(length)
      })
      const connection = await connectTo(server.port)
      const requests = [connection.request(asking('x')), connection.request(asking('y'))]
      await expectBroken(connection, requests, {
        code: 'KB_LIMIT_EXCEEDED',
        message: new RegExp(`response of ${announced | 0} bytes`),
      })
      await expectNoSockets(server.sockets)
    },
  )
}

/*
 * The header of a flexible response ends with tagged fields. When they cannot be read, the connection breaks; but the
 * request had already been taken off the list of those that wait, so nothing ever rejected it, and its timer was gone
 * too: a backup hung for ever on one bad byte. A response without a body is not enough to see it, since the other
 * requests under way were rejected as they should.
 */
test('a response whose header cannot be read rejects its own request too', WITHIN, async () => {
  await using server = await openRawServer((request, socket) => {
    socket.write(responseFrame(request.correlationId, Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f])))
  })
  const connection = await connectTo(server.port)
  const requests = [connection.request(asking('x', true)), connection.request(asking('y', true))]
  const outcome = await Promise.race([
    Promise.all(requests.map(failureOf)),
    pause(1_000, 'still waiting', { ref: false }),
  ])
  assert.ok(typeof outcome !== 'string', 'a request was never settled')
  for (const failure of outcome) assert.equal(failure.code, 'KB_BATCH_CORRUPT')
  assert.equal(connection.isOpen, false)
})

test(
  'garbage of any kind breaks the connection or is an answer, and never leaves a request waiting',
  WITHIN,
  async () => {
    const random = seededRandom(4711)
    await using server = await openRawServer((_, socket) => {
      const length = Buffer.alloc(8)
      length.writeInt32BE(4 + random.below(300))
      length.writeInt32BE(random.chance(0.7) ? 1 : random.uint32() | 0, 4)
      socket.write(Buffer.concat([random.chance(0.8) ? length : random.bytes(8), random.bytes(400)]))
    })
    for (let round = 0; round < 150; round++) {
      const connection = await connectTo(server.port, { requestTimeoutMs: 100 })
      const settled = Promise.allSettled([
        connection.request(asking('x', true)),
        connection.request(asking('y')),
      ])
      const results = await Promise.race([settled, pause(1_500, null, { ref: false })])
      assert.ok(results, `round ${round} left a request waiting`)
      for (const result of results) {
        if (result.status === 'rejected') assert.equal(result.reason.name, 'KafkaBackupError')
      }
      connection.close()
    }
    await expectNoSockets(server.sockets)
  },
)

test('close rejects what waits, at once and once', WITHIN, async () => {
  await using server = await openRawServer(() => undefined)
  const connection = await connectTo(server.port, { requestTimeoutMs: 60_000 })
  const requests = [connection.request(asking('x')), connection.request(asking('y'))]
  connection.close()
  connection.close()
  await expectBroken(connection, requests, {
    code: 'KB_CLUSTER_UNREACHABLE',
    message: /the connection was closed/,
  })
  await expectNoSockets(server.sockets)
})

test('nothing listens: the error comes at once and names the address', WITHIN, async () => {
  const server = await openRawServer(() => undefined)
  await server[Symbol.asyncDispose]()
  const failure = await failureOf(connectTo(server.port))
  assert.equal(failure.code, 'KB_CLUSTER_UNREACHABLE')
  assert.match(failure.message, new RegExp(`127\\.0\\.0\\.1:${server.port}: connect ECONNREFUSED`))
  assert.equal(failure.context.broker, `127.0.0.1:${server.port}`)
})
