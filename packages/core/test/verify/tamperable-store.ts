import { mkdir, mkdtemp, readFile, rm, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { FilesystemBackend } from '../../src/storage/filesystem/backend.ts'
import { MemoryBackend, type MemoryStore } from '../../src/storage/memory/backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'

/** A store whose objects can be changed behind the backend's back. */
export interface TamperableStore {
  readonly backend: StorageBackend
  read(key: string): Promise<Buffer>
  write(key: string, bytes: Uint8Array): Promise<void>
  remove(key: string): Promise<void>
  close(): Promise<void>
}

export async function openMemoryStore(): Promise<TamperableStore> {
  const store: MemoryStore = new Map()
  const backend = new MemoryBackend('test', { store })
  return {
    backend,
    read: (key) => backend.read(key, 2 ** 30),
    write: async (key, bytes) => {
      store.set(key, { bytes: Buffer.from(bytes), modifiedMs: 0 })
    },
    remove: async (key) => {
      store.delete(key)
    },
    close: () => backend.close(),
  }
}

export async function openFilesystemStore(): Promise<TamperableStore> {
  const folder = await mkdtemp(join(tmpdir(), 'kb-verify-'))
  const backend = new FilesystemBackend(folder)
  return {
    backend,
    read: (key) => readFile(join(folder, key)),
    write: async (key, bytes) => {
      await mkdir(dirname(join(folder, key)), { recursive: true })
      await writeFile(join(folder, key), bytes)
    },
    remove: (key) => unlink(join(folder, key)),
    close: async () => {
      await backend.close()
      await rm(folder, { recursive: true })
    },
  }
}

/** Every kind of store that the tests run on. */
export const STORES = { memory: openMemoryStore, filesystem: openFilesystemStore } as const

/** Runs `test` on a fresh store. */
export async function withStore<T>(
  kind: keyof typeof STORES,
  test: (store: TamperableStore) => Promise<T>,
): Promise<T> {
  const store = await STORES[kind]()
  try {
    return await test(store)
  } finally {
    await store.close()
  }
}
