import { canonicalJson, sha256Hex } from '../format/canonical-json.ts'
import type { RestorePlan } from './restore-plan.ts'

/** Raised whenever the same plan would give other batches than before. */
const STREAM_VERSION = 1

/** Over everything that decides which batches a restore writes, and nothing else. */
export function planDigest(plan: Omit<RestorePlan, 'planSha256'>): string {
  const text = (value: bigint | null | undefined) =>
    value === null || value === undefined ? null : value.toString()
  return sha256Hex(
    canonicalJson({
      stream_version: STREAM_VERSION,
      backup_id: plan.backupId,
      from: text(plan.window?.fromMs),
      to: text(plan.window?.toMs),
      headers: {
        adding: plan.headers.isAdding,
        stripping: plan.headers.isStripping,
        source_cluster: plan.headers.sourceCluster,
      },
      keep_offsets: plan.isKeepingOffsets,
      works: plan.works.map(({ sources, targets, routing }) => ({
        routing,
        sources: [...sources],
        targets: targets.map(({ topic, partition }) => `${topic}/${partition}`),
      })),
      sources: plan.partitions.map((source) => ({
        topic: source.sourceTopic,
        partition: source.partition,
        lineage: source.lineage,
        parts: source.parts.map(({ segment, part, beginOffset, endOffset }) => ({
          key: segment.key,
          index: segment.index.sha256,
          frames: [...part.frames],
          begin: text(beginOffset),
          end: text(endOffset),
        })),
      })),
    }),
  )
}
