import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { LIMITS } from '../runtime/limits.ts'

/** What a key below a backup's folder is. */
export type ParsedKey =
  | {
      readonly kind: 'segment'
      readonly topic: string
      readonly partition: number
      readonly sequence: number
      readonly writer: string
    }
  | { readonly kind: 'bundle'; readonly sequence: number; readonly writer: string }
  | { readonly kind: 'commit'; readonly number: bigint }
  | { readonly kind: 'snapshot'; readonly number: bigint }
  | {
      readonly kind: 'artifact'
      readonly artifactKind: string
      readonly number: bigint
      readonly writer: string
      readonly isCompressed: boolean
    }
  | { readonly kind: 'restore'; readonly restoreId: string; readonly number: bigint }
  | {
      readonly kind: 'quarantine'
      readonly topic: string
      readonly partition: number
      readonly sequence: number
      readonly writer: string
    }
  /** Smallest timestamps of the frames of the segment or bundle with this key. */
  | { readonly kind: 'minima'; readonly segment: string; readonly number: number }
  | { readonly kind: 'lease'; readonly lease: string }
  | { readonly kind: 'manifest' }
  | { readonly kind: 'offset_state' }

/** Keys of all probes begin with it. */
export const PROBE_FOLDER = 'probe=store/'

const BACKUP_ID = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/
const SEGMENT =
  /^topics\/([A-Za-z0-9._-]{1,249})\/partition=(0|[1-9][0-9]{0,9})\/segment-([0-9]{10})-([0-9a-f]{8})\.(?:zst|lz4)$/
const QUARANTINE =
  /^quarantine\/([A-Za-z0-9._-]{1,249})\/partition=(0|[1-9][0-9]{0,9})\/batch-([0-9]{10})-([0-9a-f]{8})\.bin$/
const BUNDLE = /^bundles\/bundle-([0-9]{10})-([0-9a-f]{8})\.(?:zst|lz4)$/
const MINIMA = /^(.+)\.minima-([1-9])\.json$/
const COMMIT = /^commits\/([0-9]{20})\.json$/
const SNAPSHOT = /^snapshots\/([0-9]{20})\.json\.zst$/
const ARTIFACT = /^artifacts\/([a-z][a-z0-9-]{0,63})\/([0-9]{20})-([0-9a-f]{8})\.json(\.zst)?$/
const LEASE = /^leases\/([0-9a-f]{8})\.json$/
const RESTORE = /^restores\/([0-9a-f]{16}-[0-9]{4,9})\/([0-9]{10})\.json$/

/** Whether a folder of this name can be a backup. */
export function isBackupId(name: string): boolean {
  return BACKUP_ID.test(name) && name.length <= LIMITS.backupIdMaxLength
}

/** Refuses ids that could not be one path element. @throws KB_USAGE */
export function assertBackupId(backupId: string): void {
  if (!isBackupId(backupId)) {
    throw new KafkaBackupError(
      'KB_USAGE',
      `"${backupId}" cannot be a backup id: use 1 to ${LIMITS.backupIdMaxLength} letters, digits, '.', '_' or '-', not beginning with '.'`,
    )
  }
}

/** `daily/topics/orders/partition=3/segment-0000000031-9f2c11ab.zst` */
export function segmentKey(
  backupId: string,
  place: { topic: string; partition: number; sequence: number; writer: string; extension: string },
): string {
  const name = `segment-${String(place.sequence).padStart(10, '0')}-${place.writer}.${place.extension}`
  return `${backupId}/topics/${place.topic}/partition=${place.partition}/${name}`
}

/** `daily/quarantine/orders/partition=3/batch-0000000031-9f2c11ab.bin`: `sequence` counts on with the segments. */
export function quarantineKey(
  backupId: string,
  place: { topic: string; partition: number; sequence: number; writer: string },
): string {
  const name = `batch-${String(place.sequence).padStart(10, '0')}-${place.writer}.bin`
  return `${backupId}/quarantine/${place.topic}/partition=${place.partition}/${name}`
}

/** `daily/artifacts/topics/00000000000000000412-9f2c11ab.json` (or `.json.zst`): `number` is that of the commit that was next when it was written. */
export function artifactKey(
  backupId: string,
  place: { kind: string; number: bigint; writer: string; isCompressed: boolean },
): string {
  const extension = place.isCompressed ? 'json.zst' : 'json'
  const name = `${String(place.number).padStart(20, '0')}-${place.writer}.${extension}`
  return `${backupId}/artifacts/${place.kind}/${name}`
}

/** `daily/bundles/bundle-0000000007-9f2c11ab.zst` */
export function bundleKey(
  backupId: string,
  place: { sequence: number; writer: string; extension: string },
): string {
  return `${backupId}/bundles/bundle-${String(place.sequence).padStart(10, '0')}-${place.writer}.${place.extension}`
}

/** `daily/topics/orders/partition=3/segment-0000000031-9f2c11ab.zst.minima-1.json`: beside the segment or bundle; `number` from 1 to 9. */
export function minimaKey(segment: string, number: number): string {
  return `${segment}.minima-${number}.json`
}

/** `daily/commits/00000000000000000412.json` */
export function commitKey(backupId: string, number: bigint): string {
  return `${commitPrefix(backupId)}${String(number).padStart(20, '0')}.json`
}

