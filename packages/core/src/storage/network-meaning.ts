import { denied, impossible, type Meaning, passing } from './error-meaning.ts'

const TRUST_HINT = 'Trust the authority of the server: NODE_EXTRA_CA_CERTS=ca.pem, or correct the endpoint.'
const CLOCK_HINT = 'Set the clock of this machine right, or have the certificate of the server renewed.'
const CLIENT_HINT =
  'kafka-backup shows no certificate to a store: let it in without one, or through a proxy that has one.'
const SCHEME_HINT =
  'If it stays so, look at the endpoint: the server may speak http where https is asked for, or be no store at all.'

const BROKE = passing('the connection broke')
const UNTRUSTED = denied('the certificate of the server is not trusted', TRUST_HINT)
const UNENCRYPTED: Meaning = { ...passing('the encrypted connection broke'), hint: SCHEME_HINT }

/** Codes of sockets, of names, and of Node's streams and its HTTP client. */
const SOCKET_MEANINGS: ReadonlyMap<string, Meaning> = new Map(
  Object.entries({
    ETIMEDOUT: passing('the store does not answer'),
    ECONNREFUSED: passing('nothing answers at this address'),
    ECONNRESET: BROKE,
    ECONNABORTED: BROKE,
    EPIPE: BROKE,
    ENOTCONN: BROKE,
    ENETRESET: BROKE,
    ERR_STREAM_PREMATURE_CLOSE: BROKE,
    UND_ERR_SOCKET: BROKE,
    ENOTFOUND: passing('the name of the server is not known'),
    EAI_AGAIN: passing('the name of the server cannot be looked up now'),
    EAI_FAIL: passing('the name of the server cannot be looked up now'),
    EHOSTUNREACH: passing('the server cannot be reached'),
    EHOSTDOWN: passing('the server cannot be reached'),
    ENETUNREACH: passing('the network cannot be reached'),
    ENETDOWN: passing('the network cannot be reached'),
    EADDRNOTAVAIL: passing('this machine has no free port'),
    ENOBUFS: passing('this machine has no room for more connections'),
    EMFILE: passing('this machine has no room for more connections'),
    ENFILE: passing('this machine has no room for more connections'),
    EPROTO: UNENCRYPTED,
  }),
)

const CERTIFICATE_MEANINGS: ReadonlyMap<string, Meaning> = new Map(
  Object.entries({
    DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
    SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
    CERT_HAS_EXPIRED: denied('the certificate of the server has expired', CLOCK_HINT),
    CERT_NOT_YET_VALID: denied('the certificate of the server is not valid yet', CLOCK_HINT),
    ERR_TLS_CERT_ALTNAME_INVALID: denied('the certificate is for another server', TRUST_HINT),
    HOSTNAME_MISMATCH: denied('the certificate is for another server', TRUST_HINT),
    INVALID_CA: UNTRUSTED,
  }),
)
/** Other verdicts of OpenSSL on a certificate. */
const VERDICT = /^(?:CERT|UNABLE_TO)_[A-Z_]+$/
/** Alerts with which a server says, after the handshake or in it, that it wants a certificate of the client. */
const CLIENT_WANTED = /^ERR_SSL_(?:TLSV13_ALERT_CERTIFICATE_REQUIRED|SSLV3_ALERT_BAD_CERTIFICATE)$/
/** No common version or cipher: another try ends in the same way. */
const NOTHING_COMMON =
  /^ERR_SSL_(?:TLSV1_ALERT_PROTOCOL_VERSION|SSLV3_ALERT_HANDSHAKE_FAILURE|UNSUPPORTED_PROTOCOL|NO_CIPHERS_AVAILABLE|NO_PROTOCOLS_AVAILABLE)$/

/**
 * What a failure below HTTP means, by its code; the same for every store. What came broken, or not at all, may come right the next time:
 * that goes for TLS too, where a flipped bit, a server that restarts, and one that speaks something else all end in an error of OpenSSL.
 * undefined: no code of a network.
 */
export function networkMeaning(code: string): Meaning | undefined {
  const known = SOCKET_MEANINGS.get(code) ?? CERTIFICATE_MEANINGS.get(code)
  if (known) return known
  if (VERDICT.test(code)) return UNTRUSTED
  if (CLIENT_WANTED.test(code)) return denied('the server wants a certificate of its client', CLIENT_HINT)
  if (NOTHING_COMMON.test(code)) {
    return impossible('the server speaks no version of TLS that this program speaks', SCHEME_HINT)
  }
  if (code.startsWith('ERR_SSL_')) return UNENCRYPTED
  // What Node's parser says of an answer that is none.
  return code.startsWith('HPE_') ? { ...passing('the answer is no HTTP'), hint: SCHEME_HINT } : undefined
}
