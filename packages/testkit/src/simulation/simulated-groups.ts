import type { CommittedOffset, ConsumerGroups, TopicPartition } from '@kafka-backup/core/internal'

/** What groups have committed: what all processes see. */
export class SimulatedGroups {
  readonly #groups = new Map<string, Map<string, CommittedOffset>>()

  /** The group has none before it commits first; it stays when its offsets go. */
  commit(
    group: string,
    entry: TopicPartition & { readonly offset: bigint; readonly metadata?: string },
  ): void {
    const { topic, partition, offset, metadata = '' } = entry
    const offsets = this.#groups.get(group) ?? new Map<string, CommittedOffset>()
    offsets.set(`${topic}/${partition}`, { topic, partition, offset, leaderEpoch: -1, metadata })
    this.#groups.set(group, offsets)
  }

  /** A topic that is deleted takes what was committed for it. */
  forgetTopic(topic: string): void {
    for (const offsets of this.#groups.values()) {
      for (const [name, entry] of offsets) if (entry.topic === topic) offsets.delete(name)
    }
  }

  /** As an administrator deletes it. */
  delete(group: string): void {
    this.#groups.delete(group)
  }

  /** What coordinators say, also of groups that there are not. */
  read(clusterId: string, known: readonly string[]): ConsumerGroups {
    const names = new Set([...this.#groups.keys(), ...known])
    const groups = [...names].map((group) => {
      const offsets = this.#groups.get(group)
      return {
        group,
        type: offsets ? ('classic' as const) : ('unknown' as const),
        protocolType: '',
        state: offsets ? 'Empty' : 'Absent',
        members: 0,
        offsets: [...(offsets?.values() ?? [])],
        failure: null,
      }
    })
    return { clusterId, groups, silentBrokers: new Map() }
  }
}
