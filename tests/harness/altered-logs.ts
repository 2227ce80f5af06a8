import type { KafkaRecord } from '../../packages/core/src/protocol/record.ts'
import { buildBatch, type RecordInput } from '../../packages/core/src/protocol/record-batch-builder.ts'

/** A record and its offset. */
export type LoggedRecord = Pick<KafkaRecord, 'timestamp' | 'key' | 'value' | 'headers'> & {
  readonly offset: bigint
}

/** One way in which a copy is not what it should be. */
export interface Alteration {
  readonly name: string
  /** The log as bytes, from the records that should be there. */
  readonly log: (records: readonly LoggedRecord[]) => Buffer
}

/** The record that is altered, by its place in the log. */
export const ALTERED_AT = 7
const PRODUCER_ID = 4_711n
const MARKER = { abort: 0, commit: 1 } as const

/** Every kind of difference, each in a log of its own. */
export const ALTERATIONS: readonly Alteration[] = [
  { name: 'untouched', log: (records) => logOf(records) },
  { name: 'value byte', log: changing((record) => ({ value: flipped(record.value, 3) })) },
  { name: 'null key became empty', log: changing(() => ({ key: Buffer.alloc(0) })) },
  { name: 'header order', log: changing(({ headers }) => ({ headers: headers.toReversed() })) },
  {
    name: 'null header became empty',
    log: changing(({ headers }) => ({
      headers: headers.map((header) => ({ ...header, value: header.value ?? Buffer.alloc(0) })),
    })),
  },
  { name: 'timestamp', log: changing(({ timestamp }) => ({ timestamp: timestamp + 1n })) },
  { name: 'record inserted', log: inserting },
  { name: 'record missing', log: (records) => logOf(records.toSpliced(ALTERED_AT, 1)) },
  { name: 'last record missing', log: (records) => logOf(records.slice(0, -1)) },
  { name: 'records swapped', log: swapping },
  { name: 'transaction aborted', log: (records) => transactionOf(records, 'abort') },
  { name: 'transaction open', log: (records) => transactionOf(records, null) },
  { name: 'transaction committed', log: (records) => transactionOf(records, 'commit') },
]

/** Records with everything that can be altered; `offsets` ascend. */
export function recordsAt(offsets: readonly bigint[], timeMs: bigint): LoggedRecord[] {
  return offsets.map((offset, index) => ({
    offset,
    timestamp: timeMs + BigInt(index),
    key: index === ALTERED_AT ? null : Buffer.from(`key-${index}`),
    value: Buffer.from(`value of record ${index}`),
    headers: [header('a', '1'), header('b', null), header('a', '3')],
  }))
}

/** One batch, with the holes that the offsets have. */
export function logOf(records: readonly LoggedRecord[], partitionLeaderEpoch = 0): Buffer {
  return buildBatch({ ...batchOf(records), partitionLeaderEpoch })
}

function batchOf(records: readonly LoggedRecord[]) {
  const baseOffset = records[0]?.offset ?? 0n
  const inputs = records.map((record): RecordInput => {
    return { ...record, offsetDelta: Number(record.offset - baseOffset) }
  })
  return { baseOffset, records: inputs }
}

function transactionOf(records: readonly LoggedRecord[], end: keyof typeof MARKER | null): Buffer {
  const producer = {
    producerId: PRODUCER_ID,
    producerEpoch: 0,
    isTransactional: true,
    partitionLeaderEpoch: 0,
  }
  const data = buildBatch({ ...batchOf(records), ...producer, baseSequence: 0 })
  if (end === null) return data
  const last = records.at(-1)
  // Key: version and type; value: version and epoch of the coordinator.
  const key = Buffer.from([0, 0, 0, MARKER[end]])
  const record = { timestamp: last?.timestamp ?? 0n, key, value: Buffer.alloc(6), headers: [] }
  const baseOffset = (last?.offset ?? -1n) + 1n
  return Buffer.concat([data, buildBatch({ baseOffset, records: [record], ...producer, isControl: true })])
}

function changing(change: (record: LoggedRecord) => Partial<LoggedRecord>) {
  return (records: readonly LoggedRecord[]): Buffer =>
    logOf(records.map((record, at) => (at === ALTERED_AT ? { ...record, ...change(record) } : record)))
}

/** Into the hole before the record where there is one; otherwise all that follow move up. */
function inserting(records: readonly LoggedRecord[]): Buffer {
  const after = records[ALTERED_AT] as LoggedRecord
  const isHole = records[ALTERED_AT - 1]?.offset !== after.offset - 1n
  const inserted = {
    ...after,
    offset: isHole ? after.offset - 1n : after.offset,
    value: Buffer.from('added'),
  }
  const rest = records.slice(ALTERED_AT)
  const moved = isHole ? rest : rest.map((record) => ({ ...record, offset: record.offset + 1n }))
  return logOf([...records.slice(0, ALTERED_AT), inserted, ...moved])
}

function swapping(records: readonly LoggedRecord[]): Buffer {
  const [one, other] = records.slice(ALTERED_AT, ALTERED_AT + 2) as [LoggedRecord, LoggedRecord]
  const swapped = [
    { ...other, offset: one.offset },
    { ...one, offset: other.offset },
  ]
  return logOf(records.toSpliced(ALTERED_AT, 2, ...swapped))
}

function flipped(bytes: Buffer | null, at: number): Buffer {
  const copy = Buffer.from(bytes ?? [])
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}

function header(name: string, value: string | null): KafkaRecord['headers'][number] {
  return { name, nameBytes: Buffer.from(name), value: value === null ? null : Buffer.from(value) }
}
