import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { brokerError } from './kafka-error.ts'
import type { BrokerChannel } from './wire-connection.ts'

/** Keys of the requests that we encode ourselves. */
export const API_KEY = {
  produce: 0,
  fetch: 1,
  apiVersions: 18,
  initProducerId: 22,
  writeTxnMarkers: 27,
  saslHandshake: 17,
  saslAuthenticate: 36,
} as const

/** Inclusive range of versions of one request. */
export interface VersionRange {
  readonly min: number
  readonly max: number
}

/** What a broker supports, by API key. */
export type BrokerVersions = ReadonlyMap<number, VersionRange>

/** Asks a broker which versions it speaks. Version 0 is answered by every broker since 0.10 (KIP-35). */
export async function fetchApiVersions(connection: BrokerChannel): Promise<BrokerVersions> {
  const response = await connection.request({
    apiKey: API_KEY.apiVersions,
    version: 0,
    isFlexible: false,
    body: [],
  })
  const { reader } = response
  const errorCode = reader.int16()
  if (errorCode !== 0) throw brokerError(errorCode, 'ApiVersions', { broker: connection.broker })
  const ranges = reader.array(
    (entry) => [entry.int16(), { min: entry.int16(), max: entry.int16() }] as const,
    6,
  )
  response.release()
  return new Map(ranges)
}

/** The newest version both sides know. @throws KB_BROKER_UNSUPPORTED */
export function negotiateVersion(
  versions: BrokerVersions,
  api: { readonly name: string; readonly key: number; readonly ours: VersionRange },
  broker: string,
): number {
  const theirs = versions.get(api.key)
  const version = theirs ? Math.min(theirs.max, api.ours.max) : -1
  if (!theirs || version < Math.max(theirs.min, api.ours.min)) {
    const offered = theirs ? `${theirs.min} to ${theirs.max}` : 'none'
    throw new KafkaBackupError(
      'KB_BROKER_UNSUPPORTED',
      `broker ${broker} offers ${offered} of ${api.name}; this program speaks ${api.ours.min} to ${api.ours.max}`,
      { context: { broker } },
    )
  }
  return version
}
