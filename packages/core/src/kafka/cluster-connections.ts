import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { systemClock } from '../runtime/clock.ts'
import { type BrokerLink, openBrokerLink } from './broker-connections.ts'
import type { BrokerAddress, ClusterAddress } from './cluster.ts'
import { unreachable } from './kafka-error.ts'
import { askBroker, type LibraryApi, withinTime } from './library-request.ts'

/** Connection, versions and account together. */
const OPEN_TIMEOUT_MS = 15_000
/** A connection that was idle for too long is lost at once; a broker that stays silent is not asked again. */
const LOST_WITHIN_MS = 2_000
/** Brokers that are only known from an earlier answer are not tried later than this after the first. */
const SEARCH_TIMEOUT_MS = 15_000
const SHOWN_FAILURES_MAX = 4

/**
 * One connection to each broker of a cluster for small requests, opened when it is needed first and again after it broke.
 * Its questions change nothing, so one that was lost together with its connection is put once more.
 */
export class ClusterConnections {
  /** `host:port` of every bootstrap server. */
  readonly where: string
  readonly #address: ClusterAddress
  readonly #servers: readonly BrokerAddress[]
  readonly #closing = new AbortController()
  readonly #links = new Map<string, Promise<BrokerLink>>()
  #known: readonly BrokerAddress[] = []
  #last: BrokerAddress | null = null

  constructor(address: ClusterAddress) {
    this.#address = address
    this.#servers = address.bootstrapServers.map(parseServer)
    this.where = address.bootstrapServers.join(',')
  }

  /** Aborted by `close`. */
  get signal(): AbortSignal {
    return this.#closing.signal
  }

  /** Brokers to turn to when no bootstrap server answers any more. */
  remember(brokers: Iterable<BrokerAddress>): void {
    this.#known = [...brokers]
  }

  /**
   * Asks the first broker that can be reached: the one that answered before, then the bootstrap servers in their order, then those
   * that the cluster named. Only a broker that cannot be reached is passed over.
   * @throws KB_CLUSTER_UNREACHABLE with what each of them said
   */
  async askAny<Question extends unknown[], Answer extends object>(
    api: LibraryApi<Question, Answer>,
    ...question: NoInfer<Question>
  ): Promise<Answer> {
    const failures: KafkaBackupError[] = []
    const beganMs = systemClock.monotonicMs()
    for (const broker of this.#candidates()) {
      const isLate = systemClock.monotonicMs() - beganMs > SEARCH_TIMEOUT_MS
      if (isLate && !this.#servers.includes(broker)) continue
      try {
        const answer = await this.ask(broker, api, ...question)
        this.#last = broker
        return answer
      } catch (error) {
        if (!isKafkaBackupError(error, 'KB_CLUSTER_UNREACHABLE') || this.signal.aborted) throw error
        failures.push(error)
      }
    }
    throw this.#noneAnswers(failures)
  }

  /** Asks this broker. @throws KB_CLUSTER_UNREACHABLE, KB_TLS_FAILED, KB_AUTHENTICATION_FAILED and those of `askBroker` */
  async ask<Question extends unknown[], Answer extends object>(
    broker: BrokerAddress,
    api: LibraryApi<Question, Answer>,
    ...question: NoInfer<Question>
  ): Promise<Answer> {
    const wasOpen = this.#links.has(keyOf(broker))
    const link = await this.link(broker)
    const askedMs = systemClock.monotonicMs()
    try {
      return await askBroker(link, api, question)
    } catch (error) {
      const isLost = isKafkaBackupError(error, 'KB_CLUSTER_UNREACHABLE')
      const isQuick = systemClock.monotonicMs() - askedMs < LOST_WITHIN_MS
      if (!wasOpen || !isLost || !isQuick || this.signal.aborted) throw error
    }
    return askBroker(await this.link(broker), api, question)
  }

  /** The open connection to this broker, or a new one. */
  async link(broker: BrokerAddress): Promise<BrokerLink> {
    const key = keyOf(broker)
    const existing = this.#links.get(key)
    if (existing) {
      const link = await existing
      if (link.connection.isOpen) return link
      // Somebody else who waited may have replaced it by now.
      if (this.#links.get(key) === existing) this.#links.delete(key)
      return this.link(broker)
    }
    this.signal.throwIfAborted()
    const opening = this.#open(broker)
    this.#links.set(key, opening)
    opening.catch(() => {
      if (this.#links.get(key) === opening) this.#links.delete(key)
    })
    return opening
  }

  /** Ends everything, also what is under way. */
  async close(): Promise<void> {
    this.#closing.abort(new KafkaBackupError('KB_CLUSTER_UNREACHABLE', 'the connections were closed'))
    const links = [...this.#links.values()]
    this.#links.clear()
    const closeOne = ({ connection }: BrokerLink): void => connection.close()
    await Promise.all(links.map((opening) => opening.then(closeOne, () => undefined)))
  }

  async #open(broker: BrokerAddress): Promise<BrokerLink> {
    const late = new AbortController()
    const { clientId, security } = this.#address
    const signal = AbortSignal.any([this.signal, late.signal])
    return withinTime(openBrokerLink(broker, { clientId, security, signal }), OPEN_TIMEOUT_MS, () => {
      late.abort()
      return unreachable(keyOf(broker), `no answer within ${OPEN_TIMEOUT_MS} ms`)
    })
  }

  #candidates(): BrokerAddress[] {
    const all = [...(this.#last ? [this.#last] : []), ...this.#servers, ...this.#known]
    return [...new Map(all.map((broker) => [keyOf(broker), broker])).values()]
  }

  #noneAnswers(failures: readonly KafkaBackupError[]): KafkaBackupError {
    const shown = failures.slice(0, SHOWN_FAILURES_MAX).map((failure) => failure.message)
    const others = failures.length > shown.length ? [`and ${failures.length - shown.length} others`] : []
    const [first] = failures
    return new KafkaBackupError(
      'KB_CLUSTER_UNREACHABLE',
      `no broker answers at ${this.where} (${[...shown, ...others].join('; ')})`,
      first ? { cause: first, hint: first.hint, context: first.context } : {},
    )
  }
}

/** `[::1]:9092` and `broker-1:9092`. The form was checked with the settings. */
function parseServer(text: string): BrokerAddress {
  const colon = text.lastIndexOf(':')
  return { host: text.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(text.slice(colon + 1)) }
}

function keyOf({ host, port }: BrokerAddress): string {
  return `${host}:${port}`
}
