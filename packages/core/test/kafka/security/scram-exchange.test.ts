import assert from 'node:assert/strict'
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { inspect } from 'node:util'
import type { SaslExchange } from '../../../src/kafka/sasl/sasl-exchange.ts'
import { type ScramMechanism, scramExchange } from '../../../src/kafka/sasl/scram-exchange.ts'
import { LIMITS } from '../../../src/runtime/limits.ts'
import { Secret } from '../../../src/runtime/secret.ts'
import { failureOf } from '../raw-server.ts'

// The example of RFC 7677, section 3.
const RFC = {
  nonce: 'rOprNGfwEbeRWgbNEkqO',
  serverNonce: 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
  salt: 'W22ZaJ0SNY7soEsUEjb6gQ==',
  proof: 'dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  signature: '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
}
const SERVER_FIRST = `r=${RFC.serverNonce},s=${RFC.salt},i=4096`

function rfcExchange(): SaslExchange {
  return scramExchange('SCRAM-SHA-256', 'user', new Secret('pencil'), RFC.nonce)
}

const say = (exchange: SaslExchange, text: string) => exchange.answer(Buffer.from(text))

test('says what RFC 7677 has as its example, and accepts its signature', async () => {
  const exchange = rfcExchange()
  assert.equal(String(await exchange.begin()), `n,,n=user,r=${RFC.nonce}`)
  assert.equal(String(await say(exchange, SERVER_FIRST)), `c=biws,r=${RFC.serverNonce},p=${RFC.proof}`)
  assert.equal(await say(exchange, `v=${RFC.signature}`), null)
})

for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
  test(`${mechanism}: who keeps only the stored keys can check the proof, and is believed`, async () => {
    for (let round = 0; round < 20; round++) {
      const server = new StoredAccount(mechanism, `päss=word,${round}`, 4096 + round)
      const exchange = scramExchange(mechanism, 'a=b,c', new Secret(`päss=word,${round}`))
      const first = String(await exchange.begin())
      assert.match(first, /^n,,n=a=3Db=2Cc,r=[A-Za-z0-9+/]{32}$/)
      const final = String(await say(exchange, server.challenge(first)))
      assert.equal(await say(exchange, server.check(final)), null)
    }
  })
}

test('a new nonce is drawn for every exchange', async () => {
  const firsts = await Promise.all(
    Array.from({ length: 50 }, () => scramExchange('SCRAM-SHA-256', 'user', new Secret('x')).begin()),
  )
  assert.equal(new Set(firsts.map(String)).size, 50)
})

for (const [what, serverFirst, message] of [
  ['the nonce of somebody else', SERVER_FIRST.replace('rOpr', 'rOpS'), /nonce of somebody else/],
  ['our nonce without an addition', `r=${RFC.nonce},s=${RFC.salt},i=4096`, /nonce of somebody else/],
  ['too few iterations', SERVER_FIRST.replace('4096', '4095'), /asks for 4095 iterations; 4096 to/],
  ['too many iterations', SERVER_FIRST.replace('4096', String(LIMITS.scramMaxIterations + 1)), /iterations/],
  ['iterations that are no number', SERVER_FIRST.replace('4096', '4096x'), /iterations/],
  ['a salt that is not base64', SERVER_FIRST.replace(RFC.salt, '!!!!'), /salt/],
  ['no salt', SERVER_FIRST.replace(RFC.salt, ''), /salt/],
  ['an extension that must be understood', `m=x,${SERVER_FIRST}`, /challenge that is none/],
  ['nothing', '', /challenge that is none/],
] as const) {
  test(`a challenge with ${what} is refused before the password is used`, async () => {
    const exchange = rfcExchange()
    await exchange.begin()
    const failure = await failureOf(say(exchange, serverFirst))
    assert.equal(failure.code, 'KB_AUTHENTICATION_FAILED')
    assert.match(failure.message, message)
  })
}

for (const [what, serverFinal] of [
  ['a wrong signature', `v=${Buffer.alloc(32, 7).toString('base64')}`],
  ['half a signature', `v=${RFC.signature.slice(0, 20)}`],
  ['no signature', 'v='],
  ['nothing', ''],
  ['the error of a server', 'e=other-error'],
] as const) {
  test(`a broker that ends with ${what} is not believed`, async () => {
    const exchange = rfcExchange()
    await exchange.begin()
    await say(exchange, SERVER_FIRST)
    const failure = await failureOf(say(exchange, serverFinal))
    assert.equal(failure.code, 'KB_AUTHENTICATION_FAILED')
    assert.doesNotMatch(inspect(failure, { depth: 9 }), /pencil/)
  })
}

/** What a server of SCRAM keeps and does (RFC 5802, section 3), written from its side. */
class StoredAccount {
  readonly #hash: string
  readonly #salt = randomBytes(16)
  readonly #iterations: number
  readonly #storedKey: Buffer
  readonly #serverKey: Buffer
  #clientFirst = ''
  #serverFirst = ''

  constructor(mechanism: ScramMechanism, password: string, iterations: number) {
    this.#hash = mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512'
    this.#iterations = iterations
    const bytes = mechanism === 'SCRAM-SHA-256' ? 32 : 64
    const salted = pbkdf2Sync(password, this.#salt, iterations, bytes, this.#hash)
    this.#storedKey = createHash(this.#hash).update(this.#mac(salted, 'Client Key')).digest()
    this.#serverKey = this.#mac(salted, 'Server Key')
  }

  challenge(first: string): string {
    this.#clientFirst = first.slice(3)
    const nonce = first.slice(first.indexOf('r=') + 2)
    this.#serverFirst = `r=${nonce}server,s=${this.#salt.toString('base64')},i=${this.#iterations}`
    return this.#serverFirst
  }

  check(final: string): string {
    const at = final.lastIndexOf(',p=')
    const signed = `${this.#clientFirst},${this.#serverFirst},${final.slice(0, at)}`
    const proof = Buffer.from(final.slice(at + 3), 'base64')
    const clientSignature = this.#mac(this.#storedKey, signed)
    const clientKey = proof.map((byte, index) => byte ^ (clientSignature[index] ?? 0))
    assert.deepEqual(createHash(this.#hash).update(clientKey).digest(), this.#storedKey)
    return `v=${this.#mac(this.#serverKey, signed).toString('base64')}`
  }

  #mac(key: Buffer, text: string): Buffer {
    return createHmac(this.#hash, key).update(text).digest()
  }
}
