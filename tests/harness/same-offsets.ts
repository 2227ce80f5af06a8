import assert from 'node:assert/strict'
import { openCluster } from '@kafka-backup/core'
import { type KafkaCluster, readRecords, type SeenRecord } from '@kafka-backup/testkit'

/** Moves the log start of partition 0 up. */
export async function deleteBelow(cluster: KafkaCluster, topic: string, offset: bigint): Promise<void> {
  const client = openCluster({ bootstrapServers: cluster.bootstrapServers, clientId: 'test-setup' })
  try {
    await client.deleteRecords([{ topic, partition: 0, offset }])
  } finally {
    await client.close()
  }
}

/** Where both partitions of a topic end. */
export async function endsOf(cluster: KafkaCluster, topic: string): Promise<Map<string, bigint>> {
  const client = openCluster({ bootstrapServers: cluster.bootstrapServers, clientId: 'test-evidence' })
  try {
    return await client.listOffsets(
      'high_watermark',
      [0, 1].map((partition) => ({ topic, partition })),
    )
  } finally {
    await client.close()
  }
}

/** All committed records, as Kafka's own consumer sees them. */
export async function readAll(cluster: KafkaCluster, topics: readonly string[]): Promise<SeenRecord[]> {
  const records: SeenRecord[] = []
  for await (const record of readRecords(cluster, topics)) records.push(record)
  return records
}

/**
 * Kafka's consumer sees the same records at the same offsets, and both logs begin and end at the same ones; without `isStartKept`
 * there are markers before the first record.
 */
export async function expectSameOffsets(
  cluster: KafkaCluster,
  names: ReadonlyMap<string, string>,
  { isStartKept = true }: { readonly isStartKept?: boolean } = {},
): Promise<void> {
  const client = openCluster({ bootstrapServers: cluster.bootstrapServers, clientId: 'test-evidence' })
  try {
    // First, so that filler which came back is not read.
    const { topics } = await client.describe([...names.keys()])
    for (const { name: source, partitions } of topics) {
      const ends = async (topic: string) => {
        const places = partitions.map(({ partition }) => ({ topic, partition }))
        const kinds = [
          'high_watermark',
          'last_stable',
          ...(isStartKept ? (['log_start'] as const) : []),
        ] as const
        const found = await Promise.all(kinds.map((kind) => client.listOffsets(kind, places)))
        return found.map((offsets) => [...offsets.values()])
      }
      assert.deepEqual(await ends(names.get(source) ?? ''), await ends(source), source)
    }
  } finally {
    await client.close()
  }
  const records = await readAll(cluster, [...names.keys(), ...names.values()])
  for (const [source, target] of names) {
    const textOf = ({ partition, offset, timestamp, content }: SeenRecord): string =>
      `${partition} ${offset} ${timestamp} ${content}`
    const textsOf = (name: string): string[] =>
      records
        .filter(({ topic }) => topic === name)
        .map(textOf)
        .sort()
    const [expected, found] = [textsOf(source), textsOf(target)]
    assert.ok(expected.length > 0, `${source} was read`)
    // Of two long lists that differ, assert would need all memory to show how.
    const at = expected.findIndex((text, index) => text !== found[index])
    assert.equal(found[at], expected[at], `${target}, record ${at}`)
    assert.equal(found.length, expected.length, target)
  }
}
