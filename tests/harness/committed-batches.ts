import assert from 'node:assert/strict'
import { createHash, type Hash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decompressSegment } from '@kafka-backup/testkit'
import { type Archive, archivePath } from './archive.ts'

/** A record batch, with the segment it stands in. */
export interface StoredBatch {
  readonly baseOffset: bigint
  readonly lastOffset: bigint
  readonly recordCount: number
  /** A marker of a transaction. */
  readonly isControl: boolean
  readonly segment: string
}

/** A commit document, as far as the tests read it. */
export interface CommitDocument {
  readonly number: string
  readonly run: { readonly id: string; readonly outcome: string }
  readonly segments: readonly { readonly key: string; readonly bytes: number }[]
  readonly gaps: readonly unknown[]
  readonly artifacts: readonly { readonly kind: string; readonly key: string }[]
}

// Of a record batch of magic 2, big endian.
const BATCH_LENGTH_AT = 8
const BATCH_OVERHEAD_BYTES = 12
const MAGIC_AT = 16
const ATTRIBUTES_AT = 21
const CONTROL_BIT = 0x20
const LAST_OFFSET_DELTA_AT = 23
const RECORD_COUNT_AT = 57

/** All commits by number. Read by no code of the product: what it wrote is judged by the format documents alone. */
export async function readCommits(archive: Archive): Promise<CommitDocument[]> {
  const folder = archivePath(archive, 'commits')
  const names = (await readdir(folder).catch(() => [])).filter((name) => /^\d{20}\.json$/.test(name)).sort()
  const commits = names.map(async (name, at) => {
    assert.equal(BigInt(name.slice(0, 20)), BigInt(at + 1), 'commits count from 1 without a hole')
    return JSON.parse(await readFile(join(folder, name), 'utf8')) as CommitDocument
  })
  return Promise.all(commits)
}

/** Every batch of every committed segment by `topic/partition`, in the order of the commits. */
export async function readCommittedBatches(archive: Archive): Promise<Map<string, StoredBatch[]>> {
  const byPartition = new Map<string, StoredBatch[]>()
  for await (const { name, key, content } of committedSegments(archive)) {
    const batches = byPartition.get(name) ?? []
    batches.push(...parseBatches(content, key))
    byPartition.set(name, batches)
  }
  return byPartition
}

/** SHA-256 of all committed batches of each `topic/partition`, which are those of the source, byte for byte. */
export async function partitionDigests(archive: Archive): Promise<Map<string, string>> {
  const hashes = new Map<string, Hash>()
  for await (const { name, content } of committedSegments(archive)) {
    const hash = hashes.get(name) ?? createHash('sha256')
    hashes.set(name, hash.update(content))
  }
  return new Map([...hashes].sort().map(([name, hash]) => [name, hash.digest('hex')]))
}

/** Every committed segment in the order of the commits, with its batches; `name` is `topic/partition`. */
async function* committedSegments(
  archive: Archive,
): AsyncGenerator<{ readonly name: string; readonly key: string; readonly content: Buffer }> {
  for (const { key, bytes } of (await readCommits(archive)).flatMap((commit) => commit.segments)) {
    const [, topic, partition] = /topics\/([^/]+)\/partition=(\d+)\/[^/]+\.zst$/.exec(key) ?? []
    assert.ok(topic && partition, `${key} is the segment of one partition`)
    const path = join(archive.folder, key)
    assert.equal((await readFile(path)).length, bytes, `${key} has the length that its commit says`)
    yield { name: `${topic}/${partition}`, key, content: await decompressSegment(path) }
  }
}

/**
 * Every offset below the ends is in exactly one batch of the archive, and nothing else is: no record was lost, none is there
 * twice. For logs that begin at 0 and were never compacted.
 */
export async function expectEveryOffsetOnce(
  archive: Archive,
  ends: ReadonlyMap<string, bigint>,
): Promise<void> {
  const archived = await readCommittedBatches(archive)
  const problems: string[] = []
  for (const name of archived.keys()) if (!ends.has(name)) problems.push(`${name} is not in the source`)
  for (const [name, end] of ends) {
    let next = 0n
    for (const batch of archived.get(name) ?? []) {
      if (batch.baseOffset > next) problems.push(`${name}: ${next} to ${batch.baseOffset - 1n} are missing`)
      if (batch.baseOffset < next) {
        problems.push(`${name}: ${batch.baseOffset} is there again, in ${batch.segment}`)
      }
      if (BigInt(batch.recordCount) !== batch.lastOffset - batch.baseOffset + 1n) {
        problems.push(`${name}: the batch at ${batch.baseOffset} has ${batch.recordCount} records`)
      }
      next = batch.lastOffset + 1n
    }
    if (next !== end) problems.push(`${name} ends at ${next} in the archive, at ${end} in the source`)
  }
  assert.deepEqual(problems.slice(0, 10), [])
}

/** manifest.json names the committed segments, each once. */
export async function expectManifestNamesCommitted(archive: Archive): Promise<void> {
  const manifest = JSON.parse(await readFile(archivePath(archive, 'manifest.json'), 'utf8')) as {
    topics: { partitions: { segments: { key: string }[] }[] }[]
  }
  const named = manifest.topics.flatMap((topic) =>
    topic.partitions.flatMap((partition) => partition.segments.map((segment) => segment.key)),
  )
  const committed = (await readCommits(archive)).flatMap((commit) => commit.segments.map(({ key }) => key))
  assert.deepEqual(named.toSorted(), committed.toSorted())
}

/** The headers of record batches that follow one another, as in a segment file of a broker. */
export function parseBatches(bytes: Buffer, segment: string): StoredBatch[] {
  const batches: StoredBatch[] = []
  let at = 0
  while (at < bytes.length) {
    assert.equal(bytes[at + MAGIC_AT], 2, `${segment}: a record batch begins at ${at}`)
    const baseOffset = bytes.readBigInt64BE(at)
    const lastOffset = baseOffset + BigInt(bytes.readInt32BE(at + LAST_OFFSET_DELTA_AT))
    const isControl = (bytes.readInt16BE(at + ATTRIBUTES_AT) & CONTROL_BIT) !== 0
    const recordCount = bytes.readInt32BE(at + RECORD_COUNT_AT)
    batches.push({ baseOffset, lastOffset, recordCount, isControl, segment })
    at += BATCH_OVERHEAD_BYTES + bytes.readInt32BE(at + BATCH_LENGTH_AT)
  }
  assert.equal(at, bytes.length, `${segment} ends with a whole batch`)
  return batches
}
