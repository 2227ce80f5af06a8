export { Broker } from './broker-process.ts'
export { type DescribedPartition, type DescribedTopic, parseDescribedTopic } from './described-topic.ts'
export { type DumpedBatch, type DumpedRecord, parseDumpedBatches } from './dumped-log.ts'
export { type FillJob, type FillResult, type FillTransactions, fillTopics } from './java-producer.ts'
export { KafkaCluster, type KafkaClusterOptions, startKafkaCluster } from './kafka-cluster.ts'
export {
  ensureKafka,
  KAFKA_VERSIONS,
  type KafkaDistribution,
  type KafkaVersion,
  LATEST_KAFKA,
} from './kafka-distribution.ts'
export {
  type ConsoleConsumerJob,
  KafkaTools,
  type NewTopic,
  type ProducerPerformanceJob,
} from './kafka-tools.ts'
export { type PayloadFileOptions, writePayloadFile } from './payload-file.ts'
export type { ConsumerPerformance, ProducerPerformance } from './performance-report.ts'
export { type GeneratedRecord, type GeneratedRecordLimits, generateRecords } from './record-generator.ts'
export { type SeededRandom, seededRandom } from './seeded-random.ts'
export { decompressSegment } from './segment-decoding.ts'
export { openTempFolder, type TempFolder } from './temp-folder.ts'
export { runTool, type ToolRun, type ToolRunOptions } from './tool-run.ts'
export { contentDifference, digestTopics, type PartitionContent } from './topic-digest.ts'
