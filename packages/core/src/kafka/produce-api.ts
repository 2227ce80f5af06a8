import type { ByteReader } from '../protocol/byte-reader.ts'
import { ByteWriter } from '../protocol/byte-writer.ts'
import { API_KEY } from './api-versions.ts'
import type { BrokerChannel } from './wire-connection.ts'

/** Versions of Produce that this file encodes: 3 (KIP-98) to 8 (KIP-467). */
export const PRODUCE = { name: 'Produce', key: API_KEY.produce, ours: { min: 3, max: 8 } } as const

/** One batch for one partition; a broker refuses two for the same partition in one request (error 87, tried). */
export interface ProducePartition {
  readonly topic: string
  readonly partition: number
  readonly batch: Uint8Array
}

/** Answer for one partition. */
export interface ProducedPartition {
  readonly topic: string
  readonly partition: number
  readonly errorCode: number
  /** Offset of the first record on the target; of the first attempt when the broker recognised a repetition. */
  readonly baseOffset: bigint
  readonly errorMessage: string | null
}

/** What a Produce request says beside its batches. */
export interface ProduceOptions {
  /** How long the replicas may take. */
  readonly timeoutMs: number
  /** Whose open transaction the batches belong to; null: to none. */
  readonly transactionalId: string | null
}

/** Sends batches with acks=all. Batches are written without being copied. */
export async function produceBatches(
  connection: BrokerChannel,
  version: number,
  partitions: readonly ProducePartition[],
  options: ProduceOptions,
): Promise<ProducedPartition[]> {
  const body = encodeProduce(partitions, options)
  const response = await connection.request({ apiKey: API_KEY.produce, version, isFlexible: false, body })
  const produced = decodeProduce(response.reader, version)
  response.release()
  return produced
}

/** Body of a Produce request as chunks of which some are the batches themselves; exported for tests. */
export function encodeProduce(
  partitions: readonly ProducePartition[],
  { timeoutMs, transactionalId }: ProduceOptions,
): Uint8Array[] {
  const topics = new Map<string, ProducePartition[]>()
  for (const entry of partitions) topics.set(entry.topic, [...(topics.get(entry.topic) ?? []), entry])
  const chunks: Uint8Array[] = []
  let writer = new ByteWriter(64)
  writer.string(transactionalId).int16(-1).int32(timeoutMs).int32(topics.size)
  for (const [topic, entries] of topics) {
    writer.string(topic).int32(entries.length)
    for (const entry of entries) {
      chunks.push(writer.int32(entry.partition).int32(entry.batch.length).finish(), entry.batch)
      writer = new ByteWriter(64)
    }
  }
  if (writer.length > 0) chunks.push(writer.finish())
  return chunks
}

function decodeProduce(reader: ByteReader, version: number): ProducedPartition[] {
  const topics = reader.array((entry) => {
    const topic = entry.string()
    return entry.array((partition) => decodePartition(partition, version, topic), 22)
  }, 6)
  return topics.flat()
}

function decodePartition(reader: ByteReader, version: number, topic: string): ProducedPartition {
  const partition = reader.int32()
  const errorCode = reader.int16()
  const baseOffset = reader.int64()
  reader.int64()
  if (version >= 5) reader.int64()
  let errorMessage: string | null = null
  if (version >= 8) {
    reader.array((entry) => [entry.int32(), entry.nullableString()], 6)
    errorMessage = reader.nullableString()
  }
  return { topic, partition, errorCode, baseOffset, errorMessage }
}
