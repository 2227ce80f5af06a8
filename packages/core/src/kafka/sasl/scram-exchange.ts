import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { KafkaBackupError } from '../../errors/kafka-backup-error.ts'
import { LIMITS } from '../../runtime/limits.ts'
import type { Secret } from '../../runtime/secret.ts'
import { quotedRemark } from './sasl-error.ts'
import type { SaslExchange } from './sasl-exchange.ts'

const deriveKey = promisify(pbkdf2)

/** Name of the mechanism to that of the hash, its bytes, and the least iterations (RFC 7677 and Kafka's own rule). */
const VARIANTS = {
  'SCRAM-SHA-256': { hash: 'sha256', hashBytes: 32, minIterations: 4096 },
  'SCRAM-SHA-512': { hash: 'sha512', hashBytes: 64, minIterations: 4096 },
} as const

/** One of the two variants that Kafka has. */
export type ScramMechanism = keyof typeof VARIANTS

const NONCE_BYTES = 24
// "n,,": no channel binding, no other identity; and the same in base64 where it is repeated.
const GS2_HEADER = 'n,,'
const GS2_HEADER_BASE64 = Buffer.from(GS2_HEADER).toString('base64')
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/**
 * SCRAM (RFC 5802, RFC 7677) without channel binding. Name and password are taken as UTF-8 without SASLprep, as Kafka does on
 * its side; a composed and a decomposed letter are different passwords. `nonce` is given by tests only.
 */
export function scramExchange(
  mechanism: ScramMechanism,
  username: string,
  password: Secret,
  nonce: string = randomBytes(NONCE_BYTES).toString('base64'),
): SaslExchange {
  const firstBare = `n=${username.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`
  let serverSignature: Buffer | null = null
  return {
    mechanism,
    account: username,
    begin: async () => Buffer.from(GS2_HEADER + firstBare),
    async answer(message) {
      if (serverSignature !== null) {
        checkServerSignature(message.toString(), serverSignature)
        return null
      }
      const challenge = readChallenge(message.toString(), nonce, mechanism)
      const proof = await prove(mechanism, password, { ...challenge, firstBare })
      serverSignature = proof.serverSignature
      return Buffer.from(proof.final)
    },
    explain: (remark) => remark,
  }
}

interface Challenge {
  readonly text: string
  readonly nonce: string
  readonly salt: Buffer
  readonly iterations: number
}

function readChallenge(text: string, clientNonce: string, mechanism: ScramMechanism): Challenge {
  const [nonce, salt, iterationText] = attributesOf(text, ['r', 's', 'i'])
  if (nonce === undefined || salt === undefined || iterationText === undefined) {
    throw broken('sent a challenge that is none')
  }
  if (!nonce.startsWith(clientNonce) || nonce.length === clientNonce.length) {
    throw broken('answered with the nonce of somebody else')
  }
  if (salt === '' || !BASE64.test(salt)) throw broken('sent a salt that is none')
  const iterations = /^[1-9][0-9]{0,9}$/.test(iterationText) ? Number(iterationText) : 0
  const { minIterations } = VARIANTS[mechanism]
  if (iterations < minIterations || iterations > LIMITS.scramMaxIterations) {
    throw broken(
      `asks for ${quotedRemark(iterationText)} iterations; ${minIterations} to ${LIMITS.scramMaxIterations} are allowed`,
    )
  }
  return { text, nonce, salt: Buffer.from(salt, 'base64'), iterations }
}

async function prove(
  mechanism: ScramMechanism,
  password: Secret,
  challenge: Challenge & { readonly firstBare: string },
): Promise<{ final: string; serverSignature: Buffer }> {
  const { hash, hashBytes } = VARIANTS[mechanism]
  const { salt, iterations } = challenge
  const salted = await deriveKey(Buffer.from(password.reveal()), salt, iterations, hashBytes, hash)
  const keyed = (key: Buffer, text: string) => createHmac(hash, key).update(text).digest()
  const clientKey = keyed(salted, 'Client Key')
  const storedKey = createHash(hash).update(clientKey).digest()
  const finalBare = `c=${GS2_HEADER_BASE64},r=${challenge.nonce}`
  const signed = `${challenge.firstBare},${challenge.text},${finalBare}`
  const clientSignature = keyed(storedKey, signed)
  const proof = Buffer.from(clientKey.map((byte, at) => byte ^ (clientSignature[at] ?? 0)))
  return {
    final: `${finalBare},p=${proof.toString('base64')}`,
    serverSignature: keyed(keyed(salted, 'Server Key'), signed),
  }
}

/** Only who knows the password's keys can sign: without this check anybody could pose as the broker. */
function checkServerSignature(text: string, expected: Buffer): void {
  const [error] = attributesOf(text, ['e'])
  if (error !== undefined) throw broken(`refused the proof: ${quotedRemark(error)}`)
  const [signature = ''] = attributesOf(text, ['v'])
  const given = BASE64.test(signature) ? Buffer.from(signature, 'base64') : Buffer.alloc(0)
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw broken('does not know the password itself: its signature is wrong')
  }
}

/** Values of the attributes that a message must begin with, in this order; undefined from the first other one on. */
function attributesOf(text: string, names: readonly string[]): (string | undefined)[] {
  const parts = text.split(',')
  const values = names.map((name, at) => (parts[at]?.startsWith(`${name}=`) ? parts[at].slice(2) : undefined))
  const missing = values.indexOf(undefined)
  return missing < 0 ? values : values.slice(0, missing)
}

function broken(what: string): KafkaBackupError {
  return new KafkaBackupError('KB_AUTHENTICATION_FAILED', `the broker ${what} (SCRAM)`, {
    hint: 'Whoever answers may not be a broker of this cluster: check the address.',
  })
}
