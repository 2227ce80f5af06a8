export {
  type ClusterComparison,
  type ClusterDifference,
  type ClusterRemark,
  compareClusters,
  type NotCompared,
} from '../verify/compare-clusters.ts'
export type { AffectedPartition, Finding, FindingSeverity } from '../verify/finding.ts'
export type { CapabilityId } from '../verify/probe-meanings.ts'
export { type ProbedCapability, type ProbeReport, probeStore } from '../verify/probe-store.ts'
export {
  type LostCommit,
  type PreparedRepair,
  prepareRepair,
} from '../verify/repair-plan.ts'
export { type RepairReport, runRepair } from '../verify/repair-run.ts'
export { validateBackup } from '../verify/validate-backup.ts'
export type { ValidationReport, ValidationVerdict } from '../verify/validation-report.ts'
