import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeStorageBackend } from '../../../testkit/src/conformance/storage-backend.ts'
import { FilesystemBackend } from '../../src/storage/filesystem/backend.ts'

describeStorageBackend('filesystem', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kb-storage-'))
  const root = join(folder, 'store')
  const backend = new FilesystemBackend(root)
  return {
    backend,
    reopen: async () => new FilesystemBackend(root),
    close: async () => {
      await backend.close()
      await rm(folder, { recursive: true })
    },
  }
})
