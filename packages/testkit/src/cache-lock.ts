import { rm, stat, utimes, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

const PROBE_INTERVAL_MS = 100
const RENEWAL_INTERVAL_MS = 1_000
/** A lock that was not renewed for so long belongs to a process that is gone. */
const STALE_AFTER_MS = 20_000

/**
 * Runs `work` while no other process does so under the lock file `path`. Its holder renews the time of the file, so that one that
 * was killed is noticed, also from another container. In the rare race of two that notice it together both run: `work` has to
 * stand that.
 */
export async function withCacheLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  while (!(await take(path))) {
    if (await isStale(path)) await rm(path, { force: true })
    else await delay(PROBE_INTERVAL_MS)
  }
  const renewal = setInterval(() => renew(path), RENEWAL_INTERVAL_MS)
  try {
    return await work()
  } finally {
    clearInterval(renewal)
    await rm(path, { force: true })
  }
}

async function take(path: string): Promise<boolean> {
  try {
    await writeFile(path, `${process.pid}\n`, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function isStale(path: string): Promise<boolean> {
  // One that is gone by now is free, not stale.
  const found = await stat(path).catch(() => undefined)
  return found !== undefined && Date.now() - found.mtimeMs > STALE_AFTER_MS
}

function renew(path: string): void {
  const now = new Date()
  // Another one took it for stale, as after the machine slept: nothing is lost by that.
  utimes(path, now, now).catch(() => undefined)
}
