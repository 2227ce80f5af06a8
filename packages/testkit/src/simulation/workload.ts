import type { SeededRandom } from '../seeded-random.ts'
import type { PartitionLog } from './partition-log.ts'
import type { SimulatedTopic, SimulatedTopics } from './simulated-topics.ts'
import type { SimulatedWorld } from './world.ts'

/** What may happen to a cluster beside appends, as weights. */
export interface Troubles {
  readonly retention: number
  readonly election: number
  readonly uncleanElection: number
  readonly compaction: number
  readonly brokerDown: number
  readonly recreation: number
  readonly growth: number
}

/** What a {@link Workload} does, and who hears of it. */
export interface WorkloadOptions {
  readonly troubles: Troubles
  /** False: this is no moment for it. */
  readonly may: (trouble: keyof Troubles) => boolean
  readonly onDeed: (what: string) => void
}

const PRODUCERS = 4
const PAUSE_MAX_MS = 400
const SLOWER_AFTER_MS = 20_000
const DOWN_MAX_MS = 8_000
const PARTITIONS_MAX = 5
const GROUPS = ['billing', 'group of "spaces"', 'mail'] as const

type Deed = keyof Troubles | 'append' | 'transaction' | 'commit'

/** Producers, retention, elections and the rest, at random times until it is ended. */
export class Workload {
  readonly #world: SimulatedWorld
  readonly #topics: SimulatedTopics
  readonly #random: SeededRandom
  readonly #deeds: readonly Deed[]
  readonly #options: WorkloadOptions
  #isOver = false
  #records = 0

  constructor(
    world: SimulatedWorld,
    topics: SimulatedTopics,
    random: SeededRandom,
    options: WorkloadOptions,
  ) {
    this.#world = world
    this.#topics = topics
    this.#random = random
    this.#options = options
    const { troubles } = options
    topics.onGroupsAsked = () => this.#catchUp()
    const times = (deed: Deed, count: number) => Array.from({ length: count }, () => deed)
    const troublesome = (Object.keys(troubles) as (keyof Troubles)[]).flatMap((deed) =>
      times(deed, troubles[deed]),
    )
    this.#deeds = [...times('append', 20), ...times('transaction', 8), ...times('commit', 4), ...troublesome]
  }

  /** Does so much at once. */
  begin(deeds: number): void {
    for (let at = 0; at < deeds; at++)
      this.#do(this.#random.pick(['append', 'append', 'transaction'] as const))
    this.#planNext()
  }

  /** Nothing happens any more: transactions end, and every broker is up. */
  end(): void {
    this.#isOver = true
    this.#topics.down.clear()
    for (const { logs } of this.#topics.topics.values()) {
      for (const log of logs) for (const id of [...log.open.keys()]) this.#endTransaction(log, id)
    }
  }

