import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import type { PartitionContent } from '@kafka-backup/testkit'

const RECORD_DIGEST_BYTES = 8

/** One word for each record of a partition, in order, as Kafka's own consumer saw it. */
export async function recordDigests(
  contents: readonly PartitionContent[],
  topic: string,
  partition: number,
): Promise<string[]> {
  const content = contents.find((entry) => entry.topic === topic && entry.partition === partition)
  assert.ok(content, `${topic}/${partition} was read`)
  const bytes = await readFile(content.digestFile)
  const count = bytes.length / RECORD_DIGEST_BYTES
  return Array.from({ length: count }, (_, at) =>
    bytes.toString('hex', at * RECORD_DIGEST_BYTES, (at + 1) * RECORD_DIGEST_BYTES),
  )
}

/** Fails with the first record that differs. */
export function assertSameRecords(found: readonly string[], expected: readonly string[], what: string): void {
  const longer = Math.max(found.length, expected.length)
  for (let at = 0; at < longer; at++) {
    const counts = `${found.length} records, expected ${expected.length}`
    assert.equal(found[at], expected[at], `${what}: record ${at} is another one (${counts})`)
  }
}
