import { setImmediate as turn } from 'node:timers/promises'

/** Something that will happen at a time of the world, unless it is cancelled. */
export interface PlannedEvent {
  readonly atMs: number
  isCancelled: boolean
}

interface QueuedEvent extends PlannedEvent {
  readonly sequence: number
  readonly action: () => void
}

/** When every world begins, in milliseconds since 1970. */
export const WORLD_BEGIN_MS = 1_700_000_000_000
/** More than anything in a history needs that comes to an end. */
export const WORLD_EVENTS_MAX = 60_000

/**
 * Virtual time: events happen one after the other, and between two of them everything that waits for no event comes to rest.
 * Nothing here waits for real time, and the same events in the same order give the same run.
 */
export class SimulatedWorld {
  readonly #heap: QueuedEvent[] = []
  readonly #isHeld: () => boolean
  #elapsedMs = 0
  #sequence = 0

  /** While `isHeld`, no event happens: something real has to end first. */
  constructor(isHeld: () => boolean = () => false) {
    this.#isHeld = isHeld
  }

  /** Milliseconds since the world began. */
  get elapsedMs(): number {
    return this.#elapsedMs
  }

  /** Milliseconds since 1970. */
  get nowMs(): number {
    return WORLD_BEGIN_MS + Math.floor(this.#elapsedMs)
  }

  after(delayMs: number, action: () => void): PlannedEvent {
    const event: QueuedEvent = {
      atMs: this.#elapsedMs + Math.max(delayMs, 0),
      sequence: this.#sequence++,
      action,
      isCancelled: false,
    }
    this.#push(event)
    return event
  }

  /** Lets events happen until `isOver`. @throws Error when nothing is left to happen, or too much has */
  async run(isOver: () => boolean, eventsMax: number): Promise<void> {
    for (let count = 0; ; count++) {
      do await turn()
      while (this.#isHeld())
      if (isOver()) return
      if (count > eventsMax) throw new StuckError(`nothing came to an end within ${eventsMax} events`)
      const event = this.#next()
      if (!event) throw new StuckError('everybody waits, and nothing will happen any more')
      this.#elapsedMs = event.atMs
      event.action()
    }
  }

  #next(): QueuedEvent | undefined {
    for (let event = this.#pop(); event; event = this.#pop()) if (!event.isCancelled) return event
    return undefined
  }

  #push(event: QueuedEvent): void {
    const heap = this.#heap
    let at = heap.push(event) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(event, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = event
  }

  #pop(): QueuedEvent | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (heap.length === 0 || !last) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return first
  }
}

/** A run that waits for what never comes. */
export class StuckError extends Error {}

function isBefore(left: QueuedEvent, right: QueuedEvent): boolean {
  return left.atMs === right.atMs ? left.sequence < right.sequence : left.atMs < right.atMs
}
