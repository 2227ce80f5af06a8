import { describe } from 'node:test'
import { describeStorageEntries } from './storage-entries.ts'
import { describeExclusiveCreation } from './storage-exclusive-creation.ts'
import { describeStorageKeys } from './storage-keys.ts'
import { describeObjectWriter } from './storage-object-writer.ts'
import { describeStorageReads } from './storage-reads.ts'
import { describeStorageReplace } from './storage-replace.ts'
import type { OpenStorageSubject } from './storage-subject.ts'

/**
 * The contract of `StorageBackend` as tests: every store has to pass all of them, the one in memory too. `open` gives
 * an empty store for each test.
 */
export function describeStorageBackend(name: string, open: OpenStorageSubject): void {
  describe(`storage backend ${name}`, () => {
    describeExclusiveCreation(open)
    describeObjectWriter(open)
    describeStorageReads(open)
    describeStorageEntries(open)
    describeStorageReplace(open)
    describeStorageKeys(open)
  })
}
