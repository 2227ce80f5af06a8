import { ByteReader, ByteWriter, type WireRequest } from '@kafka-backup/core/internal'

/** What a Fetch request asks of one partition, as a broker decodes it. Topics by name below version 13, by id from there on. */
export interface AskedPartition {
  readonly topic: string
  readonly partition: number
  readonly currentLeaderEpoch: number
  readonly fetchOffset: bigint
  readonly lastFetchedEpoch: number
  readonly partitionMaxBytes: number
}

/** A decoded Fetch request. */
export interface AskedFetch {
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly maxBytes: number
  readonly isReadCommitted: boolean
  readonly partitions: readonly AskedPartition[]
}

/** What a broker says of one partition. */
export interface PartitionSays {
  readonly topic: string
  readonly partition: number
  readonly errorCode: number
  readonly highWatermark: bigint
  readonly lastStableOffset: bigint
  readonly logStartOffset: bigint
  readonly aborted: readonly { readonly producerId: bigint; readonly firstOffset: bigint }[]
  readonly diverging: { readonly leaderEpoch: number; readonly endOffset: bigint } | null
  readonly batches: Buffer
}

const FLEXIBLE = 12
const WITH_IDS = 13
const UUID_BYTES = 16

/** The broker's side of https://kafka.apache.org/protocol, Fetch versions 4 to 13. */
export function decodeFetch({ version, body }: WireRequest): AskedFetch {
  const reader = new ByteReader(Buffer.concat(body))
  const isFlexible = version >= FLEXIBLE
  reader.int32()
  const [maxWaitMs, minBytes, maxBytes] = [reader.int32(), reader.int32(), reader.int32()]
  const isReadCommitted = reader.int8() === 1
  if (version >= 7) reader.skip(8)
  const partitions: AskedPartition[] = []
  const topics = isFlexible ? reader.compactArrayLength() : reader.arrayLength()
  for (let at = 0; at < topics; at++) {
    const topic =
      version >= WITH_IDS
        ? reader.raw(UUID_BYTES).toString('base64url')
        : isFlexible
          ? reader.compactString()
          : reader.string()
    const count = isFlexible ? reader.compactArrayLength() : reader.arrayLength()
    for (let index = 0; index < count; index++) partitions.push(decodePartition(reader, version, topic))
    if (isFlexible) reader.skipTaggedFields()
  }
  return { maxWaitMs, minBytes, maxBytes, isReadCommitted, partitions }
}

function decodePartition(reader: ByteReader, version: number, topic: string): AskedPartition {
  const partition = reader.int32()
  const currentLeaderEpoch = version >= 9 ? reader.int32() : -1
  const fetchOffset = reader.int64()
  const lastFetchedEpoch = version >= FLEXIBLE ? reader.int32() : -1
  if (version >= 5) reader.int64()
  const partitionMaxBytes = reader.int32()
  if (version >= FLEXIBLE) reader.skipTaggedFields()
  return { topic, partition, currentLeaderEpoch, fetchOffset, lastFetchedEpoch, partitionMaxBytes }
}

/** The body of an answer, behind its header. */
export function encodeFetchAnswer(version: number, answers: readonly PartitionSays[]): Buffer {
  const isFlexible = version >= FLEXIBLE
  const writer = new ByteWriter(256)
  writer.int32(0)
  if (version >= 7) writer.int16(0).int32(0)
  const topics = [...Map.groupBy(answers, ({ topic }) => topic)]
  const writeTopic = (_: ByteWriter, [topic, partitions]: readonly [string, PartitionSays[]]): void => {
    if (version >= WITH_IDS) writer.uuid(Buffer.from(topic, 'base64url'))
    else if (isFlexible) writer.compactString(topic)
    else writer.string(topic)
    const writePartition = (__: ByteWriter, says: PartitionSays) => encodePartition(writer, version, says)
    if (isFlexible) writer.compactArray(partitions, writePartition).taggedFields()
    else writer.array(partitions, writePartition)
  }
  if (isFlexible) writer.compactArray(topics, writeTopic).taggedFields()
  else writer.array(topics, writeTopic)
  return writer.finish()
}

function encodePartition(writer: ByteWriter, version: number, says: PartitionSays): void {
  const isFlexible = version >= FLEXIBLE
  writer.int32(says.partition).int16(says.errorCode).int64(says.highWatermark).int64(says.lastStableOffset)
  if (version >= 5) writer.int64(says.logStartOffset)
  const writeAborted = (_: ByteWriter, entry: PartitionSays['aborted'][number]): void => {
    writer.int64(entry.producerId).int64(entry.firstOffset)
    if (isFlexible) writer.taggedFields()
  }
  if (isFlexible) writer.compactArray(says.aborted, writeAborted)
  else writer.array(says.aborted, writeAborted)
  if (version >= 11) writer.int32(-1)
  if (isFlexible) writer.compactByteString(says.batches)
  else writer.byteString(says.batches)
  if (!isFlexible) return
  const { diverging } = says
  const value = () =>
    new ByteWriter(16).int32(diverging!.leaderEpoch).int64(diverging!.endOffset).taggedFields().finish()
  writer.taggedFields(diverging ? [{ tag: 0, value: value() }] : [])
}
