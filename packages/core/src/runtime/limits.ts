/** Every hard limit of the product, with its reason. Bytes and milliseconds. */
export const LIMITS = {
  /** Largest record batch accepted from a broker or an archive; Kafka's own ceiling is a signed 32-bit length. */
  batchMaxBytes: 256 * 1024 * 1024,
  /** Largest decompressed body of one record batch. */
  batchMaxRawBytes: 512 * 1024 * 1024,
  /** Decompressed size over compressed size; above it, input is hostile (zstd of constant bytes reaches about 30,000). */
  batchMaxRecords: 64 * 1024 * 1024,
  /** Compression frames inside one compressed body; encoders write one. Each costs a native call of about 20 us. */
  bodyMaxFrames: 10_000,
  /** Largest decompressed body of a control batch; a transaction marker has about 20 bytes. */
  controlBatchMaxRawBytes: 1024 * 1024,
  /** Producers of one partition whose last transaction marker is remembered, to tell repeated news from new. */
  trackedProducersMax: 4096,
  /** Headers of one record. */
  recordMaxHeaders: 1_000_000,
  /** Largest response frame accepted from a broker. */
  responseMaxBytes: 512 * 1024 * 1024,
  /** Largest data frame, before compression: one batch of the largest size, alone. */
  frameMaxRawBytes: 260 * 1024 * 1024,
  /** Largest header document of a segment. */
  segmentHeaderMaxBytes: 1024 * 1024,
  /** Largest index of a segment: about 100,000 frames. */
  segmentIndexMaxBytes: 64 * 1024 * 1024,
  /** Largest commit document. */
  commitMaxBytes: 64 * 1024 * 1024,
  /** Largest snapshot, decompressed. */
  snapshotMaxRawBytes: 1024 * 1024 * 1024,
  /** Largest object read whole into memory (documents only; segments are read by range). */
  documentMaxBytes: 256 * 1024 * 1024,
  /** Largest configuration file. */
  configMaxBytes: 1024 * 1024,
  /** Length of a topic name (Kafka's rule). */
  topicNameMaxLength: 249,
  /** Length of a backup id; it becomes a path element. */
  backupIdMaxLength: 128,
} as const
