export type { BackupPlan, PartitionPlan } from '../backup/backup-plan.ts'
export type { BackupReport, PartitionResult } from '../backup/backup-report.ts'
export {
  type BackupRunOptions,
  type ContinuousOptions,
  runBackup,
} from '../backup/backup-run.ts'
export type { BackupTuning } from '../backup/backup-tuning.ts'
export { commitGroups, type GroupCommitReport } from '../backup/commit-groups.ts'
export type { GroupsReport } from '../backup/groups-report.ts'
export { prepareBackup } from '../backup/prepare-backup.ts'
export { type GroupReading, readGroups } from '../backup/read-groups.ts'
export type { TopicSettingsReport, UnreadSettings } from '../backup/topic-settings.ts'
