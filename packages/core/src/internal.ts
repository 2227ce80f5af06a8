export { runBackup } from './backup/backup-run.ts'
export { inlineMinima } from './backup/minimum-finder.ts'
export { prepareBackup } from './backup/prepare-backup.ts'
export { readGroups } from './backup/read-groups.ts'
export { isKafkaBackupError, KafkaBackupError } from './errors/kafka-backup-error.ts'
export { zstdTransform } from './format/zstd-transform.ts'
export { API_KEY, type BrokerVersions } from './kafka/api-versions.ts'
export type { BrokerLink, BrokerLinkOptions, OpenBrokerLink } from './kafka/broker-connections.ts'
export type {
  BrokerAddress,
  Cluster,
  ClusterSurvey,
  EpochEnd,
  EpochQuestion,
  OffsetKind,
  OpenTransaction,
  TopicDescription,
  TopicPartition,
  TopicSettings,
} from './kafka/cluster.ts'
export type { CommittedOffset, ConsumerGroup, ConsumerGroups } from './kafka/consumer-group.ts'
export {
  type FetchedPartition,
  type FetchPartition,
  type FetchRequest,
  fetchBatches,
  fetchVersion,
} from './kafka/fetch-api.ts'
export { brokerError, unreachable } from './kafka/kafka-error.ts'
export { ResponseBuffers } from './kafka/response-buffers.ts'
export type { BrokerChannel, WireRequest, WireResponse } from './kafka/wire-connection.ts'
export { ByteReader } from './protocol/byte-reader.ts'
export { ByteWriter } from './protocol/byte-writer.ts'
export { BatchCursor } from './protocol/record-batch.ts'
export { buildBatch, type RecordInput } from './protocol/record-batch-builder.ts'
export { openBackup } from './repository/open-backup.ts'
export type { Clock } from './runtime/clock.ts'
export type { Random } from './runtime/random.ts'
export { objectExists, objectNotFound, objectTooLarge } from './storage/object-errors.ts'
export { type ObjectAnswer, type ObjectRequests, ObjectStoreBackend } from './storage/object-store-backend.ts'
export type { PartStore, PartUpload, UploadPart } from './storage/parts/part-upload.ts'
export type { RequestHooks } from './storage/request-gate.ts'
export { withResilience } from './storage/resilience.ts'
export { createSettledAgain, type ExclusiveCreate } from './storage/settled-create.ts'
export type {
  ByteRange,
  ListOptions,
  ObjectEntry,
  ObjectKey,
  StorageBackend,
} from './storage/storage-backend.ts'
export { validateBackup } from './verify/validate-backup.ts'
