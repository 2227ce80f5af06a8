import { describeStorageBackend } from '../../../testkit/src/conformance/storage-backend.ts'
import { MemoryBackend, type MemoryStore } from '../../src/storage/memory/backend.ts'
import { MeteredBackend } from '../../src/storage/metered-backend.ts'

describeStorageBackend('memory', async () => {
  const store: MemoryStore = new Map()
  const backend = new MemoryBackend('test', { store })
  return {
    backend,
    reopen: async () => new MemoryBackend('test', { store }),
    close: () => backend.close(),
  }
})

describeStorageBackend('metered over memory', async () => {
  const backend = new MeteredBackend(new MemoryBackend('test'))
  return { backend, close: () => backend.close() }
})
