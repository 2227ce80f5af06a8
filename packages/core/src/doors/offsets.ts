export {
  isReportIncomplete,
  type OffsetReport,
  type ReportRow,
  type TargetHow,
  type UnmappedReason,
} from '../offsets/offset-report.ts'
export { type ReportedRestore, reportOffsets, type SourceRoute } from '../offsets/report-offsets.ts'
export {
  type GroupReset,
  type LeftAsIs,
  planReset,
  type ResetPlan,
  type ResetStrategy,
} from '../offsets/reset-plan.ts'
export { historyAt, isSameHistory } from '../offsets/same-history.ts'
