import assert from 'node:assert/strict'
import { type BrokerLink, openBrokerLink } from '../../src/kafka/broker-connections.ts'
import type { NewTopic } from '../../src/kafka/cluster.ts'
import {
  type FetchedPartition,
  type FetchPartition,
  type FetchRequest,
  fetchBatches,
} from '../../src/kafka/fetch-api.ts'
import { BatchCursor } from '../../src/protocol/record-batch.ts'

/** One partition's part of an answer, with its bytes copied. */
export interface FetchedBytes extends FetchedPartition {
  readonly bytes: Buffer
}

/** Sizes in bytes. */
export interface FetchLimits {
  readonly isReadCommitted?: boolean
  readonly maxBytes?: number
  readonly partitionMaxBytes?: number
  readonly topicId?: string
  readonly leaderEpoch?: number
  readonly lastFetchedEpoch?: number
}

export function linkTo(port: number): Promise<BrokerLink> {
  return openBrokerLink({ host: '127.0.0.1', port }, { clientId: 'test' })
}

/** A topic to create; one partition and the broker's settings unless told otherwise. */
export function topicOf(
  name: string,
  settings: { partitions?: number; configs?: Record<string, string> } = {},
): NewTopic {
  const configs = new Map(Object.entries(settings.configs ?? {}))
  return { name, partitions: settings.partitions ?? 1, replicationFactor: -1, configs }
}

/** Fetches several partitions, of which `wanted` names topic, partition and offset. */
export async function fetchAll(
  link: BrokerLink,
  version: number,
  wanted: readonly (readonly [topic: string, partition: number, offset: bigint])[],
  limits: FetchLimits = {},
): Promise<FetchedBytes[]> {
  const partitions = wanted.map(
    ([topic, partition, fetchOffset]): FetchPartition => ({
      topic,
      topicId: limits.topicId ?? null,
      partition,
      fetchOffset,
      leaderEpoch: limits.leaderEpoch ?? -1,
      lastFetchedEpoch: limits.lastFetchedEpoch ?? -1,
      partitionMaxBytes: limits.partitionMaxBytes ?? 16 * 1024 * 1024,
    }),
  )
  const request: FetchRequest = {
    maxWaitMs: 100,
    minBytes: 1,
    maxBytes: limits.maxBytes ?? 64 * 1024 * 1024,
    isReadCommitted: limits.isReadCommitted ?? false,
    rackId: '',
    partitions,
  }
  const response = await fetchBatches(link.connection, version, request)
  const fetched = response.partitions.map((entry) => ({
    ...entry,
    bytes: Buffer.from(response.buffer.subarray(entry.begin, entry.end)),
  }))
  response.release()
  return fetched
}

/** Fetches one partition once. */
export async function fetchOne(
  link: BrokerLink,
  version: number,
  [topic, partition, offset]: readonly [topic: string, partition: number, offset: bigint],
  limits: FetchLimits = {},
): Promise<FetchedBytes> {
  const [fetched, ...others] = await fetchAll(link, version, [[topic, partition, offset]], limits)
  assert.equal(others.length, 0)
  assert.ok(fetched)
  assert.deepEqual([fetched.topic, fetched.partition], [topic, partition])
  return fetched
}

/** Whole batches in `bytes`: their ends, the offset behind the last one, and how much of a partial one follows. */
export function batchesIn(bytes: Buffer): { batches: Buffer[]; nextOffset: bigint; partialBytes: number } {
  const cursor = new BatchCursor(bytes)
  const batches: Buffer[] = []
  let nextOffset = -1n
  while (cursor.next()) {
    batches.push(cursor.bytes)
    nextOffset = cursor.lastOffset + 1n
  }
  return { batches, nextOffset, partialBytes: cursor.partialBytes }
}
