import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { type BrokerVersions, fetchApiVersions } from './api-versions.ts'
import type { BrokerAddress } from './cluster.ts'
import type { ResponseBuffers } from './response-buffers.ts'
import { authenticate } from './sasl/authenticate.ts'
import { SessionRenewal } from './sasl/session-renewal.ts'
import type { ClusterSecurity, SaslSecurity } from './security.ts'
import { type BrokerChannel, WireConnection, type WireRequest } from './wire-connection.ts'

const CONNECT_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 60_000

/** A connection and what its broker speaks. */
export interface BrokerLink {
  readonly connection: BrokerChannel
  readonly versions: BrokerVersions
}

/** Who connects, and how the connection is secured. */
export interface BrokerLinkOptions {
  readonly clientId: string
  readonly buffers?: ResponseBuffers
  readonly signal?: AbortSignal
  /** Absent: a plain connection without an account. */
  readonly security?: ClusterSecurity | undefined
}

/** How a broker is connected to; see {@link openBrokerLink}. */
export type OpenBrokerLink = (
  address: BrokerAddress | undefined,
  options: BrokerLinkOptions,
) => Promise<BrokerLink>

/**
 * Opens a connection for large requests, learns the broker's versions and proves the account. Sessions that end are renewed
 * before the request that would come too late; such requests wait for it.
 * @throws KB_CLUSTER_UNREACHABLE, KB_TLS_FAILED, KB_AUTHENTICATION_FAILED
 */
export async function openBrokerLink(
  address: BrokerAddress | undefined,
  options: BrokerLinkOptions,
): Promise<BrokerLink> {
  if (!address) throw new KafkaBackupError('KB_BROKER_TRANSIENT', 'a partition has no reachable leader')
  const { clientId, buffers, signal, security } = options
  const connection = await WireConnection.open({
    host: address.host,
    port: address.port,
    clientId,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    tls: security?.tls ?? null,
    ...(buffers ? { buffers } : {}),
    ...(signal ? { signal } : {}),
  })
  const abandon = () => connection.close()
  signal?.addEventListener('abort', abandon, { once: true })
  if (signal?.aborted) abandon()
  try {
    const versions = await fetchApiVersions(connection)
    if (security?.sasl) await beginSession(connection, versions, security.sasl, signal)
    return { connection, versions }
  } catch (error) {
    connection.close()
    throw error
  } finally {
    signal?.removeEventListener('abort', abandon)
  }
}

async function beginSession(
  connection: WireConnection,
  versions: BrokerVersions,
  sasl: SaslSecurity,
  signal: AbortSignal | undefined,
): Promise<void> {
  const peer = {
    broker: connection.broker,
    versions,
    send: (request: WireRequest) => connection.sendAhead(request),
  }
  const renewal = new SessionRenewal()
  const prove = async (): Promise<void> => renewal.began(await authenticate(peer, sasl, signal))
  await prove()
  const proveAgain = async (): Promise<void> => {
    try {
      await prove()
    } catch (error) {
      // A run that ends is no failure of the account.
      if (signal?.aborted) connection.close()
      throw error
    }
  }
  connection.admitWith(() => (renewal.isDue ? proveAgain() : null))
}
