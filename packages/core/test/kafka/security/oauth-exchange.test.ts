import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { oauthExchange } from '../../../src/kafka/sasl/oauth-exchange.ts'
import { Secret } from '../../../src/runtime/secret.ts'
import { failureOf } from '../raw-server.ts'

const NOW_MS = Date.UTC(2026, 0, 1)

function exchangeWith(token: string, extensions: Readonly<Record<string, string>> = {}, ageMs = -1) {
  return oauthExchange({
    tokens: async () => ({ token: new Secret(token), expiresAtMs: NOW_MS - ageMs }),
    extensions: new Map(Object.entries(extensions)),
    nowMs: NOW_MS,
  })
}

test('sends the token and the extensions of KIP-342, each behind a byte of 1', async () => {
  const exchange = exchangeWith('a.b-c_d~e+f/g==', { logicalCluster: 'lkc-1', identityPoolId: 'pool-2' })
  assert.equal(
    String(await exchange.begin()),
    'n,,\u0001auth=Bearer a.b-c_d~e+f/g==\u0001logicalCluster=lkc-1\u0001identityPoolId=pool-2\u0001\u0001',
  )
  assert.equal(await exchange.answer(Buffer.alloc(0)), null)
})

test('a refusal is acknowledged with one byte, and told with its status and the age of the token', async () => {
  const exchange = exchangeWith('a.b.c', {}, 60_000)
  await exchange.begin()
  const reply = await exchange.answer(Buffer.from('{"status":"insufficient_scope","scope":"kafka.read"}'))
  assert.deepEqual(reply, Buffer.from([1]))
  assert.equal(
    exchange.explain('{"status":"insufficient_scope","scope":"kafka.read"}'),
    'insufficient_scope, scope kafka.read is needed (the token expired at 2025-12-31T23:59:00.000Z)',
  )
})

test('a broker that goes on after its refusal has refused all the same', async () => {
  const exchange = exchangeWith('a.b.c')
  await exchange.begin()
  await exchange.answer(Buffer.from('no such luck'))
  const failure = await failureOf(exchange.answer(Buffer.alloc(0)))
  assert.equal(failure.code, 'KB_AUTHENTICATION_FAILED')
  assert.match(failure.message, /no such luck/)
})

for (const token of ['', 'a b', 'canary\u0001auth=x', 'canary\n', 'canary"', '===']) {
  test(`${JSON.stringify(token)} is no token, and is not shown`, async () => {
    const failure = await failureOf(exchangeWith(token).begin())
    assert.equal(failure.code, 'KB_AUTHENTICATION_FAILED')
    assert.doesNotMatch(inspect(failure, { depth: 9, showHidden: true }), /canary/)
  })
}

for (const [name, value] of [
  ['auth', 'Bearer x'],
  ['AUTH', 'x'],
  ['', 'x'],
  ['a1', 'x'],
  ['name', ''],
  ['name', 'x\u0001auth=y'],
] as const) {
  test(`${JSON.stringify(`${name}=${value}`)} is no extension`, async () => {
    const failure = await failureOf(exchangeWith('a.b.c', { [name]: value }).begin())
    assert.equal(failure.code, 'KB_CONFIG_INVALID')
  })
}
