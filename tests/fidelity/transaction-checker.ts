import { createHash, type Hash } from 'node:crypto'
import {
  keyIn,
  parseWorkloadKey,
  type SeenRecord,
  type SentRange,
  type TransactionEntry,
} from '@kafka-backup/testkit'

/** What is wrong with a copy of the topics of a workload; every count of a faithful one is 0. */
export interface TransactionVerdict {
  readonly abortedRead: number
  readonly committedMissing: number
  readonly duplicates: number
  readonly reordered: number
  /** Records that nobody sent. */
  readonly phantoms: number
}

interface CountedRange extends SentRange {
  readonly isVisible: boolean
}

/** What one producer sent to one partition, and how far the reading of it is. */
interface Sender {
  readonly ranges: CountedRange[]
  readonly seen: Set<number>
  highest: number
}

/** Holds what is read from topics against the history of the workload that wrote them; one for each copy. */
export class TransactionChecker {
  readonly #senders = new Map<string, Sender>()
  readonly #orders = new Map<string, Hash>()
  readonly #suffix: string
  #records = 0
  #abortedRead = 0
  #duplicates = 0
  #reordered = 0
  #phantoms = 0

  /** The topics of the copy have the names of the history and `suffix` behind them. */
  constructor(history: readonly TransactionEntry[], suffix = '') {
    this.#suffix = suffix
    for (const { producer, outcome, ranges } of history) {
      const isVisible = outcome === 'committed' || outcome === 'plain'
      for (const range of ranges) {
        const name = `${range.topic}${suffix}/${range.partition}/${producer}`
        const sender = this.#senders.get(name) ?? { ranges: [], seen: new Set(), highest: -1 }
        this.#senders.set(name, sender)
        sender.ranges.push({ ...range, isVisible })
      }
    }
  }

  /** True for topics of this copy. */
  isOwn(topic: string, topics: readonly string[]): boolean {
    return topics.some((name) => name + this.#suffix === topic)
  }

  /** Takes the records of each partition in the order of their offsets. */
  take(record: SeenRecord): void {
    this.#records++
    this.#orderOf(record).update(`${record.timestamp}\t${record.content}\n`)
    const sent = parseWorkloadKey(keyIn(record.content) ?? Buffer.alloc(0))
    const sender = this.#senders.get(`${record.topic}/${record.partition}/${sent?.producer}`)
    const counter = sent?.counter ?? -1
    const range = sender && rangeOf(sender.ranges, counter)
    if (!sender || !range) this.#phantoms++
    else if (sender.seen.has(counter)) this.#duplicates++
    else if (!range.isVisible) this.#abortedRead++
    else if (counter < sender.highest) this.#reordered++
    sender?.seen.add(counter)
    if (sender && counter > sender.highest) sender.highest = counter
  }

  get records(): number {
    return this.#records
  }

  verdict(): TransactionVerdict {
    let committedMissing = 0
    for (const { ranges, seen } of this.#senders.values()) {
      for (const { first, last } of ranges.filter(({ isVisible }) => isVisible)) {
        for (let counter = first; counter <= last; counter++) if (!seen.has(counter)) committedMissing++
      }
    }
    return {
      abortedRead: this.#abortedRead,
      committedMissing,
      duplicates: this.#duplicates,
      reordered: this.#reordered,
      phantoms: this.#phantoms,
    }
  }

  /** A digest of all records of each partition in their order, by the names of the history. */
  orders(): Map<string, string> {
    const named = [...this.#orders].map(([name, hash]) => [name, hash.copy().digest('hex')] as const)
    return new Map(named.sort(([left], [right]) => (left < right ? -1 : 1)))
  }

  #orderOf({ topic, partition }: SeenRecord): Hash {
    const name = `${topic.slice(0, topic.length - this.#suffix.length)}/${partition}`
    const hash = this.#orders.get(name) ?? createHash('sha256')
    this.#orders.set(name, hash)
    return hash
  }
}

/** The range that holds `counter`; ranges of one producer ascend without holes. */
function rangeOf(ranges: readonly CountedRange[], counter: number): CountedRange | undefined {
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ranges[middle]!.last < counter) low = middle + 1
    else high = middle
  }
  const range = ranges[low]
  return range !== undefined && range.first <= counter ? range : undefined
}

/** Records that a reader of committed data has to see. */
export function countVisible(history: readonly TransactionEntry[]): number {
  const visible = history.filter(({ outcome }) => outcome === 'committed' || outcome === 'plain')
  return visible.flatMap(({ ranges }) => ranges).reduce((sum, { first, last }) => sum + last - first + 1, 0)
}
