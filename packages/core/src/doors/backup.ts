export type { BackupPlan, PartitionPlan } from '../backup/backup-plan.ts'
export type { BackupReport, PartitionResult } from '../backup/backup-report.ts'
export {
  type BackupRunOptions,
  type ContinuousOptions,
  runBackup,
} from '../backup/backup-run.ts'
export type { BackupTuning } from '../backup/backup-tuning.ts'
export { prepareBackup } from '../backup/prepare-backup.ts'
export type { TopicSettingsReport, UnreadSettings } from '../backup/topic-settings.ts'
