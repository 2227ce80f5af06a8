import type { KafkaCluster } from '@kafka-backup/testkit'

/** What a group is to read. */
export interface GroupReading {
  readonly group: string
  readonly topic: string
  /** At most. */
  readonly records: number
  readonly protocol: 'classic' | 'consumer'
  /** How long it waits for one more. */
  readonly idleMs?: number
}

const IDLE_MS = 4_000
const PLACE = /^Partition:(\d+)\tOffset:(\d+)\t/

/** A record as Kafka's own consumer prints it, without its place. */
export interface ConsumedRecord {
  readonly partition: number
  readonly offset: bigint
  /** Key and value. */
  readonly content: string
}

/** Reads as a member of a group does, commits what was read, and leaves. All that there is to a group that waits for more. */
export async function consumeAs(
  cluster: KafkaCluster,
  { group, topic, records, protocol, idleMs = IDLE_MS }: GroupReading,
): Promise<ConsumedRecord[]> {
  const lines = await cluster.tools.consoleConsumer({
    topic,
    group,
    protocol,
    maxRecords: records,
    idleMs,
    isolation: 'read_committed',
    properties: { 'print.partition': 'true', 'print.offset': 'true', 'print.key': 'true' },
  })
  return lines.map((line) => {
    const [place, partition, offset] = PLACE.exec(line) ?? []
    if (place === undefined) throw new Error(`no record: ${line}`)
    return { partition: Number(partition), offset: BigInt(offset ?? -1), content: line.slice(place.length) }
  })
}
