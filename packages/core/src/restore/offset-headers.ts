import {
  ORIGINAL_OFFSET,
  ORIGINAL_TIMESTAMP,
  SOURCE_CLUSTER,
  SOURCE_PARTITION,
} from '../format/origin-headers.ts'
import type { KafkaRecord, RecordHeader } from '../protocol/record.ts'

/** What is done with the headers that say where a record comes from; the bytes are in docs/restore.md. */
export interface HeaderPlan {
  /** Headers of these names are taken away, all of them. */
  readonly isStripping: boolean
  /** New ones are appended, after that. */
  readonly isAdding: boolean
  /** Of the header `x-source-cluster`; null: there is none. */
  readonly sourceCluster: string | null
}

/** A length is a varint. */
const LENGTH_MAX_BYTES = 5

const NAMES: ReadonlySet<string> = new Set([
  ORIGINAL_OFFSET,
  ORIGINAL_TIMESTAMP,
  SOURCE_PARTITION,
  SOURCE_CLUSTER,
])

/** True when records may come out with other headers than they had. */
export function changesHeaders(plan: HeaderPlan): boolean {
  return plan.isStripping || plan.isAdding
}

/** The record as it is written; `partition` is that of the source. */
export function withPlannedHeaders(plan: HeaderPlan, record: KafkaRecord, partition: number): KafkaRecord {
  if (!changesHeaders(plan)) return record
  const kept = plan.isStripping ? record.headers.filter(({ name }) => !NAMES.has(name)) : record.headers
  if (!plan.isAdding) return kept.length === record.headers.length ? record : { ...record, headers: kept }
  const added = [
    header(ORIGINAL_OFFSET, int64(record.offset)),
    header(ORIGINAL_TIMESTAMP, int64(record.timestamp)),
    header(SOURCE_PARTITION, int32(partition)),
  ]
  if (plan.sourceCluster !== null) added.push(header(SOURCE_CLUSTER, Buffer.from(plan.sourceCluster)))
  return { ...record, headers: [...kept, ...added] }
}

/** By how much a record grows at most that gets these headers; the lengths before it, and the count, may need more bytes too. */
export function addedHeaderMaxBytes({ isAdding, sourceCluster }: HeaderPlan): number {
  if (!isAdding) return 0
  const cluster = sourceCluster === null ? [] : [[SOURCE_CLUSTER, Buffer.byteLength(sourceCluster)] as const]
  const added = [[ORIGINAL_OFFSET, 8], [ORIGINAL_TIMESTAMP, 8], [SOURCE_PARTITION, 4], ...cluster] as const
  const grown = 2 * LENGTH_MAX_BYTES
  return added.reduce((sum, [name, bytes]) => sum + name.length + bytes + 2 * LENGTH_MAX_BYTES, grown)
}

const NAME_BYTES: ReadonlyMap<string, Buffer> = new Map([...NAMES].map((name) => [name, Buffer.from(name)]))

function header(name: string, value: Buffer): RecordHeader {
  return { nameBytes: NAME_BYTES.get(name) ?? Buffer.from(name), name, value }
}

function int64(value: bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeBigInt64BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeInt32BE(value)
  return bytes
}
