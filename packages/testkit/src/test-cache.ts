import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { withCacheLock } from './cache-lock.ts'

/**
 * The folder `name` of the cache of this machine; the first caller fills it, while others wait. Only what `fill` finished ever has
 * that name.
 */
export async function ensureCached(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(cacheFolder(), name)
  if (await exists(folder)) return folder
  await mkdir(cacheFolder(), { recursive: true })
  await withCacheLock(`${folder}.lock`, async () => {
    // Whoever had the lock before us may have filled it, or failed.
    if (!(await exists(folder))) await fillOnce(folder, fill)
  })
  return folder
}

async function fillOnce(folder: string, fill: (folder: string) => Promise<void>): Promise<void> {
  const partial = await mkdtemp(`${folder}.partial-`)
  try {
    await fill(partial)
    await rename(partial, folder)
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    // Another process was faster: its folder is as good as ours.
    if (!(await exists(folder))) throw error
  }
}

function cacheFolder(): string {
  const { KAFKA_BACKUP_TEST_CACHE: own, XDG_CACHE_HOME: shared } = process.env
  if (own) return own
  return join(shared || join(homedir(), '.cache'), 'kafka-backup-test')
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
