export type { BackupPlan, PartitionPlan } from './backup/backup-plan.ts'
export type { BackupReport, PartitionResult } from './backup/backup-report.ts'
export {
  type BackupRunOptions,
  type ContinuousOptions,
  runBackup,
} from './backup/backup-run.ts'
export type { BackupTuning } from './backup/backup-tuning.ts'
export { prepareBackup } from './backup/prepare-backup.ts'
export type { CompactPlan } from './compact/compact-plan.ts'
export {
  type CompactReport,
  type CompactRequest,
  type PreparedCompact,
  prepareCompact,
  runCompact,
} from './compact/compact-run.ts'
export type { BackupSettings, ClusterSettings, Config, RestoreSettings } from './config/config.ts'
export { type LoadedConfig, loadConfig } from './config/load-config.ts'
export { type OffsetStorage, offsetStatePath } from './config/offset-storage.ts'
export { isPartitionChosen } from './config/partition-selection.ts'
export { requestOfDocument } from './config/request-document.ts'
export { requireBackupId, requireCluster, requireRepositoryUrl } from './config/required-settings.ts'
export { restoreRequestOf, restoreSelectionOf } from './config/restore-choice.ts'
export type { Setting } from './config/setting.ts'
export { settingFlags } from './config/settings.ts'
export { matchTopics, type TopicPatterns } from './config/topic-selection.ts'
export { ERROR_TABLE, type ErrorCategory, type ErrorCode, EXIT_CODES } from './errors/error-codes.ts'
export { isKafkaBackupError, KafkaBackupError, toKafkaBackupError } from './errors/kafka-backup-error.ts'
export {
  combineObservers,
  type Observer,
  type RunEvent,
  type RunLag,
  type RunProgress,
} from './events/run-event.ts'
export type { BackupState, RunSummary } from './format/backup-state.ts'
export type { DivergenceRecord } from './format/divergence.ts'
export type { FrameTransform } from './format/frame-transform.ts'
export { hasEverything, type UnreadRecord } from './format/run-record.ts'
export { openCluster } from './kafka/client-cluster.ts'
export type { Cluster } from './kafka/cluster.ts'
export type { ClusterSecurity } from './kafka/security.ts'
export { mayUseTransactions } from './kafka/transaction-coordinator.ts'
export { type BackupLag, measureLag, type NextOffset } from './observe/backup-lag.ts'
export type { CachePlace, CheckpointCache, CheckpointCacheFactory } from './observe/checkpoint-cache.ts'
export type { Circuit } from './observe/circuit.ts'
export { type JobView, type Liveness, viewJob } from './observe/job-view.ts'
export { isLogPutBack } from './observe/log-put-back.ts'
export type {
  CommitMark,
  JobRow,
  JobStatus,
  OffsetRow,
  OffsetState,
  SeenCommit,
} from './observe/offset-state.ts'
export { OffsetStateKeeper } from './observe/offset-state-keeper.ts'
export { type FoundState, readCopiedState, readLocalState } from './observe/read-offset-state.ts'
export { RunMetrics } from './observe/run-metrics.ts'
export { openParts } from './plugin/open-parts.ts'
export { type Plugin, Registry } from './plugin/registry.ts'
export type { DeletionReport, SweepReport } from './repository/delete-waiting.ts'
export {
  type BackupDigest,
  digestBackup,
  type PartitionDigest,
  type TopicDigest,
} from './repository/describe-backup.ts'
export { acquireLease, type Lease, NO_LEASE } from './repository/lease.ts'
export { listBackups } from './repository/list-backups.ts'
export {
  findSource,
  findTarget,
  type MappedRun,
  mappedRuns,
  type OffsetAnswer,
  type SourceAnswer,
  writtenEnds,
} from './repository/offset-map.ts'
export { openBackup, openExistingBackup } from './repository/open-backup.ts'
export {
  byCommit,
  type PreparedPrune,
  type PruneReport,
  type PruneRequest,
  preparePrune,
  runPrune,
} from './repository/prune-run.ts'
export { type LedgerState, RestoreLedger, readLedgers } from './repository/restore-ledger.ts'
export { type RestorePin, releaseRestore } from './repository/restore-pins.ts'
export { beginRestore, type PreparedRestore, planOfLedger } from './restore/begin-restore.ts'
export type { PartitionVerdict, RecordDifference, Verdict } from './restore/comparison.ts'
export { worstVerdict } from './restore/comparison.ts'
export { fenceRestore, transactionalIdOf } from './restore/producer-identities.ts'
export type { PrunedExtent } from './restore/pruned-extent.ts'
export { isRelativeTime, momentOf, TIME_UNITS_MS } from './restore/request-time.ts'
export type { RestorePlan, RestoreSelection } from './restore/restore-plan.ts'
export { isIncomplete, planRestore } from './restore/restore-plan.ts'
export { purgedTopics, type TargetPlan } from './restore/restore-preflight.ts'
export type { RestoreRequest } from './restore/restore-request.ts'
export { type RestoreReport, runRestore } from './restore/restore-run.ts'
export type { SinceBegun } from './restore/since-begun.ts'
export type { SourceRemark } from './restore/source-extent.ts'
export { assertEqual, type RestoreVerdict, verifyRestore } from './restore/verify-restore.ts'
export { type SourceVerdict, verifySource } from './restore/verify-source.ts'
export { type Clock, systemClock } from './runtime/clock.ts'
export { withinGrace } from './runtime/grace.ts'
export type { LatencySummary } from './runtime/latency-histogram.ts'
export { LIMITS } from './runtime/limits.ts'
export { type Random, systemRandom } from './runtime/random.ts'
export { RateLimiter } from './runtime/rate-limiter.ts'
export { isOfStop } from './runtime/stopped.ts'
export { thisProcess } from './runtime/this-process.ts'
export { openLocation } from './storage/backend-registry.ts'
export type { StorageUsage } from './storage/metered-backend.ts'
export { openResilient, type ResilientStorage } from './storage/resilience.ts'
export type { StorageBackend } from './storage/storage-backend.ts'
export type { AffectedPartition, Finding, FindingSeverity } from './verify/finding.ts'
export type { CapabilityId } from './verify/probe-meanings.ts'
export { type ProbedCapability, type ProbeReport, probeStore } from './verify/probe-store.ts'
export {
  type LostCommit,
  type PreparedRepair,
  prepareRepair,
} from './verify/repair-plan.ts'
export { type RepairReport, runRepair } from './verify/repair-run.ts'
export { validateBackup } from './verify/validate-backup.ts'
export type { ValidationReport, ValidationVerdict } from './verify/validation-report.ts'
