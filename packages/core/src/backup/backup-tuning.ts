/** How a backup runs. Sizes in bytes, times in milliseconds. */
export interface BackupTuning {
  readonly segmentMaxBytes: number
  readonly segmentMaxIntervalMs: number
  readonly checkpointIntervalMs: number
  readonly fetchMaxBytes: number
  readonly fetchMaxWaitMs: number
  readonly connectionsPerBroker: number
  /** Empty: from the leaders. */
  readonly rackId: string
  readonly transactionWaitMs: number
  /** 0: never. */
  readonly deletionWarningMs: number
  /** false: every frame is stored as it is. */
  readonly isCompressing: boolean
  /** A run that is stopped commits what it has read; false: it leaves it to the next run. */
  readonly isCheckpointingOnStop: boolean
  /** A frame is cut at the first response border at or after this; absent: by the number of partitions. */
  readonly frameMinBytes?: number
  /** How long the end of a segment waits for smallest timestamps while nothing waits behind it; absent: LIMITS.minimumPatienceMs. */
  readonly minimumPatienceMs?: number
  /** How many parts the run holds as objects before it packs them; absent: LIMITS.packedPartsMin. */
  readonly packedPartsMin?: number
}
