import { type SeededRandom, seededRandom } from './seeded-random.ts'

const REGIONS = ['eu-west', 'eu-north', 'us-east', 'us-west', 'ap-south'] as const
const STATUSES = ['created', 'settled', 'packed', 'shipped', 'delivered', 'returned'] as const
const TYPES = ['order.updated', 'order.created', 'order.closed', 'payment.received'] as const
const CURRENCIES = ['EUR', 'USD', 'GBP', 'SEK'] as const
const ONSETS = ['ba', 'ce', 'di', 'fo', 'gu', 'ha', 'je', 'lo', 'mu', 'ri', 'so', 'ta']
const ENDINGS = ['lan', 'ster', 'mont', 'ver', 'ding', 'ral', 'nic', 'tor', 'gard']
const WORDS = ONSETS.flatMap((onset) => ENDINGS.map((ending) => onset + ending))
// Shorter events have no room for the order with its items.
const ORDER_MIN_BYTES = 420
const NOTE_END = '"}'

/** Writes JSON events about orders: plain ASCII, exactly as long as asked for, different each time. */
export class JsonEventSource {
  readonly #random: SeededRandom
  readonly #bytesPerEvent: number
  #timestampMs: number

  constructor(options: { seed: number; bytesPerEvent: number; beginTimestampMs: number }) {
    this.#random = seededRandom(options.seed)
    this.#bytesPerEvent = options.bytesPerEvent
    this.#timestampMs = options.beginTimestampMs
  }

  /** The next event, without a line end. */
  next(): string {
    this.#timestampMs += this.#random.below(20)
    const head = this.#bytesPerEvent < ORDER_MIN_BYTES ? this.#clickHead() : this.#orderHead()
    return this.#fill(head)
  }

  #orderHead(): string {
    const random = this.#random
    const items = [0, 1, 2].map(
      () =>
        `{"sku":"SKU-${10_000 + random.below(2_000)}","quantity":${1 + random.below(5)},` +
        `"price":${this.#amount(100)},"title":"${random.pick(WORDS)} ${random.pick(WORDS)}"}`,
    )
    return (
      `{"id":"${this.#uuid()}","type":"${random.pick(TYPES)}","ts":${this.#timestampMs},` +
      `"customer":"c-${100_000 + random.below(50_000)}","region":"${random.pick(REGIONS)}",` +
      `"currency":"${random.pick(CURRENCIES)}","amount":${this.#amount(2_000)},` +
      `"items":[${items.join(',')}],"status":"${random.pick(STATUSES)}","note":"`
    )
  }

  #clickHead(): string {
    const random = this.#random
    return (
      `{"ts":${this.#timestampMs},"id":"${random.uint32().toString(16).slice(0, 4)}",` +
      `"user":"u-${100_000 + random.below(50_000)}","amount":${this.#amount(100)},"note":"`
    )
  }

  #fill(head: string): string {
    const end = this.#bytesPerEvent - NOTE_END.length
    let text = head
    while (text.length < end) text += `${this.#random.pick(WORDS)} `
    return text.slice(0, Math.max(end, head.length)) + NOTE_END
  }

  #amount(bound: number): string {
    return `${this.#random.below(bound)}.${10 + this.#random.below(90)}`
  }

  #uuid(): string {
    const hex = [0, 1, 2, 3].map(() => this.#random.uint32().toString(16).padStart(8, '0')).join('')
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
  }
}
