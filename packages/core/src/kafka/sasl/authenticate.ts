import { isKafkaBackupError } from '../../errors/kafka-backup-error.ts'
import { systemClock } from '../../runtime/clock.ts'
import { LIMITS } from '../../runtime/limits.ts'
import type { SaslSecurity } from '../security.ts'
import { oauthExchange } from './oauth-exchange.ts'
import { plainExchange } from './plain-exchange.ts'
import { type SaslPeer, saslAuthenticate, saslHandshake } from './sasl-api.ts'
import { authenticationFailed } from './sasl-error.ts'
import type { SaslExchange } from './sasl-exchange.ts'
import { scramExchange } from './scram-exchange.ts'

/**
 * Proves the account to a broker, on a new connection or again on one that is in use (KIP-152, KIP-368). Gives the lifetime of
 * the session in milliseconds, 0 for one without an end.
 * @throws KB_AUTHENTICATION_FAILED, KB_CLUSTER_UNREACHABLE
 */
export async function authenticate(
  peer: SaslPeer,
  sasl: SaslSecurity,
  signal?: AbortSignal,
): Promise<number> {
  const exchange = exchangeOf(sasl, signal)
  // First of all: a token that cannot be had is not the broker's fault.
  let message = await exchange.begin()
  await saslHandshake(peer, exchange.mechanism)
  for (let round = 0; round < LIMITS.saslMaxRounds; round++) {
    const answer = await saslAuthenticate(peer, message)
    if ('refusal' in answer) throw refused(peer, exchange, answer.refusal)
    const reply = await answered(peer, exchange, answer.message)
    if (reply === null) return answer.lifetimeMs
    message = reply
  }
  throw authenticationFailed(peer.broker, `${exchange.mechanism} did not come to an end`)
}

function exchangeOf(sasl: SaslSecurity, signal: AbortSignal | undefined): SaslExchange {
  switch (sasl.mechanism) {
    case 'PLAIN':
      return plainExchange(sasl.username, sasl.password)
    case 'OAUTHBEARER':
      return oauthExchange({
        tokens: sasl.tokens,
        extensions: sasl.extensions,
        nowMs: systemClock.nowMs(),
        ...(signal ? { signal } : {}),
      })
    default:
      return scramExchange(sasl.mechanism, sasl.username, sasl.password)
  }
}

async function answered(peer: SaslPeer, exchange: SaslExchange, message: Buffer): Promise<Buffer | null> {
  try {
    return await exchange.answer(message)
  } catch (error) {
    if (!isKafkaBackupError(error, 'KB_AUTHENTICATION_FAILED')) throw error
    throw authenticationFailed(peer.broker, error.message, error.hint)
  }
}

function refused(peer: SaslPeer, exchange: SaslExchange, remark: string) {
  const isToken = exchange.account === null
  const who = isToken ? 'the token' : `the account "${exchange.account}"`
  const hint = isToken
    ? 'Check issuer, audience and scope of the token, and that it has not expired.'
    : 'Check sasl_username and sasl_password, and that the account exists for this mechanism.'
  return authenticationFailed(
    peer.broker,
    `${who} was refused (${exchange.mechanism}): ${exchange.explain(remark)}`,
    hint,
  )
}
