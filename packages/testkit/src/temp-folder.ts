import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { removeAtExit } from './owned-resources.ts'

/** A folder that is removed by {@link TempFolder.close}, or else when this process ends, however it ends. */
export interface TempFolder {
  readonly path: string
  close(): Promise<void>
}

// A killed process runs no exit hook: a shell waits for the end of its pipe and removes the folder. It waits a
// moment longer so that the processes writing there, ended the same way, are gone first.
const GUARD_SCRIPT = 'read -r _ || { sleep 2; rm -rf -- "$1"; }'

/** Creates a folder below the temporary folder of the system. */
export async function openTempFolder(prefix: string): Promise<TempFolder> {
  const path = await mkdtemp(join(tmpdir(), prefix))
  const guard = spawn('sh', ['-c', GUARD_SCRIPT, 'sh', path], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    cwd: '/',
  })
  guard.on('error', () => {})
  guard.stdin.on('error', () => {})
  guard.unref()
  const forget = removeAtExit(() => rmSync(path, { recursive: true, force: true, maxRetries: 3 }))
  return {
    path,
    async close() {
      await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
      forget()
      guard.stdin.end('released\n')
    },
  }
}
