import type { StorageBackend } from '../../src/storage/storage-backend.ts'

/** A backend of which some methods are replaced. */
export function altered(inner: StorageBackend, changes: Partial<StorageBackend>): StorageBackend {
  return new Proxy(inner, {
    get(target, name) {
      const changed = changes[name as keyof StorageBackend]
      if (changed) return changed
      const value = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
