import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { type BrokerVersions, fetchApiVersions } from './api-versions.ts'
import type { BrokerAddress } from './cluster.ts'
import type { ResponseBuffers } from './response-buffers.ts'
import { WireConnection } from './wire-connection.ts'

const CONNECT_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 60_000

/** A connection and what its broker speaks. */
export interface BrokerLink {
  readonly connection: WireConnection
  readonly versions: BrokerVersions
}

/** Opens a connection for large requests and learns the broker's versions. @throws KB_CLUSTER_UNREACHABLE */
export async function openBrokerLink(
  address: BrokerAddress | undefined,
  options: { readonly clientId: string; readonly buffers?: ResponseBuffers; readonly signal?: AbortSignal },
): Promise<BrokerLink> {
  if (!address) throw new KafkaBackupError('KB_BROKER_TRANSIENT', 'a partition has no reachable leader')
  const connection = await WireConnection.open({
    host: address.host,
    port: address.port,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    ...options,
  })
  const abandon = () => connection.close()
  options.signal?.addEventListener('abort', abandon, { once: true })
  if (options.signal?.aborted) abandon()
  try {
    return { connection, versions: await fetchApiVersions(connection) }
  } catch (error) {
    connection.close()
    throw error
  } finally {
    options.signal?.removeEventListener('abort', abandon)
  }
}
