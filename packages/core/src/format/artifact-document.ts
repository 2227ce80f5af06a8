import { z } from 'zod'
import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { type JsonValue, parseSealed, sealDocument } from './canonical-json.ts'
import { listOf } from './checked-list.ts'
import { decimalString, firstIssue, writerId } from './document-fields.ts'

/** What every document of an artifact begins with; see docs/format/artifacts.md. */
export interface ArtifactHeading {
  readonly backupId: string
  readonly writer: string
  /** The clock of the run when it began to ask, in milliseconds. */
  readonly readAtMs: bigint
  readonly clusterId: string
}

/** Whether the document under the key of an artifact is stored as one Zstandard frame. */
export function isCompressedKey(key: string): boolean {
  return key.endsWith('.json.zst')
}

/** Of a message that shows what a document says of itself. */
const SHOWN_CHARS = 200

/** The fields of the heading in a schema. */
export const headingFields = {
  version: z.literal(1),
  features: listOf(z.string()),
  backup_id: z.string(),
  writer: writerId,
  read_at: decimalString,
  cluster_id: z.string(),
}

/** The heading of a document whose fields were parsed. */
export function headingOf(fields: {
  readonly backup_id: string
  readonly writer: string
  readonly read_at: bigint
  readonly cluster_id: string
}): ArtifactHeading {
  return {
    backupId: fields.backup_id,
    writer: fields.writer,
    readAtMs: fields.read_at,
    clusterId: fields.cluster_id,
  }
}

/** The bytes of a document: its heading, and what it is about. */
export function sealArtifact(
  format: string,
  { backupId, writer, readAtMs, clusterId }: ArtifactHeading,
  content: { readonly [name: string]: JsonValue | undefined },
): Buffer {
  return sealDocument({
    format,
    version: 1,
    features: [],
    backup_id: backupId,
    writer,
    read_at: readAtMs.toString(),
    cluster_id: clusterId,
    ...content,
  })
}

/**
 * Has `decode` look at a document of this format; `what` is what it is about, for people.
 * @throws KB_FORMAT_UNSUPPORTED for a newer version or an unknown feature, KB_VALIDATION_FAILED with the reason
 */
export function openArtifact<T>(
  bytes: Uint8Array,
  { format, what }: { readonly format: string; readonly what: string },
  decode: (parsed: Record<string, unknown>) => T,
): T {
  try {
    const parsed = parseSealed(bytes)
    if (parsed.format === format) assertKnown(parsed, what)
    return decode(parsed)
  } catch (error) {
    if (error instanceof KafkaBackupError) throw error
    const reason = error instanceof z.ZodError ? firstIssue(error) : (error as Error).message
    throw new KafkaBackupError('KB_VALIDATION_FAILED', `the document of ${what} is damaged: ${reason}`, {
      cause: error,
    })
  }
}

/** Asked before anything else is looked at: a feature may change what every other field means. */
function assertKnown({ version, features }: Record<string, unknown>, what: string): void {
  const refuse = (text: string) => {
    throw new KafkaBackupError('KB_FORMAT_UNSUPPORTED', text.slice(0, SHOWN_CHARS))
  }
  if (version !== 1) refuse(`document of ${what}, version ${String(version)}`)
  const [unknown] = listOf(z.string()).parse(features)
  if (unknown !== undefined) refuse(`a document of ${what} needs the feature "${unknown}"`)
}
