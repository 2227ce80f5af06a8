import { LIMITS } from '../runtime/limits.ts'
import { decompressBody } from './batch-compression.ts'
import { corrupt } from './batch-error.ts'
import { ByteReader } from './byte-reader.ts'
import { readRecords } from './record.ts'
import type { BatchCursor } from './record-batch.ts'

/**
 * What a control batch says: the end of a transaction, nothing any more because the log cleaner took its record
 * (`emptied`; the batch stays for its producer state), or something that is not about transactions (`other`).
 */
export type ControlType = 'abort' | 'commit' | 'emptied' | 'other'

const TYPE_ABORT = 0
const TYPE_COMMIT = 1

/**
 * The type of the current batch, which must be a control batch. The key of a control record is a version (int16)
 * and a type (int16); a newer version keeps both, as Kafka's own reader assumes (KIP-98).
 * @throws KB_BATCH_CORRUPT when there is a record without such a key, KB_LIMIT_EXCEEDED when it is far too large.
 */
export function parseControlType(cursor: BatchCursor): ControlType {
  if (cursor.recordCount === 0) return 'emptied'
  const body = decompressBody(cursor.codec, cursor.body, LIMITS.controlBatchMaxRawBytes)
  for (const { key } of readRecords(cursor, body)) {
    if (key === null) throw corrupt(cursor, 'control record without a key')
    const reader = new ByteReader(key)
    const version = reader.int16()
    const type = reader.int16()
    if (version < 0) throw corrupt(cursor, `control record of version ${version}`)
    if (type === TYPE_ABORT) return 'abort'
    return type === TYPE_COMMIT ? 'commit' : 'other'
  }
  return 'emptied'
}
