import type { ByteReader } from '../protocol/byte-reader.ts'
import { ByteWriter } from '../protocol/byte-writer.ts'
import { API_KEY, negotiateVersion } from './api-versions.ts'
import type { BrokerLink } from './broker-connections.ts'
import type { TopicPartition } from './cluster.ts'

/** Versions of WriteTxnMarkers that this file encodes: 0 (KIP-98) and 1, which has tagged fields. */
export const WRITE_TXN_MARKERS = {
  name: 'WriteTxnMarkers',
  key: API_KEY.writeTxnMarkers,
  ours: { min: 0, max: 1 },
} as const

/** The same marker for one partition, several times. */
export interface MarkerSeries extends TopicPartition {
  readonly producerId: bigint
  readonly count: number
}

const EPOCH = 0
const COORDINATOR_EPOCH = 0
const FLEXIBLE_FROM = 1
const IS_COMMIT = true

/**
 * Has a leader append commit markers of a producer. Each one takes an offset of the partition. Resolves with the first error code
 * that the broker names, 0 when there is none; a request without an answer may have been done in part.
 */
export async function writeTxnMarkers(
  { connection, versions }: BrokerLink,
  series: MarkerSeries,
): Promise<number> {
  const version = negotiateVersion(versions, WRITE_TXN_MARKERS, connection.broker)
  const isFlexible = version >= FLEXIBLE_FROM
  const response = await connection.request({
    apiKey: API_KEY.writeTxnMarkers,
    version,
    isFlexible,
    body: [encodeMarkers(series, isFlexible)],
  })
  const codes = isFlexible ? decodeFlexible(response.reader) : decodeClassic(response.reader)
  response.release()
  return codes.find((code) => code !== 0) ?? 0
}

/** Body of the request; exported for tests. */
export function encodeMarkers(series: MarkerSeries, isFlexible: boolean): Buffer {
  const marker = isFlexible ? flexibleMarker(series) : classicMarker(series)
  const writer = new ByteWriter(8 + marker.length * series.count)
  if (isFlexible) writer.unsignedVarint(series.count + 1)
  else writer.int32(series.count)
  for (let at = 0; at < series.count; at++) writer.raw(marker)
  return (isFlexible ? writer.unsignedVarint(0) : writer).finish()
}

function classicMarker({ topic, partition, producerId }: MarkerSeries): Buffer {
  return new ByteWriter(64)
    .int64(producerId)
    .int16(EPOCH)
    .boolean(IS_COMMIT)
    .int32(1)
    .string(topic)
    .int32(1)
    .int32(partition)
    .int32(COORDINATOR_EPOCH)
    .finish()
}

function flexibleMarker({ topic, partition, producerId }: MarkerSeries): Buffer {
  return new ByteWriter(64)
    .int64(producerId)
    .int16(EPOCH)
    .boolean(IS_COMMIT)
    .unsignedVarint(2)
    .compactString(topic)
    .unsignedVarint(2)
    .int32(partition)
    .unsignedVarint(0)
    .int32(COORDINATOR_EPOCH)
    .unsignedVarint(0)
    .finish()
}

function decodeClassic(reader: ByteReader): number[] {
  const markers = reader.array((marker) => {
    marker.int64()
    return marker.array((topic) => {
      topic.string()
      return topic.array((entry) => [entry.int32(), entry.int16()] as const, 6)
    }, 6)
  }, 12)
  return markers.flat(2).map(([, errorCode]) => errorCode)
}

function decodeFlexible(reader: ByteReader): number[] {
  const codes: number[] = []
  const markers = reader.compactArrayLength(9)
  for (let marker = 0; marker < markers; marker++) {
    reader.int64()
    const topics = reader.compactArrayLength(3)
    for (let topic = 0; topic < topics; topic++) {
      reader.compactString()
      const partitions = reader.compactArrayLength(7)
      for (let entry = 0; entry < partitions; entry++) {
        reader.int32()
        codes.push(reader.int16())
        reader.skipTaggedFields()
      }
      reader.skipTaggedFields()
    }
    reader.skipTaggedFields()
  }
  return codes
}
