export type { CompactPlan } from '../compact/compact-plan.ts'
export {
  type CompactReport,
  type CompactRequest,
  type PreparedCompact,
  prepareCompact,
  runCompact,
} from '../compact/compact-run.ts'
