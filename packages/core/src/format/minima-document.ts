import { z } from 'zod'
import { parseSealed, sealDocument } from './canonical-json.ts'
import { listOf } from './checked-list.ts'
import { count, decimalString, digest } from './document-fields.ts'

const FORMAT = 'kafka-backup-minima'

/** Smallest timestamps of frames of one segment whose index does not know them; see docs/format/segment.md. */
export interface MinimaDocument {
  readonly backupId: string
  readonly segment: string
  /** Of the index, as the commit records it. */
  readonly indexSha256: string
  /** Milliseconds by the number of the frame. */
  readonly minima: ReadonlyMap<number, bigint>
}

const schema = z
  .object({
    format: z.literal(FORMAT),
    version: z.literal(1),
    backup_id: z.string(),
    segment: z.string(),
    index_sha256: digest,
    minima: listOf(z.tuple([count, decimalString]), 1),
  })
  .transform(
    (fields): MinimaDocument => ({
      backupId: fields.backup_id,
      segment: fields.segment,
      indexSha256: fields.index_sha256,
      minima: new Map(fields.minima),
    }),
  )

export function encodeMinima({ backupId, segment, indexSha256, minima }: MinimaDocument): Buffer {
  return sealDocument({
    format: FORMAT,
    version: 1,
    backup_id: backupId,
    segment,
    index_sha256: indexSha256,
    minima: [...minima].sort(([a], [b]) => a - b).map(([frame, minMs]) => [frame, minMs.toString()]),
  })
}

/** Undefined for what is no such document: nothing depends on one, so that none is worth an error. */
export function decodeMinima(bytes: Uint8Array): MinimaDocument | undefined {
  try {
    return schema.parse(parseSealed(bytes))
  } catch {
    return undefined
  }
}
