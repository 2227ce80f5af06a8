import { isKafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { ByteReader } from '../protocol/byte-reader.ts'
import { ByteWriter } from '../protocol/byte-writer.ts'
import { API_KEY, negotiateVersion } from './api-versions.ts'
import type { BrokerLink } from './broker-connections.ts'
import type { FinalizedFeature } from './cluster-facts.ts'
import { answerUnreadable, brokerError } from './kafka-error.ts'

/** Versions of ApiVersions that tell of features (KIP-584). */
const FEATURE_VERSIONS = { name: 'ApiVersions', key: API_KEY.apiVersions, ours: { min: 3, max: 4 } } as const
/** What we are to brokers, which take letters, digits, dots and dashes only. */
const SOFTWARE = 'kafka-backup'
const FINALIZED_TAG = 2
const RANGE_BYTES = 7

/**
 * Features that the cluster has finalized, ascending by name, as this broker knows them. Encoded by ourselves: the library would read
 * tagged fields without looking where they end. @throws KB_BROKER_UNSUPPORTED before Kafka 2.4, KB_BROKER_ERROR, KB_CLUSTER_UNREACHABLE
 */
export async function fetchFeatures({ connection, versions }: BrokerLink): Promise<FinalizedFeature[]> {
  const version = negotiateVersion(versions, FEATURE_VERSIONS, connection.broker)
  const response = await connection.request({
    apiKey: API_KEY.apiVersions,
    version,
    isFlexible: true,
    hasPlainAnswer: true,
    body: [new ByteWriter(32).compactString(SOFTWARE).compactString('1').taggedFields().finish()],
  })
  const { reader } = response
  try {
    const errorCode = reader.int16()
    if (errorCode !== 0) throw brokerError(errorCode, 'ApiVersions', { broker: connection.broker })
    return readFeatures(reader)
  } catch (error) {
    if (!isKafkaBackupError(error, 'KB_BATCH_CORRUPT')) throw error
    throw answerUnreadable(connection.broker, 'ApiVersions', error)
  } finally {
    response.release()
  }
}

/** The answer behind its error code. */
function readFeatures(reader: ByteReader): FinalizedFeature[] {
  reader.compactArray((entry) => {
    entry.skip(6)
    entry.skipTaggedFields()
  }, RANGE_BYTES)
  reader.int32()
  let features: FinalizedFeature[] = []
  reader.taggedFields((tag, field) => {
    if (tag !== FINALIZED_TAG) return
    features = field.compactArray((entry) => {
      const feature = { name: entry.compactString(), level: entry.int16() }
      entry.int16()
      entry.skipTaggedFields()
      return feature
    }, RANGE_BYTES)
  })
  return features.sort((a, b) => (a.name < b.name ? -1 : 1))
}
