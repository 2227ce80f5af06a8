import { join } from 'node:path'
import { contentOf, decompressSegment, type SeenRecord } from '@kafka-backup/testkit'
import { readRecords } from '../../packages/core/src/protocol/record.ts'
import { BatchCursor, verifyCrc } from '../../packages/core/src/protocol/record-batch.ts'
import type { Archive } from '../harness/archive.ts'
import { readCommits } from '../harness/committed-batches.ts'

/** The committed batches of one partition, one behind the other; found through commits and seek tables alone. */
export async function readArchivedBytes(archive: Archive, topic: string, partition = 0): Promise<Buffer> {
  const segments = (await readCommits(archive)).flatMap((commit) => commit.segments)
  const own = segments.filter(({ key }) => key.includes(`/topics/${topic}/partition=${partition}/`))
  return Buffer.concat(await Promise.all(own.map(({ key }) => decompressSegment(join(archive.folder, key)))))
}

/** Every record in batches that are not control batches, as a consumer that reads uncommitted data would see it. */
export function* recordsIn(
  batches: Buffer,
  { topic, partition = 0 }: { readonly topic: string; readonly partition?: number },
): Generator<SeenRecord, void, undefined> {
  const cursor = new BatchCursor(batches)
  while (cursor.next()) {
    verifyCrc(cursor)
    if (cursor.isControl) continue
    const timestampType = cursor.isLogAppendTime ? 'LogAppendTime' : 'CreateTime'
    for (const record of readRecords(cursor)) {
      const { offset, timestamp } = record
      yield { topic, partition, offset, timestampType, timestamp, content: contentOf(record) }
    }
  }
}
