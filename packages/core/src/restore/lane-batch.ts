/** Records of one source partition whose offsets follow each other without a hole. */
export interface SourceRun {
  /** Place in `RestorePlan.partitions`. */
  readonly source: number
  readonly firstOffset: bigint
  readonly records: number
}

/**
 * A batch for one partition of the target, ready to be produced after its header was patched: offset deltas without holes, no
 * control batch, CreateTime. The caller may change `bytes`.
 */
export interface LaneBatch {
  readonly bytes: Buffer
  readonly records: number
  /** Where its records come from, in the order in which they stand in the batch; their counts add up to `records`. */
  readonly runs: readonly SourceRun[]
  /** False: the batch is the stored one. */
  readonly isReencoded: boolean
}

/** A batch and the lane of its work that it belongs to: the place in `RestoreWork.targets`. */
export interface WorkBatch {
  readonly lane: number
  readonly batch: LaneBatch
}