  #planNext(): void {
    // Long waits are not to fill the logs without end.
    const slowness = 1 + this.#world.elapsedMs / SLOWER_AFTER_MS
    this.#world.after(this.#random.fraction() * PAUSE_MAX_MS * slowness, () => {
      if (this.#isOver) return
      this.#do(this.#random.pick(this.#deeds))
      this.#planNext()
    })
  }

  #do(deed: Deed): void {
    const isHarmless = deed === 'append' || deed === 'transaction' || deed === 'commit'
    if (!isHarmless && !this.#options.may(deed)) return
    const topic = this.#random.pick([...this.#topics.topics.values()])
    const partition = this.#random.below(topic.logs.length)
    const log = topic.logs[partition]!
    this.#change(deed, { topic, partition, log })
    const { startOffset, endOffset, leaderEpoch } = log
    this.#options.onDeed(
      `${deed}: ${topic.name}/${partition} has ${startOffset} to ${endOffset}, epoch ${leaderEpoch}`,
    )
  }

  #change(
    deed: Deed,
    {
      topic,
      partition,
      log,
    }: { readonly topic: SimulatedTopic; readonly partition: number; readonly log: PartitionLog },
  ): void {
    switch (deed) {
      case 'append':
        log.append(this.#newRecords(topic), this.#random.chance(0.2) ? 'gzip' : 'none')
        return
      case 'transaction':
        this.#transact(topic, log)
        return
      case 'commit':
        this.#commit(topic.name, partition, log)
        return
      case 'retention':
        log.deleteBefore(this.#offsetWithin(log))
        return
      case 'election':
        log.elect()
        topic.leaders[partition] = this.#random.pick([...this.#topics.brokers.keys()])
        return
      case 'uncleanElection':
        log.electUnclean(log.endOffset - BigInt(this.#random.below(8)))
        topic.leaders[partition] = this.#random.pick([...this.#topics.brokers.keys()])
        return
      case 'compaction':
        if (topic.isCompacted) log.compact(({ records }) => records.map(() => this.#random.chance(0.6)))
        return
      case 'brokerDown':
        this.#stopBroker()
        return
      case 'recreation':
        this.#topics.delete(topic.name)
        this.#topics.create(topic.name, 1 + this.#random.below(topic.logs.length), topic.isCompacted)
        return
      default:
        this.#topics.grow(topic, Math.min(topic.logs.length + 1, PARTITIONS_MAX))
    }
  }

  /** The worst moment to be asked: somebody has read every record that there is. */
  #catchUp(): void {
    for (const { name: topic, logs } of this.#topics.topics.values()) {
      for (const [partition, { endOffset: offset }] of logs.entries())
        this.#topics.groups.commit('live', { topic, partition, offset })
    }
  }

  /** A consumer has read everything that it may, or less. */
  #commit(topic: string, partition: number, log: PartitionLog): void {
    const group = this.#random.pick(GROUPS)
    const offset = this.#random.chance(0.6) ? log.lastStableOffset : this.#offsetWithin(log)
    this.#topics.groups.commit(group, { topic, partition, offset })
  }

  #transact(topic: SimulatedTopic, log: PartitionLog): void {
    const producerId = BigInt(1_000 + this.#random.below(PRODUCERS))
    if (log.open.has(producerId) && this.#random.chance(0.6)) {
      this.#endTransaction(log, producerId)
      return
    }
    log.appendInTransaction(producerId, this.#newRecords(topic))
    this.#world.after(this.#random.fraction() * 4_000, () => this.#endTransaction(log, producerId))
  }

  #endTransaction(log: PartitionLog, producerId: bigint): void {
    log.endTransaction(producerId, this.#random.chance(0.3) ? 'abort' : 'commit')
  }

  /** Anywhere between start and end, often at a batch. */
  #offsetWithin(log: PartitionLog): bigint {
    const batch = log.batches[this.#random.below(Math.max(log.batches.length, 1))]
    if (!batch) return log.endOffset
    const isAtBorder = this.#random.chance(0.6)
    const inside = BigInt(this.#random.below(Number(batch.lastOffset - batch.baseOffset) + 1))
    return isAtBorder ? batch.lastOffset + 1n : batch.baseOffset + inside
  }

  #stopBroker(): void {
    const broker = this.#random.pick([...this.#topics.brokers.keys()])
    this.#topics.down.add(broker)
    this.#world.after(this.#random.fraction() * DOWN_MAX_MS, () => this.#topics.down.delete(broker))
  }

  #newRecords(topic: SimulatedTopic) {
    const count = 1 + this.#random.below(this.#random.chance(0.1) ? 30 : 4)
    return Array.from({ length: count }, () => {
      const number = this.#records++
      const value = Buffer.from(`${topic.name} record ${number} ${'.'.repeat(this.#random.below(120))}`)
      return {
        timestamp: BigInt(this.#world.nowMs),
        key: topic.isCompacted ? Buffer.from(`key-${this.#random.below(10)}`) : null,
        value,
        headers: number % 7 === 0 ? [{ nameBytes: Buffer.from('n'), value: null }] : [],
      }
    })
  }
}
