import { KafkaBackupError, toKafkaBackupError } from '../errors/kafka-backup-error.ts'
import { type Cluster, partitionName } from '../kafka/cluster.ts'
import type { RestorePlan } from './restore-plan.ts'
import type { TargetPlan } from './restore-preflight.ts'

/**
 * The failure of a restore after its first write: the same error, and what it left in the target. Whoever reads it must
 * neither take the part for the whole nor wonder why the next restore is refused.
 */
export async function withTargetState(
  failure: unknown,
  options: { readonly cluster: Cluster; readonly plan: RestorePlan; readonly target: TargetPlan },
): Promise<KafkaBackupError> {
  const error = toKafkaBackupError(failure)
  const { cluster, plan, target } = options
  const topics = plan.topics.map((topic) => topic.targetTopic).join(', ')
  const written = await writtenRecords(cluster, plan, target).catch(() => undefined)
  const details = { context: error.context, cause: error.cause ?? error }
  if (written === 0n) {
    const message = `${error.message}. No record was written to ${topics}`
    return new KafkaBackupError(error.code, message, { ...details, hint: error.hint })
  }
  const planned = plan.isExact ? `${plan.records}` : `at most ${plan.records}`
  const count =
    written === undefined ? 'may hold a part of the records' : `holds ${written} of ${planned} records`
  const next = `Before you restore again, delete what is incomplete (${topics}), or choose other names with --topic-mapping.`
  // "Run the same command again" would be refused now.
  const hint = error.code === 'KB_INTERRUPTED' || error.retryable ? next : `${error.hint} ${next}`
  return new KafkaBackupError(error.code, `${error.message}. The target is incomplete: it ${count}`, {
    ...details,
    hint,
  })
}

async function writtenRecords(cluster: Cluster, plan: RestorePlan, target: TargetPlan): Promise<bigint> {
  const partitions = plan.works.flatMap(({ targets }) => targets)
  const ends = await cluster.listOffsets('high_watermark', partitions)
  return partitions.map(partitionName).reduce((sum, name) => {
    return sum + (ends.get(name) ?? 0n) - (target.beginOffsets.get(name) ?? 0n)
  }, 0n)
}
