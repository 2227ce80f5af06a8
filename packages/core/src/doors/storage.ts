export { openLocation } from '../storage/backend-registry.ts'
export type { StorageUsage } from '../storage/metered-backend.ts'
export { type OpenedStore, openResilient, type ResilientStorage } from '../storage/resilience.ts'
export type { StorageBackend } from '../storage/storage-backend.ts'
