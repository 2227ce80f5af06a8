export { type BackupLag, measureLag, type NextOffset } from '../observe/backup-lag.ts'
export type { CachePlace, CheckpointCache, CheckpointCacheFactory } from '../observe/checkpoint-cache.ts'
export type { Circuit } from '../observe/circuit.ts'
export { type JobView, type Liveness, viewJob } from '../observe/job-view.ts'
export { isLogPutBack } from '../observe/log-put-back.ts'
export type {
  CommitMark,
  JobRow,
  JobStatus,
  OffsetRow,
  OffsetState,
  SeenCommit,
} from '../observe/offset-state.ts'
export { OffsetStateKeeper } from '../observe/offset-state-keeper.ts'
export {
  type FoundState,
  findRunState,
  readCopiedState,
  readLocalState,
} from '../observe/read-offset-state.ts'
export { RunMetrics } from '../observe/run-metrics.ts'