/** `daily/commits/` */
export function commitPrefix(backupId: string): string {
  return `${backupId}/commits/`
}

/** `daily/snapshots/00000000000000000400.json.zst` */
export function snapshotKey(backupId: string, number: bigint): string {
  return `${snapshotPrefix(backupId)}${String(number).padStart(20, '0')}.json.zst`
}

/** `daily/snapshots/` */
export function snapshotPrefix(backupId: string): string {
  return `${backupId}/snapshots/`
}

/** `daily/manifest.json` */
export function manifestKey(backupId: string): string {
  return `${backupId}/manifest.json`
}

/** `daily/leases/` */
export function leasePrefix(backupId: string): string {
  return `${backupId}/leases/`
}

/** `daily/leases/9f2c11ab.json`: `lease` is drawn by the run that holds it. */
export function leaseKey(backupId: string, lease: string): string {
  return `${leasePrefix(backupId)}${lease}.json`
}

/** `daily/state/offsets.db` */
export function offsetStateKey(backupId: string): string {
  return `${backupId}/state/offsets.db`
}

/** `daily/restores/` */
export function restoresPrefix(backupId: string): string {
  return `${backupId}/restores/`
}

/** `daily/restores/5f2c9d0a1b3e4f67-0001/0000000003.json` */
export function restoreEntryKey(backupId: string, restoreId: string, number: bigint): string {
  return `${restoresPrefix(backupId)}${restoreId}/${String(number).padStart(10, '0')}.json`
}

/**
 * `probe=store/5f2c9d0a1b3e4f67-range`: what `probe` writes and removes again. No backup id has a '=', so that it can stand
 * beside backups. `name` may have a folder in front of its last element, which is the same in every run.
 */
export function probeKey(probeId: string, name: string): string {
  const at = name.lastIndexOf('/') + 1
  return `${PROBE_FOLDER}${name.slice(0, at)}${probeId}-${name.slice(at)}`
}

/** The key's meaning, or undefined when it is foreign. Inverse of the functions above. */
export function parseKey(backupId: string, key: string): ParsedKey | undefined {
  if (!key.startsWith(`${backupId}/`)) return undefined
  const rest = key.slice(backupId.length + 1)
  if (rest === 'manifest.json') return { kind: 'manifest' }
  if (rest === 'state/offsets.db') return { kind: 'offset_state' }
  const segment = parseOfPartition(SEGMENT.exec(rest))
  if (segment) return { kind: 'segment', ...segment }
  const quarantine = parseOfPartition(QUARANTINE.exec(rest))
  if (quarantine) return { kind: 'quarantine', ...quarantine }
  const bundle = BUNDLE.exec(rest)
  if (bundle) return { kind: 'bundle', sequence: Number(bundle[1]), writer: bundle[2] ?? '' }
  const minima = parseMinima(backupId, rest)
  if (minima) return minima
  const commit = COMMIT.exec(rest)
  if (commit?.[1]) return { kind: 'commit', number: BigInt(commit[1]) }
  const snapshot = SNAPSHOT.exec(rest)
  if (snapshot?.[1]) return { kind: 'snapshot', number: BigInt(snapshot[1]) }
  const artifact = parseArtifact(ARTIFACT.exec(rest))
  if (artifact) return artifact
  const lease = LEASE.exec(rest)
  if (lease?.[1]) return { kind: 'lease', lease: lease[1] }
  const restore = RESTORE.exec(rest)
  if (restore?.[1] && restore[2]) {
    return { kind: 'restore', restoreId: restore[1], number: BigInt(restore[2]) }
  }
  return undefined
}

/** Whether an object of this name is removed when nothing names it: those that a run writes before its commit. */
export function isOrphanKey(backupId: string, key: string): boolean {
  const kind = parseKey(backupId, key)?.kind
  return kind === 'segment' || kind === 'bundle' || kind === 'quarantine' || kind === 'artifact'
}

/** The key of the object that decides whether this one stays: of kept minima their segment, else itself. */
export function ownerKey(backupId: string, key: string): string {
  const parsed = parseKey(backupId, key)
  return parsed?.kind === 'minima' ? parsed.segment : key
}

function parseMinima(backupId: string, rest: string): ParsedKey | undefined {
  const [, name, number] = MINIMA.exec(rest) ?? []
  if (name === undefined) return undefined
  const segment = `${backupId}/${name}`
  const kind = parseKey(backupId, segment)?.kind
  if (kind !== 'segment' && kind !== 'bundle') return undefined
  return { kind: 'minima', segment, number: Number(number) }
}

function parseArtifact(match: RegExpExecArray | null): ParsedKey | undefined {
  const [, artifactKind, number, writer, compression] = match ?? []
  if (!artifactKind || !number || !writer) return undefined
  const isCompressed = compression !== undefined
  return { kind: 'artifact', artifactKind, number: BigInt(number), writer, isCompressed }
}

function parseOfPartition(match: RegExpExecArray | null) {
  if (!match?.[1] || match[1] === '.' || match[1] === '..') return undefined
  const [, topic, partition, sequence, writer = ''] = match
  return { topic, partition: Number(partition), sequence: Number(sequence), writer }
}
