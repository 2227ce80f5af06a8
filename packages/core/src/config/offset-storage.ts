import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import type { CheckedValues } from './checked-values.ts'
import type { Environment } from './interpolation.ts'
import { absolutePath, type PathSurroundings } from './path-value.ts'

const DIGEST_AND_EXTENSION = /^-[0-9a-f]{12}\.db$/

/** Where a run keeps what `status` shows. */
export interface OffsetStorage {
  readonly backend: 'sqlite' | 'memory'
  /** The file that was asked for; undefined: see {@link offsetStatePath}. */
  readonly path: string | undefined
  /** Absolute; for files that nobody named. */
  readonly stateFolder: string
  /** 0: no copies in the repository. */
  readonly syncIntervalMs: number
}

/** Gathers the values of `offset_storage`. */
export function offsetStorage(
  values: CheckedValues,
  surroundings: PathSurroundings & { readonly env: Environment },
): OffsetStorage {
  const backend = values.get('offset_storage.backend')
  const isNamed = values.given('offset_storage.db_path') !== undefined
  return Object.freeze({
    backend: backend === 'memory' ? 'memory' : 'sqlite',
    path: isNamed ? absolutePath(values, 'offset_storage.db_path', surroundings) : undefined,
    stateFolder: stateFolder(surroundings.env),
    syncIntervalMs: (values.get('offset_storage.sync_interval_secs') as number) * 1_000,
  })
}

/** The file of a backup; `location` is that of its repository. Without a name of its own, each backup has one for itself. */
export function offsetStatePath(storage: OffsetStorage, backupId: string, location: string): string {
  if (storage.path !== undefined) return storage.path
  const repository = createHash('sha256').update(location).digest('hex').slice(0, 12)
  return join(storage.stateFolder, `${backupId}-${repository}.db`)
}

/** Every file that may tell of a backup of this name, whatever the location of its repository is. */
export async function offsetStatePaths(storage: OffsetStorage, backupId: string): Promise<string[]> {
  if (storage.path !== undefined) return [storage.path]
  const names = await readdir(storage.stateFolder).catch(() => [])
  const isMeant = (name: string) =>
    name.startsWith(`${backupId}-`) && DIGEST_AND_EXTENSION.test(name.slice(backupId.length))
  return names.filter(isMeant).map((name) => join(storage.stateFolder, name))
}

/** By the XDG base directory specification, which ignores relative paths. */
function stateFolder(env: Environment): string {
  const given = env.XDG_STATE_HOME ?? ''
  const base = isAbsolute(given) ? given : join(env.HOME || homedir(), '.local', 'state')
  return join(base, 'kafka-backup')
}
