import { canonicalJson, type JsonValue, sha256Hex } from '../format/canonical-json.ts'
import type { RestorePlan } from './restore-plan.ts'

/** Raised when the same plan would give other records, or another order. Batches may be cut otherwise: positions count records. */
export const STREAM_VERSION = 1

/** What of a plan decides about bytes and batches. */
export type PlanContent = Pick<
  RestorePlan,
  'backupId' | 'partitions' | 'works' | 'window' | 'headers' | 'isKeepingOffsets'
>

/** Identity of a plan: lower-case hex SHA-256 of a canonical document; docs/restore.md says what is in it. */
export function planDigest(content: PlanContent): string {
  return sha256Hex(canonicalJson(planDocument(content)))
}

function planDocument({ backupId, partitions, works, window, headers, isKeepingOffsets }: PlanContent) {
  const document: JsonValue = {
    stream_version: STREAM_VERSION,
    backup_id: backupId,
    sources: partitions.map((source) => ({
      topic: source.sourceTopic,
      partition: source.partition,
      lineage: source.lineage,
      parts: source.parts.map(({ segment, part, beginOffset, endOffset }) => ({
        index_sha256: segment.index.sha256,
        frames: part.frames,
        begin_offset: decimal(beginOffset),
        end_offset: decimal(endOffset),
      })),
    })),
    works: works.map(({ sources, targets, routing }) => ({
      sources,
      targets: targets.map(({ topic, partition }) => ({ topic, partition })),
      routing,
    })),
    window: window && { from_ms: decimal(window.fromMs), to_ms: decimal(window.toMs) },
    headers: {
      strip: headers.isStripping,
      add: headers.isAdding,
      source_cluster: headers.isAdding ? headers.sourceCluster : null,
    },
    keep_offsets: isKeepingOffsets,
  }
  return document
}

function decimal(value: bigint | null): string | null {
  return value === null ? null : value.toString()
}
