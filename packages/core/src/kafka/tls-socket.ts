import { connect, isIP, type OnReadOpts, type Socket, type TcpNetConnectOpts } from 'node:net'
import {
  type ConnectionOptions,
  createSecureContext,
  getCACertificates,
  type SecureContext,
  connect as tlsConnect,
} from 'node:tls'
import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { TlsSecurity } from './security.ts'

/** Where a socket goes and who takes what it receives. */
export interface SocketTarget {
  readonly host: string
  readonly port: number
  readonly onread: OnReadOpts
}

const contexts = new WeakMap<TlsSecurity, SecureContext>()

/** A socket that begins to connect; `onReady` is called when data may be sent: for TLS, after the broker's proof. */
export function openSocket(target: SocketTarget, tls: TlsSecurity | null, onReady: () => void): Socket {
  if (tls === null) return connect({ ...target, noDelay: true }, onReady)
  // The types do not know of the first two, which Node takes as `net.connect` does.
  const options: ConnectionOptions & Pick<TcpNetConnectOpts, 'onread' | 'noDelay'> = {
    onread: target.onread,
    noDelay: true,
    host: target.host,
    port: target.port,
    secureContext: secureContextOf(tls),
    // Without it a name that is no address is not asked for, and brokers behind one address cannot choose.
    ...(isIP(target.host) === 0 ? { servername: target.host } : {}),
    ...(tls.verifiesHostname ? {} : { checkServerIdentity: () => undefined }),
  }
  return tlsConnect(options, onReady)
}

/**
 * Certificates and key, parsed once for all connections.
 * @throws KB_TLS_FAILED when a certificate, the key or its password is not what it should be
 */
export function secureContextOf(tls: TlsSecurity): SecureContext {
  const known = contexts.get(tls)
  if (known) return known
  const { identity } = tls
  try {
    const context = createSecureContext({
      ca: tls.trustedPem ?? systemAuthorities(),
      ...(identity
        ? {
            cert: identity.certificatePem,
            key: identity.keyPem.reveal(),
            ...(identity.keyPassword ? { passphrase: identity.keyPassword.reveal() } : {}),
          }
        : {}),
    })
    contexts.set(tls, context)
    return context
  } catch (error) {
    // OpenSSL's sentence names the step that failed and holds nothing of the key.
    throw new KafkaBackupError(
      'KB_TLS_FAILED',
      `the certificates or the key cannot be used: ${(error as Error).message}`,
      { cause: error },
    )
  }
}

/** Those of the system, where companies put their own, and those that come with Node. */
function systemAuthorities(): string[] {
  return [...new Set([...getCACertificates('default'), ...getCACertificates('system')])]
}
