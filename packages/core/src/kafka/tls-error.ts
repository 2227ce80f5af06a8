import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { unreachable } from './kafka-error.ts'
import type { TlsSecurity } from './security.ts'

interface TlsRefusal {
  readonly says: string
  readonly hint: string
}

const TRUST_HINT = 'Name the certificate of the authority that signed it in ssl_ca_location.'
const DATE_HINT = 'Renew the certificate of the broker, or correct the clock of this machine.'
const PROTOCOL_HINT =
  'Check the port: the listener may not speak TLS (then set security_protocol to PLAINTEXT or SASL_PLAINTEXT).'
const UNKNOWN_AUTHORITY: TlsRefusal = {
  says: 'its certificate is signed by an authority that is not trusted',
  hint: TRUST_HINT,
}
const SELF_SIGNED: TlsRefusal = {
  says: 'its certificate is self-signed and not among those that are trusted',
  hint: TRUST_HINT,
}
const NO_TLS: TlsRefusal = { says: 'it does not answer in TLS', hint: PROTOCOL_HINT }
const NO_COMMON_VERSION: TlsRefusal = {
  says: 'the two sides have no TLS version or cipher in common',
  hint: 'Allow TLS 1.2 or 1.3 on the broker.',
}

/** By the codes of Node and OpenSSL: what we do not like about the broker. */
const REFUSALS: ReadonlyMap<string, TlsRefusal> = new Map([
  ['CERT_HAS_EXPIRED', { says: 'its certificate, or that of its authority, has expired', hint: DATE_HINT }],
  ['CERT_NOT_YET_VALID', { says: 'its certificate is not valid yet', hint: DATE_HINT }],
  ['CERT_REVOKED', { says: 'its certificate was revoked', hint: 'Renew the certificate of the broker.' }],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', UNKNOWN_AUTHORITY],
  ['UNABLE_TO_GET_ISSUER_CERT', UNKNOWN_AUTHORITY],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', UNKNOWN_AUTHORITY],
  ['CERT_SIGNATURE_FAILURE', UNKNOWN_AUTHORITY],
  ['CERT_UNTRUSTED', UNKNOWN_AUTHORITY],
  ['SELF_SIGNED_CERT_IN_CHAIN', SELF_SIGNED],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', SELF_SIGNED],
  ['ERR_SSL_WRONG_VERSION_NUMBER', NO_TLS],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', NO_TLS],
  ['ERR_SSL_UNSUPPORTED_PROTOCOL', NO_COMMON_VERSION],
])

const VERSION_ALERT = /_ALERT_PROTOCOL_VERSION$/
/**
 * Alerts with which a broker refuses our certificate, or that there is none. TLS 1.3 sends them after the handshake. What stands
 * before "ALERT" differs between versions of OpenSSL.
 */
const CERTIFICATE_ALERT =
  /_ALERT_(?:CERTIFICATE_REQUIRED|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN|CERTIFICATE_EXPIRED|UNSUPPORTED_CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE|ACCESS_DENIED)$/

/** A socket's error as one of ours: refusals of TLS are not worth another try, whatever else breaks a connection is. */
export function connectionError(
  broker: string,
  error: NodeJS.ErrnoException,
  tls: TlsSecurity | null,
): KafkaBackupError {
  const code = error.code ?? ''
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return tlsFailed(broker, wrongName(error), error)
  }
  const refusal = VERSION_ALERT.test(code) ? NO_COMMON_VERSION : REFUSALS.get(code)
  if (refusal) return tlsFailed(broker, refusal, error)
  if (CERTIFICATE_ALERT.test(code)) return tlsFailed(broker, refusedIdentity(tls, code), error)
  if (code.startsWith('ERR_SSL_')) {
    return tlsFailed(broker, { says: `TLS failed (${code})`, hint: PROTOCOL_HINT }, error)
  }
  if (tls !== null && /before secure TLS connection/.test(error.message)) {
    return closedInHandshake(broker, error)
  }
  return unreachable(broker, error.message, error)
}

/** A plain connection that is answered with a TLS alert. */
export function tlsWanted(broker: string): KafkaBackupError {
  return tlsFailed(broker, {
    says: 'this listener speaks TLS only',
    hint: 'Set security_protocol to SSL or SASL_SSL, or use the port of another listener.',
  })
}

/** The broker hung up. `isNew`: before anything but the versions was answered, as listeners do to strangers. */
export function closedByBroker(broker: string, isNew: boolean): KafkaBackupError {
  if (!isNew) return unreachable(broker, 'the broker closed the connection')
  return new KafkaBackupError(
    'KB_CLUSTER_UNREACHABLE',
    `broker ${broker}: the broker closed the connection`,
    {
      context: { broker },
      hint: 'If it does so every time, the listener wants TLS or an account: check security_protocol.',
    },
  )
}

/** A restarting broker does that too, so it is worth another try. */
function closedInHandshake(broker: string, cause: Error): KafkaBackupError {
  const reason = 'the broker closed the connection instead of answering in TLS'
  return new KafkaBackupError('KB_CLUSTER_UNREACHABLE', `broker ${broker}: ${reason}`, {
    context: { broker },
    hint: PROTOCOL_HINT,
    cause,
  })
}

function wrongName(error: Error): TlsRefusal {
  const { host, cert } = error as Error & { host?: unknown; cert?: { subjectaltname?: unknown } }
  const names = cert?.subjectaltname
  const madeOut = typeof names === 'string' && names !== '' ? `, only to ${names}` : ''
  return {
    says: `its certificate is not made out to ${String(host)}${madeOut}`,
    hint: 'Use a name of the certificate in bootstrap_servers and advertised.listeners, or set ssl_verify_hostname to false.',
  }
}

function refusedIdentity(tls: TlsSecurity | null, code: string): TlsRefusal {
  if (tls?.identity) {
    return {
      says: `it refused our certificate (${code})`,
      hint: 'Check that the broker trusts the authority of ssl_certificate_location, and that it has not expired.',
    }
  }
  return {
    says: 'it wants a certificate of the account, and there is none',
    hint: 'Set ssl_certificate_location and ssl_key_location.',
  }
}

function tlsFailed(broker: string, refusal: TlsRefusal, cause?: unknown): KafkaBackupError {
  return new KafkaBackupError('KB_TLS_FAILED', `broker ${broker}: ${refusal.says}`, {
    context: { broker },
    hint: refusal.hint,
    ...(cause === undefined ? {} : { cause }),
  })
}
