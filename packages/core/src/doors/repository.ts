export type { BackupState, RunSummary } from '../format/backup-state.ts'
export {
  aclFields,
  type ClusterDocument,
  type ClusterSections,
  type ClusterView,
  isSectionUnread,
  NO_AUTHORIZER,
  NO_ENTRIES,
  quotaFields,
  type Section,
} from '../format/cluster-document.ts'
export type { DivergenceRecord } from '../format/divergence.ts'
export type { GroupRecord, GroupsDocument } from '../format/groups-document.ts'
export { hasEverything, type UnreadRecord } from '../format/run-record.ts'
export type { CapturedSetting, CapturedTopic, TopicsDocument } from '../format/topics-document.ts'
export { commitAtTime } from '../repository/commit-at-time.ts'
export type { DeletionReport, SweepReport } from '../repository/delete-waiting.ts'
export {
  type BackupDigest,
  digestBackup,
  type PartitionDigest,
  type TopicDigest,
} from '../repository/describe-backup.ts'
export { latestGroups } from '../repository/group-artifacts.ts'
export { acquireLease, type Lease, NO_LEASE } from '../repository/lease.ts'
export { listBackups } from '../repository/list-backups.ts'
export { newestCluster } from '../repository/newest-cluster.ts'
export { newestTopics } from '../repository/newest-topics.ts'
export {
  findSource,
  findTarget,
  type MappedRun,
  mappedRuns,
  type OffsetAnswer,
  type SourceAnswer,
  writtenEnds,
} from '../repository/offset-map.ts'
export { openBackup, openExistingBackup } from '../repository/open-backup.ts'
export { assertOutsideBackups } from '../repository/outer-backup.ts'
export {
  byCommit,
  type PreparedPrune,
  type PruneReport,
  type PruneRequest,
  preparePrune,
  runPrune,
} from '../repository/prune-run.ts'
export { type LedgerState, RestoreLedger, readLedgers } from '../repository/restore-ledger.ts'
export { type ReleasedRestore, type RestorePin, releaseRestore } from '../repository/restore-pins.ts'
export { type DamagedLedger, type LedgerSurvey, surveyLedgers } from '../repository/survey-ledgers.ts'
