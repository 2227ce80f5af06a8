import {
  API_KEY,
  type BrokerChannel,
  type BrokerLink,
  ByteReader,
  KafkaBackupError,
  type OpenBrokerLink,
  type ResponseBuffers,
  unreachable,
  type WireRequest,
  type WireResponse,
} from '@kafka-backup/core/internal'
import type { SeededRandom } from '../seeded-random.ts'
import type { FaultPlan, FetchFault } from './faults.ts'
import { answerFetch } from './fetch-answers.ts'
import { type AskedFetch, decodeFetch, encodeFetchAnswer, type PartitionSays } from './fetch-wire.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import type { SimulatedTopics } from './simulated-topics.ts'

/** How a process reaches the brokers. */
export interface BrokerDoor {
  readonly topics: SimulatedTopics
  readonly process: SimulatedProcess
  readonly faults: FaultPlan
  readonly random: SeededRandom
  /** Newest version of Fetch that the brokers speak. */
  readonly fetchVersion: number
}

const FETCH_MIN_VERSION = 4
const FIRST_WITH_IDS = 13
const CORRELATION_BYTES = 4
const TRANSIENT_CODES = [5, 6, 9, 56, 78]
const POISON = 0xdd
const LENGTH_AT = 8
const LENGTH_OVERHEAD_BYTES = 12
/** What stands before it is covered by no checksum. */
const CRC_AT = 17

/** Opens connections that end in the simulation instead of a socket. */
export function openSimulatedLinks(door: BrokerDoor): OpenBrokerLink {
  return async (address, { buffers, signal }): Promise<BrokerLink> => {
    if (!address) throw new KafkaBackupError('KB_BROKER_TRANSIENT', 'a partition has no reachable leader')
    const broker = [...door.topics.brokers].find(([, { port }]) => port === address.port)?.[0] ?? -1
    const connect = () => {
      if (door.topics.down.has(broker)) throw unreachable(`simulated:${address.port}`, 'it is down')
    }
    const what = `connecting to broker ${broker}`
    await door.process.perform(what, connect, door.faults.brokerFate(what), signal)
    const versions = new Map([[API_KEY.fetch, { min: FETCH_MIN_VERSION, max: door.fetchVersion }]])
    return { connection: new SimulatedConnection(door, broker, buffers), versions }
  }
}

/** A connection to one broker: answers come in the order of the requests, in buffers that are used again. */
class SimulatedConnection implements BrokerChannel {
  readonly broker: string
  readonly #door: BrokerDoor
  readonly #id: number
  readonly #buffers: ResponseBuffers | undefined
  readonly #pending = new Set<(error: unknown) => void>()
  #failure: KafkaBackupError | null = null
  #tail: Promise<unknown> = Promise.resolve()
  readonly #corrupted = new Set<string>()

  constructor(door: BrokerDoor, id: number, buffers: ResponseBuffers | undefined) {
    this.broker = `simulated-${id}`
    this.#door = door
    this.#id = id
    this.#buffers = buffers
  }

  get isOpen(): boolean {
    return this.#failure === null
  }

  request(request: WireRequest): Promise<WireResponse> {
    if (this.#failure) return Promise.reject(this.#failure)
    const answering = this.#tail.then(() => this.#answer(request))
    this.#tail = answering.catch(() => undefined)
    return new Promise((resolve, reject) => {
      this.#pending.add(reject)
      answering.then(resolve, reject).finally(() => this.#pending.delete(reject))
    })
  }

  close(): void {
    this.#fail('the connection was closed')
  }

  async #answer(request: WireRequest): Promise<WireResponse> {
    const asked = decodeFetch(request)
    const { process } = this.#door
    const look = () => this.#look(request, asked)
    let says = await process.perform(`fetching from broker ${this.#id}`, look)
    const isEmpty = says.every(({ errorCode, diverging, batches }) => {
      return errorCode === 0 && diverging === null && batches.length === 0
    })
    if (isEmpty && asked.maxWaitMs > 0) {
      await process.clock.sleep(asked.maxWaitMs)
      says = await process.perform(`waiting for batches of broker ${this.#id}`, look)
    }
    if (this.#failure) throw this.#failure
    const fault = this.#door.faults.fetchFault()
    if (fault === 'closed' || this.#door.topics.down.has(this.#id))
      throw this.#fail('it closed the connection')
    const body = encodeFetchAnswer(request.version, this.#spoilt(says, fault))
    return this.#respond(fault === 'unreadable' ? body.subarray(0, Math.floor(body.length / 2)) : body)
  }

  #look({ version }: WireRequest, asked: AskedFetch): PartitionSays[] {
    const { topics, random } = this.#door
    return answerFetch({ topics, broker: this.#id, byId: version >= FIRST_WITH_IDS, random }, asked)
  }

  /** A damaged answer is followed by a whole one: what is damaged three times is damaged in the log. */
  #spoilt(says: readonly PartitionSays[], fault: FetchFault | null): PartitionSays[] {
    const { random } = this.#door
    const victim = says.length > 0 && fault ? random.below(says.length) : -1
    return says.map((entry, at) => {
      const name = `${entry.topic}/${entry.partition}`
      const wasCorrupted = this.#corrupted.delete(name)
      if (at !== victim) return entry
      if (fault === 'error_code')
        return { ...entry, errorCode: random.pick(TRANSIENT_CODES), batches: Buffer.alloc(0) }
      if (entry.batches.length === 0) return entry
      if (fault === 'short')
        return { ...entry, batches: entry.batches.subarray(0, random.below(entry.batches.length)) }
      if (fault !== 'corrupt' || wasCorrupted) return entry
      this.#corrupted.add(name)
      return { ...entry, batches: flipped(entry.batches, random) }
    })
  }

  #respond(body: Buffer): WireResponse {
    const byteCount = CORRELATION_BYTES + body.length
    const buffer = this.#buffers?.acquire(byteCount) ?? Buffer.alloc(byteCount)
    body.copy(buffer, CORRELATION_BYTES)
    const release = () => {
      // Whoever still reads it must notice.
      buffer.fill(POISON, 0, byteCount)
      this.#buffers?.release(buffer)
    }
    return { reader: new ByteReader(buffer, CORRELATION_BYTES, byteCount), release }
  }

  #fail(reason: string): KafkaBackupError {
    this.#failure ??= unreachable(this.broker, reason)
    for (const reject of this.#pending) reject(this.#failure)
    this.#pending.clear()
    return this.#failure
  }
}

/** One bit of one batch is another one, at a place that a checksum covers. */
function flipped(answer: Buffer, random: SeededRandom): Buffer {
  const bytes = Buffer.from(answer)
  const begins: number[] = []
  for (let at = 0; at + LENGTH_OVERHEAD_BYTES < bytes.length; ) {
    begins.push(at)
    at += LENGTH_OVERHEAD_BYTES + bytes.readInt32BE(at + LENGTH_AT)
  }
  const at = random.below(begins.length)
  const begin = (begins[at] ?? 0) + CRC_AT
  const end = begins[at + 1] ?? bytes.length
  if (begin >= end) return bytes
  const place = begin + random.below(end - begin)
  bytes[place] = bytes[place]! ^ (1 << random.below(8))
  return bytes
}
