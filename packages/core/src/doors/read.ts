export {
  type DecodedKey,
  type DecodedValue,
  decodeGroupKey,
  decodeGroupValue,
} from '../protocol/group-topic-record.ts'
export type { KafkaRecord } from '../protocol/record.ts'
export { countRecords, type ReadStep, type ReadWish, readPartition } from '../read/read-partition.ts'
export {
  isWanted,
  type Lack,
  type PartitionReading,
  planReading,
  type ReadSelection,
} from '../read/read-plan.ts'
export { type RecordCriteria, recordTest, type SearchedPart } from '../read/record-match.ts'
export { assertStillThere } from '../repository/assert-held.ts'
export { recordBytes } from '../restore/record-copy.ts'
export { resolveWindow } from '../restore/request-time.ts'
export type { OffsetRange } from '../restore/restore-sources.ts'
export type { TimeWindow } from '../restore/time-window.ts'
