import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'

/**
 * The folder `name` of the cache of this machine; the first caller fills it. Only what `fill` finished ever has that name,
 * also when several processes begin at the same time.
 */
export async function ensureCached(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(cacheFolder(), name)
  if (await exists(folder)) return folder
  await mkdir(cacheFolder(), { recursive: true })
  const partial = await mkdtemp(`${folder}.partial-`)
  try {
    await fill(partial)
    await rename(partial, folder)
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    // Another process was faster: its folder is as good as ours.
    if (!(await exists(folder))) throw error
  }
  return folder
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
