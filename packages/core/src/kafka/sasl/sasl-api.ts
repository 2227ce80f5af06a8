import { KafkaBackupError } from '../../errors/kafka-backup-error.ts'
import { ByteWriter } from '../../protocol/byte-writer.ts'
import { LIMITS } from '../../runtime/limits.ts'
import { API_KEY, type BrokerVersions, negotiateVersion } from '../api-versions.ts'
import { brokerError } from '../kafka-error.ts'
import type { WireRequest, WireResponse } from '../wire-connection.ts'
import { authenticationFailed, quotedRemark } from './sasl-error.ts'

/** Sends a request of the authentication itself, past those that wait for its end. */
export type SaslSender = (request: WireRequest) => Promise<WireResponse>

/** A peer and how it is talked to. */
export interface SaslPeer {
  readonly broker: string
  readonly versions: BrokerVersions
  readonly send: SaslSender
}

const SASL_HANDSHAKE = {
  name: 'SaslHandshake',
  key: API_KEY.saslHandshake,
  ours: { min: 1, max: 1 },
} as const
const SASL_AUTHENTICATE = {
  name: 'SaslAuthenticate',
  key: API_KEY.saslAuthenticate,
  ours: { min: 0, max: 2 },
} as const
const FIRST_FLEXIBLE = 2
const FIRST_WITH_LIFETIME = 1
const UNSUPPORTED_SASL_MECHANISM = 33
const ILLEGAL_SASL_STATE = 34
const SASL_AUTHENTICATION_FAILED = 58

/** Tells the broker which mechanism follows. @throws KB_AUTHENTICATION_FAILED when it has no such, or no accounts at all */
export async function saslHandshake(peer: SaslPeer, mechanism: string): Promise<void> {
  const version = negotiateVersion(peer.versions, SASL_HANDSHAKE, peer.broker)
  const body = [new ByteWriter(32).string(mechanism).finish()]
  const response = await peer.send({ apiKey: SASL_HANDSHAKE.key, version, isFlexible: false, body })
  assertSmall(peer, response)
  const errorCode = response.reader.int16()
  const offered = response.reader.array((entry) => entry.string(), 2)
  response.release()
  if (errorCode === 0) return
  if (errorCode === UNSUPPORTED_SASL_MECHANISM) {
    const names = offered.map(quotedRemark).join(', ') || 'none'
    throw authenticationFailed(
      peer.broker,
      `the mechanism ${mechanism} is not offered; offered are: ${names}`,
      'Set sasl_mechanism to one that this listener offers.',
    )
  }
  if (errorCode === ILLEGAL_SASL_STATE) {
    throw authenticationFailed(
      peer.broker,
      'this listener has no accounts (no SASL)',
      'Connect to the SASL listener, or set security_protocol to SSL or PLAINTEXT.',
    )
  }
  throw brokerError(errorCode, 'SaslHandshake', { broker: peer.broker })
}

/** The broker's next message. `lifetimeMs` is 0 where the session does not end. */
export interface SaslAnswer {
  readonly message: Buffer
  readonly lifetimeMs: number
}

/** Hands over one message of ours. The refusal of an account is a value: who asks knows more about it. */
export async function saslAuthenticate(
  peer: SaslPeer,
  message: Uint8Array,
): Promise<SaslAnswer | { readonly refusal: string }> {
  const version = negotiateVersion(peer.versions, SASL_AUTHENTICATE, peer.broker)
  const isFlexible = version >= FIRST_FLEXIBLE
  const writer = new ByteWriter(message.length + 16)
  if (isFlexible) writer.compactByteString(message).taggedFields()
  else writer.byteString(message)
  const body = [writer.finish()]
  const response = await peer.send({ apiKey: SASL_AUTHENTICATE.key, version, isFlexible, body })
  assertSmall(peer, response)
  const { reader } = response
  const errorCode = reader.int16()
  const remark = isFlexible ? reader.compactNullableString() : reader.nullableString()
  if (errorCode === SASL_AUTHENTICATION_FAILED) {
    response.release()
    return { refusal: quotedRemark(remark ?? '') || 'no reason given' }
  }
  if (errorCode !== 0) throw brokerError(errorCode, 'SaslAuthenticate', { broker: peer.broker })
  const answer = Buffer.from(isFlexible ? reader.compactByteString() : reader.byteString())
  const lifetimeMs = version >= FIRST_WITH_LIFETIME ? Number(reader.int64()) : 0
  response.release()
  return { message: answer, lifetimeMs: Math.max(0, lifetimeMs) }
}

/** Before anything searches it: whoever answers here has proved nothing yet. */
function assertSmall({ broker }: SaslPeer, { reader }: WireResponse): void {
  if (reader.remaining <= LIMITS.saslAnswerMaxBytes) return
  throw new KafkaBackupError(
    'KB_LIMIT_EXCEEDED',
    `broker ${broker} answered an authentication with ${reader.remaining} bytes`,
  )
}
