import type { BackupState } from '../format/backup-state.ts'
import { renderManifest } from '../format/manifest.ts'
import { manifestKey } from '../repository/key-layout.ts'
import { readUntilAlike } from '../repository/second-look.ts'
import { LIMITS } from '../runtime/limits.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { isDamageError } from './finding.ts'
import { PartitionSet } from './partition-set.ts'

/** `manifest.json` as it lies in the store. It is compared, and never used to decide anything. */
export interface ManifestCopy {
  readonly key: string
  readonly state: 'missing' | 'unreadable' | 'readable'
  readonly bytes: Buffer
  /** The commit whose state it says it shows; null when it does not say. */
  readonly commit: bigint | null
}

/** Reads the manifest; damage of any kind is in the result. */
export async function readManifestCopy(
  storage: StorageBackend,
  backupId: string,
  signal?: AbortSignal,
): Promise<ManifestCopy> {
  const key = manifestKey(backupId)
  const empty = Buffer.alloc(0)
  try {
    const read = () => storage.read(key, LIMITS.documentMaxBytes, signal ? { signal } : {})
    const bytes = await readUntilAlike(read)
    return { key, state: 'readable', bytes, commit: claimedCommit(bytes) }
  } catch (error) {
    if (!isDamageError(error)) throw error
    const state = error.code === 'KB_OBJECT_NOT_FOUND' ? 'missing' : 'unreadable'
    return { key, state, bytes: empty, commit: null }
  }
}

/** The rendering of `state`, with another number in its `commit` field when `commit` is given. */
export function renderAs(state: BackupState, commit?: bigint): Buffer {
  const rendered = renderManifest(state)
  if (commit === undefined) return rendered
  return Buffer.from(rendered.toString().replace(/^ {2}"commit": \d+,$/m, `  "commit": ${commit},`))
}

/** Partitions whose entries differ between a manifest's bytes and the rendering; empty when that cannot be told. */
export function differingPartitions(bytes: Buffer, rendered: Buffer): PartitionSet {
  const differing = new PartitionSet()
  const found = entriesOf(bytes)
  const expected = entriesOf(rendered)
  if (!found || !expected) return differing
  for (const name of new Set([...found.keys(), ...expected.keys()])) {
    const [left, right] = [found.get(name), expected.get(name)]
    if (left?.text === right?.text) continue
    const entry = right ?? left
    if (entry) differing.add({ topic: entry.topic, partition: entry.partition })
  }
  return differing
}

interface ManifestEntry {
  readonly topic: string
  readonly partition: number
  readonly text: string
}

function claimedCommit(bytes: Buffer): bigint | null {
  const document = parse(bytes) as { commit?: unknown } | null | undefined
  const commit = document?.commit
  return typeof commit === 'number' && Number.isSafeInteger(commit) && commit > 0 ? BigInt(commit) : null
}

/** Entries by `topic/partition`, from a document of which nothing is certain. */
function entriesOf(bytes: Buffer): Map<string, ManifestEntry> | undefined {
  const document = parse(bytes) as { topics?: unknown } | null | undefined
  if (!Array.isArray(document?.topics)) return undefined
  const entries = new Map<string, ManifestEntry>()
  for (const topic of document.topics) {
    const { name, partitions } = Object(topic)
    if (typeof name !== 'string' || !Array.isArray(partitions)) continue
    for (const entry of partitions) {
      const partition = Object(entry).partition_id
      if (typeof partition !== 'number') continue
      entries.set(`${name}/${partition}`, { topic: name, partition, text: JSON.stringify(entry) })
    }
  }
  return entries
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return undefined
  }
}
