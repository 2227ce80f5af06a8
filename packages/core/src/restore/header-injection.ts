import type { KafkaRecord } from '../protocol/record.ts'
import type { RecordInput } from '../protocol/record-batch-builder.ts'
import type { HeaderPlan } from './restore-request.ts'

const NAMES = {
  offset: 'x-original-offset',
  timestamp: 'x-original-timestamp',
  partition: 'x-source-partition',
  cluster: 'x-source-cluster',
} as const

const STRIPPED: ReadonlySet<string> = new Set(Object.values(NAMES))
const OFFSET_NAME = Buffer.from(NAMES.offset)
const TIMESTAMP_NAME = Buffer.from(NAMES.timestamp)
const PARTITION_NAME = Buffer.from(NAMES.partition)
const CLUSTER_NAME = Buffer.from(NAMES.cluster)

/** True when records are written with other headers than they had. */
export function changesHeaders(headers: HeaderPlan): boolean {
  return headers.isAdding || headers.isStripping
}

/**
 * The record with the headers that the plan wants. What is added stands behind the record's own headers: offset and timestamp as
 * 64-bit, partition as 32-bit integers, big endian; the cluster as UTF-8.
 */
export function withPlannedHeaders(
  record: KafkaRecord,
  sourcePartition: number,
  plan: HeaderPlan,
): RecordInput {
  const kept = plan.isStripping ? record.headers.filter(({ name }) => !STRIPPED.has(name)) : record.headers
  if (!plan.isAdding) return { ...record, headers: kept }
  const numbers = Buffer.alloc(20)
  numbers.writeBigInt64BE(record.offset, 0)
  numbers.writeBigInt64BE(record.timestamp, 8)
  numbers.writeInt32BE(sourcePartition, 16)
  const added = [
    { nameBytes: OFFSET_NAME, value: numbers.subarray(0, 8) },
    { nameBytes: TIMESTAMP_NAME, value: numbers.subarray(8, 16) },
    { nameBytes: PARTITION_NAME, value: numbers.subarray(16, 20) },
  ]
  if (plan.sourceCluster !== null)
    added.push({ nameBytes: CLUSTER_NAME, value: Buffer.from(plan.sourceCluster) })
  return { ...record, headers: [...kept, ...added] }
}
