import { invalidLocation, refuseLocationExtras } from '../location-errors.ts'
import type { StorageBackend } from '../storage-backend.ts'
import { MemoryBackend, type MemoryStore } from './backend.ts'

const SPELLING_HINT =
  'Write memory:///NAME. It is for trials: nothing of it is kept when the program ends. A backup needs a folder or a store.'

const stores = new Map<string, MemoryStore>()

/**
 * Opens `memory:///name`. The name stands for one store until the process ends: whoever opens it sees the same
 * objects. @throws KB_LOCATION_INVALID
 */
export function openMemory(url: URL): StorageBackend {
  refuseLocationExtras(url)
  if (url.host !== '') throw invalidLocation(url.href, 'it needs three slashes', SPELLING_HINT)
  const name = nameOf(url)
  const store = stores.get(name) ?? new Map()
  stores.set(name, store)
  return new MemoryBackend(name, { store })
}

function nameOf(url: URL): string {
  let name: string
  try {
    name = decodeURIComponent(url.pathname.slice(1))
  } catch (cause) {
    throw invalidLocation(url.href, 'its percent-encoding is malformed', 'Write a literal % as %25.', cause)
  }
  if (name === '') throw invalidLocation(url.href, 'it has no name', SPELLING_HINT)
  return name
}
