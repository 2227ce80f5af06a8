import type { Availability } from '../events/run-event.ts'

/** `closed`: it is asked; `open`: it is left alone until the next try; `half_open`: one call tries. The words of the pattern. */
export const CIRCUIT_STATES = ['closed', 'open', 'half_open'] as const

/** One of {@link CIRCUIT_STATES}. */
export type CircuitState = (typeof CIRCUIT_STATES)[number]

/** How a run stands with somebody it depends on: its store, or the brokers. Times in milliseconds since the epoch. */
export interface Circuit {
  readonly state: CircuitState
  /** In a row, without an answer between them; 0 when closed. */
  readonly failures: number
  /** Since it is closed, or since it is not: tries between do not count. */
  readonly sinceMs: number
  /** When it is tried next; null unless it is open. */
  readonly nextTryMs: number | null
  /** What failed last, for people; empty when closed. */
  readonly reason: string
}

/** Somebody who answers, as far as is known. */
export function closedCircuit(sinceMs: number): Circuit {
  return { state: 'closed', failures: 0, sinceMs, nextTryMs: null, reason: '' }
}

export function circuitStateOf({ state }: Pick<Availability, 'state'>): CircuitState {
  return state === 'trying' ? 'half_open' : state
}

/** How it stands after a change at `nowMs`. Pure. */
export function circuitAfter(before: Circuit, change: Availability, nowMs: number): Circuit {
  const state = circuitStateOf(change)
  if (state === 'closed') return before.state === 'closed' ? before : closedCircuit(nowMs)
  return {
    state,
    failures: change.failures,
    sinceMs: before.state === 'closed' ? nowMs : before.sinceMs,
    nextTryMs: state === 'open' ? nowMs + change.retryInMs : null,
    // A try that nobody made is taken back without one.
    reason: change.reason === '' ? before.reason : change.reason,
  }
}
