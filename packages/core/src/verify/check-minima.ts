import { decodeMinima } from '../format/minima-document.ts'
import type { SegmentRecord } from '../format/segment-record.ts'
import { ownerKey } from '../repository/key-layout.ts'
import { LIMITS } from '../runtime/limits.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { type Finding, isDamageError } from './finding.ts'
import type { Inventory } from './inventory.ts'

/** What kept minima are compared with. */
export interface MinimaEvidence {
  readonly backupId: string
  readonly segments: readonly SegmentRecord[]
  /** Keys of what may be gone. */
  readonly pruned: ReadonlySet<string>
}

/** Kept minima that no reader uses, and why: worth knowing, and harmless. What the others say is compared with the frames. */
export async function checkMinima(
  storage: StorageBackend,
  { minima }: Inventory,
  { backupId, segments, pruned }: MinimaEvidence,
  signal?: AbortSignal,
): Promise<Finding[]> {
  const named = new Map(segments.map((record) => [record.key, record]))
  const findings: Finding[] = []
  for (const key of minima.keys()) {
    const owner = ownerKey(backupId, key)
    if (pruned.has(owner)) continue
    const record = named.get(owner)
    const trouble = record
      ? await troubleOf(storage, key, { backupId, record }, signal)
      : 'no commit that can be read names its segment'
    if (trouble === null) continue
    const message = `minima that nobody uses: ${trouble}`
    findings.push({ severity: 'note', code: 'KB_VALIDATION_FAILED', key, partitions: [], message })
  }
  return findings
}

async function troubleOf(
  storage: StorageBackend,
  key: string,
  { backupId, record }: { readonly backupId: string; readonly record: SegmentRecord },
  signal: AbortSignal | undefined,
): Promise<string | null> {
  try {
    const document = decodeMinima(await storage.read(key, LIMITS.minimaMaxBytes, signal ? { signal } : {}))
    if (!document) return 'it is damaged, or of a version that this program does not know'
    const isOwn =
      document.backupId === backupId &&
      document.segment === record.key &&
      document.indexSha256 === record.index.sha256
    return isOwn ? null : 'it belongs to another segment'
  } catch (error) {
    if (!isDamageError(error)) throw error
    return error.message
  }
}
