import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { type Cluster, partitionName } from '../kafka/cluster.ts'

/** Where a backup goes on in a partition. */
export interface NextOffset {
  readonly topic: string
  readonly partition: number
  readonly nextOffset: bigint
}

/** Offsets below the high watermarks that a backup does not have yet, by `topic/partition`. Partitions that are gone are left out. */
export type BackupLag = ReadonlyMap<string, bigint>

/**
 * Asks the source cluster how far it is ahead. A log that ends before what the backup has counts as 0: what happened to it is
 * for the next run to find out.
 * @throws KB_WRONG_CLUSTER, KB_CLUSTER_*
 */
export async function measureLag(
  cluster: Cluster,
  clusterId: string | null,
  places: readonly NextOffset[],
): Promise<BackupLag> {
  const wanted = new Set(places.map(({ topic }) => topic))
  const found = await cluster.survey([...wanted])
  if (clusterId !== null && found.clusterId !== clusterId) {
    throw new KafkaBackupError(
      'KB_WRONG_CLUSTER',
      `the backup is of cluster ${clusterId}; this is cluster ${found.clusterId}`,
    )
  }
  const led = found.topics.flatMap(({ name, partitions }) =>
    partitions
      .filter(({ leader }) => leader >= 0)
      .map(({ partition }) => partitionName({ topic: name, partition })),
  )
  const isThere = new Set(led)
  const asked = places.filter((place) => isThere.has(partitionName(place)))
  const ends = await cluster.listOffsets('high_watermark', asked)
  const lag = new Map<string, bigint>()
  for (const place of asked) {
    const end = ends.get(partitionName(place))
    if (end === undefined) continue
    lag.set(partitionName(place), end > place.nextOffset ? end - place.nextOffset : 0n)
  }
  return lag
}
