/** Every hard limit of the product, with its reason. Bytes and milliseconds. */
export const LIMITS = {
  /** Largest record batch accepted from a broker or an archive; Kafka's own ceiling is a signed 32-bit length. */
  batchMaxBytes: 256 * 1024 * 1024,
  /** Largest decompressed body of one record batch. */
  batchMaxRawBytes: 512 * 1024 * 1024,
  /** Records that the header of one batch may claim. */
  batchMaxRecords: 64 * 1024 * 1024,
  /** Compression frames inside one compressed body; encoders write one. Each costs a native call of about 20 us. */
  bodyMaxFrames: 10_000,
  /** Decompressed gzip above what its trailer states: members may be joined, and hostile ones state too little. */
  gzipUnstatedMaxRawBytes: 16 * 1024 * 1024,
  /** Largest decompressed body of a control batch; a transaction marker has about 20 bytes. */
  controlBatchMaxRawBytes: 1024 * 1024,
  /** Producers of one partition whose last transaction marker is remembered, to tell repeated news from new. */
  trackedProducersMax: 4096,
  /** Copies of frames that wait until a thread has time to look for their smallest timestamp. */
  minimumQueueMaxBytes: 8 * 1024 * 1024,
  /** Decompressed body of a batch that is looked through for its smallest timestamp; that of a larger one stays unknown. */
  minimumBatchMaxRawBytes: 32 * 1024 * 1024,
  /** How long the end of a segment waits for smallest timestamps while nothing else waits for that end. */
  minimumPatienceMs: 25,
  /** Largest object of kept minima: those of an index of the largest size. */
  minimaMaxBytes: 4 * 1024 * 1024,
  /** Objects of kept minima beside one segment; each holds what those before it do not. The number is one digit of their names. */
  minimaObjectsMax: 9,
  /** Headers of one record. */
  recordMaxHeaders: 1_000_000,
  /** Largest response frame accepted from a broker. */
  responseMaxBytes: 512 * 1024 * 1024,
  /** Largest data frame, before compression: one batch of the largest size, alone. */
  frameMaxRawBytes: 260 * 1024 * 1024,
  /** Largest header document of a segment. */
  segmentHeaderMaxBytes: 1024 * 1024,
  /** Partitions in one bundle; their names have to fit into its header document. */
  bundleMaxParts: 1000,
  /** Largest index of a segment: about 100,000 frames. */
  segmentIndexMaxBytes: 64 * 1024 * 1024,
  /** Largest entry of a restore's ledger: some two million runs of the offset map. */
  ledgerEntryMaxBytes: 64 * 1024 * 1024,
  /** Largest commit document. */
  commitMaxBytes: 64 * 1024 * 1024,
  /** Largest lease: it names topics and ranges of partitions. */
  leaseMaxBytes: 16 * 1024 * 1024,
  /** How often a run says that it is at work: one small request. */
  leaseRenewalMs: 10_000,
  /** A lease that stays as it is for so long, two renewals and a half, is of a run that has ended. */
  leaseDeadMs: 25_000,
  /** How long the end of a run waits for its lease to be taken back; it is out of date soon in any case. */
  leaseReleaseGraceMs: 2_000,
  /** How often the lease of another run is looked at. */
  leaseWatchMs: 1_000,
  /** So many parts of a backup, 0.8 KiB each, a long run has as objects before it packs them: fewer compress badly. */
  packedPartsMin: 256,
  /** Largest snapshot, decompressed. */
  snapshotMaxRawBytes: 512 * 1024 * 1024,
  /** A compressed document decompresses to this much whatever its size, and to {@link documentMaxRatio} times its size beyond. */
  documentFreeRawBytes: 16 * 1024 * 1024,
  /** Documents of digests and offsets shrink to a tenth; a thousandth is a bomb. */
  documentMaxRatio: 256,
  /** Documents of artifacts from this length on are compressed: smaller ones take one block of a file system in any case. */
  documentCompressedMinBytes: 4096,
  /** Largest object read whole into memory (documents only; segments are read by range). */
  documentMaxBytes: 256 * 1024 * 1024,
  /** Largest configuration file. */
  configMaxBytes: 1024 * 1024,
  /** Length of a topic name (Kafka's rule). */
  topicNameMaxLength: 249,
  /** Length of a regular expression for topic names, its mark included. */
  topicExpressionMaxLength: 500,
  /** A count of repetitions in such an expression; no name has more characters. */
  topicExpressionMaxRepeat: 249,
  /** Steps of such an expression, repetitions written out; a name costs at most each of them for each character. */
  topicExpressionMaxSteps: 2_000,
  /** Partitions of one topic that a restore may be told to make; more than any cluster has. */
  partitionsMax: 1_000_000,
  /** Partitions over which a restore spreads records; what waits for each of them is in memory. */
  targetPartitionsMax: 10_000,
  /** Topics whose settings are asked for in one request: about a megabyte of answer. */
  describedTopicsMax: 250,
  /** How long the end of a run waits for the settings of its topics; later they are told as not read. */
  topicSettingsGraceMs: 10_000,
  /** How often a continuous run looks at brokers, features, ACLs, quotas and SCRAM users: five small requests. */
  clusterLookMs: 3_600_000,
  /** How long one of these requests is waited for: less than the end of a run waits for all of them. */
  clusterFactsPatienceMs: 8_000,
  /** Length of the name of a rack; the protocol could send 32,767. */
  rackIdMaxLength: 255,
  /** Length of a backup id; it becomes a path element. */
  backupIdMaxLength: 128,
  /** Folders above the place of a new backup that are asked whether they belong to another one: a backup has three levels below it. */
  outerFoldersMax: 8,
  /** Largest PEM file; a bundle of all public authorities has 250 KB. */
  pemMaxBytes: 4 * 1024 * 1024,
  /** Largest bearer token, and largest file that holds one; brokers accept 512 KiB. */
  tokenMaxBytes: 128 * 1024,
  /** Largest answer of a token endpoint: a token and some fields. */
  tokenAnswerMaxBytes: 256 * 1024,
  /** Iterations of SCRAM that a broker may ask for; Kafka itself stores 4,096 to 16,384. */
  scramMaxIterations: 1_000_000,
  /** Largest answer of a broker during an authentication; a challenge has some hundred bytes. */
  saslAnswerMaxBytes: 64 * 1024,
  /** Objects and arrays inside one another in a document; ours have up to seven. */
  documentMaxDepth: 32,
  /** Values of a document beside those that {@link documentValueMinBytes} allows: short ones may stand together. */
  documentFreeValues: 1000,
  /** Bytes that a value of a document takes on average, at least: many small ones cost far more memory than their text. */
  documentValueMinBytes: 4,
  /** How long what a run leaves behind is removed; a store that is silent for longer keeps it, and the run says so. */
  cleanupGraceMs: 10_000,
  /**
   * How long a run that was stopped waits for an answer of the store to what it finishes, such as its commit. Together with
   * `cleanupGraceMs` less than the 30 s after which Kubernetes kills.
   */
  stoppedSilenceMaxMs: 15_000,
  /** How often a run says in its local state that it is alive. */
  heartbeatIntervalMs: 5_000,
  /** So many heartbeats in a row that are missing mean that the run is there no more. */
  heartbeatsMissedMax: 3,
  /** How long one write of the local state waits for another process that holds the file. */
  offsetStateBusyMs: 2_000,
  /** How long the end of a run waits for its last copy of the offset state. */
  offsetStateGraceMs: 5_000,
  /** Largest copy of the offset state: about a million partitions. */
  offsetStateMaxBytes: 128 * 1024 * 1024,
  /** Partitions that are read from an offset state. */
  offsetStateMaxRows: 2_000_000,
  /** How long `status` waits for a store or a cluster when it has something to show without them. */
  statusPatienceMs: 10_000,
  /** Garbage that is left to the collector before it is called: what V8 by itself would let grow to four times as much. */
  garbageMaxBytes: 16 * 1024 * 1024,
  /** How often the heap is made small, which takes some hundreds of milliseconds: less than a thousandth of the time. */
  heapMaxAgeMs: 300_000,
  /** How often the memory of the program is looked at, and so collected at most: 50 ms in so many are less than half a percent. */
  garbageLookMs: 15_000,
  /** Groups that one request to a coordinator asks about: with 50 partitions each, some 300 KB of answer. */
  groupsPerRequest: 100,
  /** How long everything together may take that is asked about groups: half of it longer than coordinators need to move when a broker has died (9 s). */
  groupPatienceMs: 20_000,
  /** How long offsets of a group that cannot be read are carried over: as long as brokers keep them by default. */
  groupOffsetsKeptMs: 7 * 24 * 3_600_000,
  /** Rows of a report of offsets, each of some 400 bytes in memory: 1,000 groups over 50 partitions that were spread over 20 others. */
  offsetReportMaxRows: 1_000_000,
  /** Length of the name of a group in UTF-8: what Kafka's protocol can send. */
  groupNameMaxBytes: 32_767,
  /** Messages that either side sends in one authentication; the longest mechanism needs three. */
  saslMaxRounds: 8,
  /** Length of a pattern that records are searched for. */
  recordPatternMaxLength: 1_000,
  /** Steps of a regular expression for records; each byte costs at most each of them. */
  recordPatternMaxSteps: 10_000,
  /** Largest content of a record that is printed as a line: written with six characters for a byte it fits into a text. */
  printedRecordMaxBytes: 80 * 1024 * 1024,
} as const
