export { Broker } from './broker-process.ts'
export {
  type CertificateAuthority,
  type CertificateRequest,
  createAuthority,
  type IssuedCertificate,
} from './certificates.ts'
export { archivePath } from './class-archive.ts'
export { CONNECT_TOPICS, ConnectWorker, type WorkerPlace } from './connect-worker.ts'
export { type DescribedPartition, type DescribedTopic, parseDescribedTopic } from './described-topic.ts'
export { type DumpedBatch, type DumpedRecord, parseDumpedBatches } from './dumped-log.ts'
export { type FillJob, type FillResult, type FillTransactions, fillTopics } from './java-producer.ts'
export { type ApplicationStart, KafkaApplication } from './kafka-application.ts'
export { KafkaCluster, type KafkaClusterOptions, startKafkaCluster } from './kafka-cluster.ts'
export {
  ensureKafka,
  ensureKafkaApplications,
  KAFKA_VERSIONS,
  type KafkaDistribution,
  type KafkaVersion,
  LATEST_KAFKA,
} from './kafka-distribution.ts'
export {
  type DecideFate,
  type KafkaProxy,
  type OnStrike,
  openKafkaProxy,
  type RequestFate,
  type SeenRequest,
} from './kafka-proxy.ts'
export {
  type ConsoleConsumerJob,
  KafkaTools,
  type NewTopic,
  type ProducerPerformanceJob,
} from './kafka-tools.ts'
export {
  compressMessages,
  encodeMessage,
  encodeWrapper,
  type MessageCodec,
  type MessageInput,
} from './message-set-builder.ts'
export { type PayloadFileOptions, writePayloadFile } from './payload-file.ts'
export type { ConsumerPerformance, ProducerPerformance } from './performance-report.ts'
export { type PlantedLog, plantLog, plantLogs } from './planted-log.ts'
export { type GeneratedRecord, type GeneratedRecordLimits, generateRecords } from './record-generator.ts'
export {
  contentOf,
  keyIn,
  type RecordContent,
  readRecords,
  type SeenRecord,
  type SeenTimestampType,
} from './record-reader.ts'
export {
  ADMIN_USER,
  GUEST_USER,
  RENEWING_SESSION_MS,
  type SecureCluster,
  type SecureListenerName,
  startSecureCluster,
} from './secure-cluster.ts'
export type { BearerChecks, ClusterUser, SecureListener } from './secure-listeners.ts'
export { type SeededRandom, seededRandom } from './seeded-random.ts'
export { decompressFrames, decompressSegment } from './segment-decoding.ts'
export { SequenceWriter, type WrittenSequence } from './sequence-writer.ts'
export {
  type CreateOrder,
  type DrivenTransaction,
  type GroupCommitOrder,
  SourceDriver,
  type WriteOrder,
} from './source-driver.ts'
export { type AzureServer, type AzureServerOptions, startAzureServer } from './stores/azurite.ts'
export { type GcsServer, missingGcsServer, startGcsServer } from './stores/fake-gcs.ts'
export {
  FAULTS,
  type Fault,
  type FaultProxy,
  type FaultProxyOptions,
  openFaultProxy,
} from './stores/fault-proxy.ts'
export { missingS3Server, type S3Server, startS3Server } from './stores/versity-gateway.ts'
export { openTempFolder, type TempFolder } from './temp-folder.ts'
export { openTokenServer, type TokenClaims, type TokenServer, unsignedToken } from './token-server.ts'
export { runTool, type ToolRun, type ToolRunOptions } from './tool-run.ts'
export { contentDifference, digestTopics, type PartitionContent } from './topic-digest.ts'
export {
  parseWorkloadKey,
  runTransactions,
  type SentRange,
  type TransactionEntry,
  type TransactionOutcome,
  type TransactionWorkload,
  type WorkloadRecord,
} from './transaction-workload.ts'
