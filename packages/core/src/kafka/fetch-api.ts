import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { ByteReader } from '../protocol/byte-reader.ts'
import { ByteWriter } from '../protocol/byte-writer.ts'
import { API_KEY, type BrokerVersions, negotiateVersion } from './api-versions.ts'
import { brokerError } from './kafka-error.ts'
import type { BrokerChannel } from './wire-connection.ts'

/** Versions of Fetch that this file encodes: 4 (KIP-98) to 13 (KIP-516), which names topics by their ids. */
export const FETCH = { name: 'Fetch', key: API_KEY.fetch, ours: { min: 4, max: 13 } } as const

const FIRST_FLEXIBLE = 12
const FIRST_WITH_TOPIC_IDS = 13
const TAG_DIVERGING_EPOCH = 0

/** What is wanted of one partition. Offsets as bigint, sizes in bytes; epochs are -1 when unknown. */
export interface FetchPartition {
  readonly topic: string
  /** Kafka's 22-character form; null keeps the request below version 13. */
  readonly topicId: string | null
  readonly partition: number
  readonly fetchOffset: bigint
  /** The leader's epoch by the metadata; a broker that knows another one refuses the partition (KIP-320). */
  readonly leaderEpoch: number
  /** Epoch of the last batch below `fetchOffset`; a leader whose history differs says so (KIP-595, version 12). */
  readonly lastFetchedEpoch: number
  readonly partitionMaxBytes: number
}

/** One Fetch request. `maxWaitMs` is how long the broker may wait for `minBytes`. */
export interface FetchRequest {
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly maxBytes: number
  readonly isReadCommitted: boolean
  readonly rackId: string
  readonly partitions: readonly FetchPartition[]
}

/** An aborted transaction that overlaps what was fetched (KIP-98). The list may be unsorted. */
export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: bigint
}

/** Where a leader's history parts from the reader's: the end of the largest epoch both may share. */
export interface DivergingEpoch {
  readonly leaderEpoch: number
  readonly endOffset: bigint
}

/** Answer for one partition; `begin` and `end` bound its batches in `buffer` (a partial one may be last). */
export interface FetchedPartition {
  readonly topic: string
  readonly partition: number
  readonly errorCode: number
  readonly highWatermark: bigint
  readonly lastStableOffset: bigint
  /** -1 before Fetch version 5. */
  readonly logStartOffset: bigint
  readonly aborted: readonly AbortedTransaction[]
  /** Broker to read this partition from because it is nearer (KIP-392); -1: this one. */
  readonly preferredReplica: number
  readonly diverging: DivergingEpoch | null
  readonly begin: number
  readonly end: number
}

/** A Fetch response. Its bytes are valid until `release`. */
export interface FetchResponse {
  readonly buffer: Buffer
  readonly throttleMs: number
  readonly partitions: readonly FetchedPartition[]
  release(): void
}

/** The version for these partitions: topics are named by id only when all ids are known. @throws KB_BROKER_UNSUPPORTED */
export function fetchVersion(
  versions: BrokerVersions,
  partitions: readonly { readonly topicId: string | null }[],
  broker: string,
): number {
  const hasIds = partitions.every(({ topicId }) => topicId !== null)
  const max = hasIds ? FETCH.ours.max : FIRST_WITH_TOPIC_IDS - 1
  return negotiateVersion(versions, { ...FETCH, ours: { min: FETCH.ours.min, max } }, broker)
}

/** Sends one Fetch. @throws KB_CLUSTER_UNREACHABLE, and what {@link brokerError} makes of an error of the whole request */
export async function fetchBatches(
  connection: BrokerChannel,
  version: number,
  request: FetchRequest,
): Promise<FetchResponse> {
  const isFlexible = version >= FIRST_FLEXIBLE
  const body = [encodeFetch(version, request)]
  const response = await connection.request({ apiKey: API_KEY.fetch, version, isFlexible, body })
  const { reader } = response
  const throttleMs = reader.int32()
  if (version >= 7) {
    const errorCode = reader.int16()
    reader.int32()
    if (errorCode !== 0) throw brokerError(errorCode, 'Fetch', { broker: connection.broker })
  }
  const partitions = decodeTopics(reader, version, request)
  return { buffer: reader.bytes, throttleMs, partitions, release: response.release }
}

