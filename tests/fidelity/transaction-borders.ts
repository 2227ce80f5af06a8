import { join } from 'node:path'
import { decompressFrames } from '@kafka-backup/testkit'
import { BatchCursor } from '../../packages/core/src/protocol/record-batch.ts'
import type { Archive } from '../harness/archive.ts'
import { readCommits } from '../harness/committed-batches.ts'

/** Transactions that were open where something of an archive ended. */
export interface CrossedBorders {
  readonly frames: number
  readonly segments: number
  readonly runs: number
}

/** Counts them from the batches alone: without any, a test of borders would test nothing. */
export async function countCrossedBorders(archive: Archive): Promise<CrossedBorders> {
  const crossed = { frames: 0, segments: 0, runs: 0 }
  const openBy = new Map<string, Set<bigint>>()
  let run = ''
  for (const commit of await readCommits(archive)) {
    if (commit.run.id !== run) for (const open of openBy.values()) crossed.runs += open.size
    run = commit.run.id
    for (const { key } of commit.segments) {
      const partition = key.slice(0, key.lastIndexOf('/'))
      const open = openBy.get(partition) ?? new Set<bigint>()
      openBy.set(partition, open)
      crossed.segments += open.size
      for (const [index, frame] of (await decompressFrames(join(archive.folder, key))).entries()) {
        if (index > 0) crossed.frames += open.size
        follow(frame, open)
      }
    }
  }
  return crossed
}

/** Keeps in `open` the producers that have written data and no marker since. */
function follow(frame: Buffer, open: Set<bigint>): void {
  const cursor = new BatchCursor(frame)
  while (cursor.next()) {
    if (!cursor.isTransactional) continue
    if (cursor.isControl) open.delete(cursor.producerId)
    else open.add(cursor.producerId)
  }
}
