import { compressBody } from '../protocol/batch-compression.ts'
import { assembleBatch, encodeRecords } from '../protocol/record-batch-builder.ts'

/** Records of one batch; compressed they take 0.8 MB. */
export const FILLER_MAX_RECORDS = 1_000_000

/** Compacted topics take no record without a key. */
const RECORD = { timestamp: 0n, key: new Uint8Array([0]), value: null, headers: [] } as const

/** A zstd batch of so many records without content, to be deleted as soon as it has moved the end of a log. */
export function fillerBatch(records: number, timestampMs: number): Buffer {
  const raw = encodeRecords(new Array<typeof RECORD>(records).fill(RECORD), 0n)
  const time = BigInt(timestampMs)
  return assembleBatch(
    { codec: 'zstd' },
    {
      body: compressBody('zstd', raw),
      recordCount: records,
      lastOffsetDelta: records - 1,
      baseTimestamp: time,
      maxTimestamp: time,
    },
  )
}
