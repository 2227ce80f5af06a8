export { copyByNames, copyOfRestore, type FoundCopy } from '../offsets/found-copy.ts'
export type { HeaderCounts } from '../offsets/header-map.ts'
export {
  type CarriedGroup,
  isReportIncomplete,
  type OffsetReport,
  type ReportRow,
  type TargetHow,
  type UnmappedReason,
} from '../offsets/offset-report.ts'
export { type HeaderReport, reportByHeaders } from '../offsets/report-by-headers.ts'
export { reportByTimes } from '../offsets/report-by-times.ts'
export {
  type IsRestoredHistory,
  type ReportedRestore,
  reportOffsets,
  type SourceRoute,
} from '../offsets/report-offsets.ts'
export {
  type GroupReset,
  type LeftAsIs,
  planReset,
  type ResetPlan,
  type ResetStrategy,
} from '../offsets/reset-plan.ts'
export { historyAt, isSameHistory } from '../offsets/same-history.ts'
