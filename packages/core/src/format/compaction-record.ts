import { z } from 'zod'
import { listOf } from './checked-list.ts'

/** Segments that a commit replaces by its own ones, which hold the same batches. What they held follows from the state before. */
export interface CompactionRecord {
  /** Keys, ascending. */
  readonly objects: readonly string[]
}

/** Schema of `compacted` of a commit. */
export const compactionSchema = z
  .object({ objects: listOf(z.string(), 1) })
  .refine(
    ({ objects }) => objects.every((key, at) => at === 0 || (objects[at - 1] ?? '') < key),
    'objects ascend',
  )

/** What a commit replaces, as it stands in documents. */
export function compactionDocument({ objects }: CompactionRecord) {
  return { objects }
}