/** Body of a Fetch request; exported for tests. */
export function encodeFetch(version: number, request: FetchRequest): Buffer {
  const isFlexible = version >= FIRST_FLEXIBLE
  const writer = new ByteWriter(64 + request.partitions.length * 64)
  writer.int32(-1).int32(request.maxWaitMs).int32(request.minBytes).int32(request.maxBytes)
  writer.int8(request.isReadCommitted ? 1 : 0)
  // Session 0 with epoch -1: a full request outside of any fetch session (KIP-227).
  if (version >= 7) writer.int32(0).int32(-1)
  const topics = groupByTopic(request.partitions)
  const writeTopic = (_: ByteWriter, [topic, partitions]: readonly [string, FetchPartition[]]) => {
    if (version >= FIRST_WITH_TOPIC_IDS) writer.uuid(topicIdBytes(partitions[0]?.topicId ?? null))
    else if (isFlexible) writer.compactString(topic)
    else writer.string(topic)
    const writePartition = (__: ByteWriter, entry: FetchPartition) => encodePartition(writer, version, entry)
    if (isFlexible) writer.compactArray(partitions, writePartition).taggedFields()
    else writer.array(partitions, writePartition)
  }
  if (isFlexible) writer.compactArray(topics, writeTopic).compactArray([], () => undefined)
  else {
    writer.array(topics, writeTopic)
    if (version >= 7) writer.array([], () => undefined)
  }
  if (isFlexible) writer.compactString(request.rackId).taggedFields()
  else if (version >= 11) writer.string(request.rackId)
  return writer.finish()
}

function encodePartition(writer: ByteWriter, version: number, entry: FetchPartition): void {
  writer.int32(entry.partition)
  if (version >= 9) writer.int32(entry.leaderEpoch)
  writer.int64(entry.fetchOffset)
  if (version >= 12) writer.int32(entry.lastFetchedEpoch)
  if (version >= 5) writer.int64(-1n)
  writer.int32(entry.partitionMaxBytes)
  if (version >= FIRST_FLEXIBLE) writer.taggedFields()
}

function groupByTopic(partitions: readonly FetchPartition[]): [string, FetchPartition[]][] {
  const topics = new Map<string, FetchPartition[]>()
  for (const entry of partitions) {
    const group = topics.get(entry.topic)
    if (group) group.push(entry)
    else topics.set(entry.topic, [entry])
  }
  return [...topics]
}

/** The 16 bytes of a topic id; zeros stand for none. */
function topicIdBytes(topicId: string | null): Buffer {
  const bytes = Buffer.from(topicId ?? '', 'base64url')
  return bytes.length === 16 ? bytes : Buffer.alloc(16)
}

function decodeTopics(reader: ByteReader, version: number, request: FetchRequest): FetchedPartition[] {
  const isFlexible = version >= FIRST_FLEXIBLE
  const nameById =
    version >= FIRST_WITH_TOPIC_IDS
      ? new Map(request.partitions.map(({ topicId, topic }) => [topicId, topic]))
      : undefined
  const readTopic = (): string => {
    if (!nameById) return isFlexible ? reader.compactString() : reader.string()
    const topicId = reader.uuid().toString('base64url')
    const name = nameById.get(topicId)
    if (name !== undefined) return name
    throw new KafkaBackupError(
      'KB_BROKER_ERROR',
      `Fetch: the broker answered for a topic that was not asked for (${topicId})`,
    )
  }
  const fetched: FetchedPartition[] = []
  const topicCount = isFlexible ? reader.compactArrayLength(4) : reader.arrayLength(6)
  for (let at = 0; at < topicCount; at++) {
    const topic = readTopic()
    const partitionCount = isFlexible ? reader.compactArrayLength(20) : reader.arrayLength(26)
    for (let index = 0; index < partitionCount; index++) fetched.push(decodePartition(reader, version, topic))
    if (isFlexible) reader.skipTaggedFields()
  }
  return fetched
}

function decodePartition(reader: ByteReader, version: number, topic: string): FetchedPartition {
  const isFlexible = version >= FIRST_FLEXIBLE
  const partition = reader.int32()
  const errorCode = reader.int16()
  const highWatermark = reader.int64()
  const lastStableOffset = reader.int64()
  const logStartOffset = version >= 5 ? reader.int64() : -1n
  const decodeAborted = (entry: ByteReader): AbortedTransaction => {
    const aborted = { producerId: entry.int64(), firstOffset: entry.int64() }
    if (isFlexible) entry.skipTaggedFields()
    return aborted
  }
  const aborted = isFlexible
    ? reader.compactNullableArray(decodeAborted, 17)
    : reader.nullableArray(decodeAborted, 16)
  const preferredReplica = version >= 11 ? reader.int32() : -1
  const recordBytes = isFlexible ? reader.unsignedVarint() - 1 : reader.int32()
  const begin = recordBytes > 0 ? reader.skip(recordBytes) : reader.position
  const end = reader.position
  const diverging = isFlexible ? decodeDiverging(reader) : null
  return {
    topic,
    partition,
    errorCode,
    highWatermark,
    lastStableOffset,
    logStartOffset,
    aborted: aborted ?? [],
    preferredReplica,
    diverging,
    begin,
    end,
  }
}

function decodeDiverging(reader: ByteReader): DivergingEpoch | null {
  let diverging: DivergingEpoch | null = null
  reader.taggedFields((tag, field) => {
    if (tag === TAG_DIVERGING_EPOCH) diverging = { leaderEpoch: field.int32(), endOffset: field.int64() }
  })
  return diverging
}
