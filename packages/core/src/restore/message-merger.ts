import { type KafkaRecord, readRecords } from '../protocol/record.ts'
import type { BatchCursor } from '../protocol/record-batch.ts'

/** Bounds of a batch that is made of messages; brokers take a mebibyte by default. */
const MERGED_MAX_RECORDS = 1000
const MERGED_MAX_BYTES = 256 * 1024

/**
 * Gathers messages of formats v0 and v1 that stand alone, so that they are not produced one by one. Byte strings stay
 * views of the buffer that they came in.
 */
export class MessageMerger {
  #records: KafkaRecord[] = []
  #bytes = 0

  /** True for a message without a wrapper. */
  static takes(cursor: BatchCursor): boolean {
    return cursor.messageSet !== null && !cursor.messageSet.isWrapper
  }

  /** False when the current message would make the batch too large: {@link flush} first. */
  hasRoomFor(cursor: BatchCursor): boolean {
    if (this.#records.length === 0) return true
    return this.#records.length < MERGED_MAX_RECORDS && this.#bytes + cursor.byteLength <= MERGED_MAX_BYTES
  }

  add(cursor: BatchCursor): void {
    for (const record of readRecords(cursor)) this.#records.push(record)
    this.#bytes += cursor.byteLength
  }

  /** What was gathered, in order; it is forgotten here. */
  flush(): readonly KafkaRecord[] {
    const records = this.#records
    this.#records = []
    this.#bytes = 0
    return records
  }
}
