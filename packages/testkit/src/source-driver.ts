import { createInterface } from 'node:readline'
import { JavaProcess } from './java-process.ts'
import type { KafkaCluster } from './kafka-cluster.ts'

/** Records to write to one partition. The label makes their content differ from that of other labels. */
export interface WriteOrder {
  readonly topic: string
  readonly partition?: number
  readonly label: string
  readonly records: number
  /** 10 by default: batches end where they are told to. */
  readonly recordsPerBatch?: number
  /** 200 by default. */
  readonly valueBytes?: number
}

/** An offset to commit. */
export interface GroupCommitOrder {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly metadata?: string
}

/** A topic to create; `replicas`: the brokers of each partition, first leader first, or how many partitions there are. */
export interface CreateOrder {
  readonly replicas: readonly (readonly number[])[] | number
  readonly config?: Readonly<Record<string, string>>
}

/** What a {@link SourceDriver} can be told to do between the begin and the end of a transaction. */
export interface DrivenTransaction {
  /** Returns the offset behind the last record. */
  write(order: WriteOrder): Promise<bigint>
  /** Commits or aborts it. */
  end(how: 'commit' | 'abort'): Promise<void>
  /** Leaves it open without a word to the coordinator, as a producer does that crashes. */
  forsake(): Promise<void>
}

const PROGRAM = 'DriveSource'
const SHOWN_STDERR_CHARS = 4_000

/** Does to a cluster what happens to one in real life, in one JVM that stays: orders run one after the other. */
export class SourceDriver implements AsyncDisposable {
  readonly #jvm: JavaProcess
  readonly #answers: AsyncIterator<string>
  #stderr = ''
  #tail: Promise<unknown> = Promise.resolve()

  constructor(cluster: Pick<KafkaCluster, 'classpath' | 'bootstrap'>) {
    this.#jvm = new JavaProcess({
      args: [
        ...['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:+PerfDisableSharedMem'],
        '-Dorg.slf4j.simpleLogger.defaultLogLevel=error',
        ...['-cp', cluster.classpath, PROGRAM, cluster.bootstrap],
      ],
      output: 'pipe',
    })
    this.#jvm.stdin?.on('error', () => {})
    this.#jvm.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk).slice(-SHOWN_STDERR_CHARS)
    })
    this.#answers = createInterface({ input: this.#jvm.stdout! })[Symbol.asyncIterator]()
  }

  /** Creates a topic with these replicas; the cluster decides how many there are when only partitions are counted. */
  async createTopic(name: string, { replicas, config = {} }: CreateOrder): Promise<void> {
    const placed =
      typeof replicas === 'number' ? replicas : `${replicas.map((ids) => ids.join(',')).join(';')};`
    await this.#order(
      'create',
      name,
      placed,
      Object.entries(config)
        .map((pair) => pair.join('='))
        .join(';'),
    )
  }

  async deleteTopic(name: string): Promise<void> {
    await this.#order('delete', name)
  }

  async hasTopic(name: string): Promise<boolean> {
    return (await this.#order('exists', name)) === 'true'
  }

  /** Adds partitions until there are `count`. */
  async growTopic(name: string, count: number): Promise<void> {
    await this.#order('partitions', name, count)
  }

  async configureTopic(name: string, key: string, value: string): Promise<void> {
    await this.#order('configure', name, key, value)
  }

  /** Moves the log starts of partitions up. */
  async deleteRecords(topic: string, before: ReadonlyMap<number, bigint>): Promise<void> {
    await this.#order('delete-records', topic, [...before].map((pair) => pair.join(':')).join(';'))
  }

  /** The high watermark of each partition. */
  ends(topic: string): Promise<bigint[]> {
    return this.#numbers('ends', topic)
  }

  /** The log start offset of each partition. */
  begins(topic: string): Promise<bigint[]> {
    return this.#numbers('begins', topic)
  }

  /** The broker that leads each partition; -1 while there is none. */
  async leaders(topic: string): Promise<number[]> {
    return (await this.#numbers('leaders', topic)).map(Number)
  }

  /** How many replicas of each partition are in sync. */
  async inSync(topic: string): Promise<number[]> {
    return (await this.#numbers('in-sync', topic)).map(Number)
  }

  /** Takes the right to read a topic from a principal such as `User:ANONYMOUS`. */
  async denyRead(principal: string, topic: string): Promise<void> {
    await this.#order('deny-read', principal, topic)
  }

  /** Writes with acks=1; returns the offset behind the last record. */
  async write(order: WriteOrder): Promise<bigint> {
    return BigInt(await this.#order('write', ...writeWords(order)))
  }

  /** Begins a transaction. The same id again aborts what a former one has left open. */
  async beginTransaction(id: string, timeoutMs: number): Promise<DrivenTransaction> {
    await this.#order('begin-transaction', id, timeoutMs)
    return {
      write: async (order) => BigInt(await this.#order('write-in-transaction', id, ...writeWords(order))),
      end: async (how) => void (await this.#order('end-transaction', id, how)),
      forsake: async () => void (await this.#order('forsake-transaction', id)),
    }
  }

  /** Commits for a group without members, as an administrator does. Its name may hold anything but tabs and line ends. */
  async commitGroup(group: string, entry: GroupCommitOrder): Promise<void> {
    await this.#order(
      'commit-group',
      group,
      entry.topic,
      entry.partition,
      `${entry.offset}`,
      entry.metadata ?? '',
    )
  }

  /** So many groups, `prefix` and a number, each with the same offset in every partition of a topic. */
  async plantGroups(
    prefix: string,
    {
      groups,
      topic,
      partitions,
      offset,
    }: { groups: number; topic: string; partitions: number; offset: bigint },
  ): Promise<void> {
    await this.#order('plant-groups', prefix, groups, topic, partitions, `${offset}`)
  }

  /** Takes the offset of a partition from a group, which stays. */
  async forgetOffset(group: string, topic: string, partition: number): Promise<void> {
    await this.#order('forget-offsets', group, topic, partition)
  }

  async deleteGroup(group: string): Promise<void> {
    await this.#order('delete-group', group)
  }

  /** A consumer that stays in the group until it is told to leave, and commits what it has read every 200 ms. */
  async joinGroup(group: string, topic: string, protocol: 'classic' | 'consumer'): Promise<void> {
    await this.#order('join-group', group, topic, protocol)
  }

  async leaveGroup(group: string): Promise<void> {
    await this.#order('leave-group', group)
  }

  /** Ends the JVM at once; transactions stay open. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#jvm.signal('SIGKILL')
    await this.#jvm.ended
  }

  async #numbers(...words: string[]): Promise<bigint[]> {
    return (await this.#order(...words)).split(' ').map(BigInt)
  }

  /** One line there, one line back; the next order waits for it. */
  #order(...words: (string | number)[]): Promise<string> {
    const answering = this.#tail.then(async () => {
      this.#jvm.stdin?.write(`${words.join('\t')}\n`)
      const { value, done } = await this.#answers.next()
      if (done) throw new Error(`the source driver ended at: ${words.join(' ')}\n${this.#stderr}`)
      const [verdict, answer = ''] = value.split('\t')
      if (verdict !== 'ok') throw new Error(`${words.join(' ')}: ${answer}`)
      return answer
    })
    this.#tail = answering.catch(() => undefined)
    return answering
  }
}

function writeWords({ topic, partition, label, records, recordsPerBatch, valueBytes }: WriteOrder) {
  return [topic, partition ?? 0, label, records, recordsPerBatch ?? 10, valueBytes ?? 200]
}
