import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import {
  contentDifference,
  digestTopics,
  type KafkaCluster,
  type PartitionContent,
} from '@kafka-backup/testkit'

type Readable = Pick<KafkaCluster, 'version' | 'classpath' | 'bootstrap' | 'folder'>

/** Topics as Kafka's own consumer sees them, read_committed. */
export function readTopics(cluster: Readable, topics: readonly string[]): Promise<PartitionContent[]> {
  return digestTopics(cluster, topics, join(cluster.folder, `digests-${randomUUID()}`))
}

/**
 * Reads the topics of each mapping, source to restored copy on the same cluster, and compares them as {@link expectSameRecords}
 * does. All in one run of Kafka's consumer: starting it costs more than reading.
 */
export async function expectCopiesEqual(
  cluster: Readable,
  mappings: readonly ReadonlyMap<string, string>[],
): Promise<PartitionContent[]> {
  const topics = new Set(mappings.flatMap((names) => [...names.keys(), ...names.values()]))
  const contents = await readTopics(cluster, [...topics])
  for (const names of mappings) await expectSameRecords(names, contents, contents)
  return contents
}

/**
 * Key, value, headers, timestamp and order of every record are the same: topics that are keys of `names` in `sources`, those
 * that they were restored into in `targets`.
 */
export async function expectSameRecords(
  names: ReadonlyMap<string, string>,
  sources: readonly PartitionContent[],
  targets: readonly PartitionContent[],
): Promise<void> {
  const differences: (string | undefined)[] = []
  for (const [from, to] of names) {
    const expected = sources.filter((entry) => entry.topic === from)
    const found = targets.filter((entry) => entry.topic === to)
    assert.ok(expected.length > 0, `${from} was not read`)
    if (found.length !== expected.length) {
      differences.push(`${to} has ${found.length} partitions, ${from} has ${expected.length}`)
    }
    for (const source of expected) {
      const target = found.find((entry) => entry.partition === source.partition)
      if (target) differences.push(await contentDifference(source, target))
    }
  }
  assert.deepEqual(
    differences.filter((difference) => difference !== undefined),
    [],
  )
}

/** Records of some topics together. */
export function countRecords(contents: readonly PartitionContent[], topics?: readonly string[]): number {
  const chosen = contents.filter((entry) => topics?.includes(entry.topic) ?? true)
  return chosen.reduce((sum, entry) => sum + entry.records, 0)
}
