import { partitionName, type TopicPartition } from '../kafka/cluster.ts'

/**
 * Chosen partitions that a look has seen and nobody reads yet: they have no leader, or what a plan needs could not be asked. Records are
 * acknowledged there that the run does not have, so they hold its recovery point back from then on.
 */
export class AwaitedPartitions {
  #points = new Map<string, number | null>()

  /** Everything acknowledged before it is committed, wall clock: one for each partition; null: nothing is known. */
  get recoveryPointsMs(): readonly (number | null)[] {
    return [...this.#points.values()]
  }

  /** Takes all that a look has seen. `pointOf` is asked once for each, when it is seen first. */
  see<T extends TopicPartition>(partitions: readonly T[], pointOf: (partition: T) => number | null): void {
    const seen = partitions.map((entry) => {
      const name = partitionName(entry)
      const point = this.#points.get(name)
      return [name, point === undefined ? pointOf(entry) : point] as const
    })
    this.#points = new Map(seen)
  }

  /** Its recovery point, which is from now on for others to keep. */
  release(partition: TopicPartition): number | null {
    const name = partitionName(partition)
    const pointMs = this.#points.get(name) ?? null
    this.#points.delete(name)
    return pointMs
  }
}
