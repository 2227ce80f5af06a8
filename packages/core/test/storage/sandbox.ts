import { mkdtemp, readdir, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FilesystemBackend } from '../../src/storage/filesystem/backend.ts'

/** A folder of one test, with the root of a store in it that does not exist yet. */
export interface Sandbox {
  /** Real path of the folder around the store. */
  readonly folder: string
  /** Real path of the store. */
  readonly root: string
  readonly backend: FilesystemBackend
}

/** Runs `test` in a fresh folder and removes it afterwards. */
export async function withSandbox<T>(test: (sandbox: Sandbox) => Promise<T>): Promise<T> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'kb-storage-')))
  try {
    const root = join(folder, 'store')
    return await test({ folder, root, backend: new FilesystemBackend(root) })
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Names in the folder of unfinished writes. */
export async function temporaryNames(root: string): Promise<string[]> {
  return readdir(join(root, '.tmp')).catch(() => [])
}
