import type { Clock, Observer, RunEvent, RunLag, RunProgress } from '@kafka-backup/core'
import type { CommandLine } from '../command.ts'
import { eventText } from './event-text.ts'
import { lagText } from './lag-text.ts'
import { formatBytes, formatDuration, formatRate, plural } from './units.ts'

/** Where progress goes: stderr, so that stdout holds only the result. */
export interface ProgressTarget {
  readonly isTerminal: boolean
  readonly columns: number
  write(text: string): void
}

const REDRAW_INTERVAL_MS = 200
const PLAIN_INTERVAL_MS = 10_000
const BAR_WIDTH_MAX = 28
/** Shows how a run goes: one line that is rewritten on a terminal, one plain line every ten seconds elsewhere. */
export class RunObserver {
  readonly #target: ProgressTarget
  readonly #clock: Clock
  readonly #verb: CommandLine['verb']
  readonly #beganMs: number
  #shownMs: number
  #hasLine = false
  #lag: { readonly lag: RunLag; readonly measuredMs: number } | undefined

  constructor(target: ProgressTarget, clock: Clock, verb: CommandLine['verb']) {
    this.#target = target
    this.#clock = clock
    this.#verb = verb
    this.#beganMs = clock.monotonicMs()
    this.#shownMs = this.#beganMs
  }

  readonly observe: Observer = (event) => {
    if (event.type === 'progressed') this.#progress(event.progress)
    else if (event.type === 'lag_measured')
      this.#lag = { lag: event.lag, measuredMs: this.#clock.monotonicMs() }
    else this.#note(event)
  }

  /** Removes the rewritten line, so that the result stands alone. */
  end(): void {
    if (this.#hasLine) this.#target.write('\r\x1b[K')
    this.#hasLine = false
  }

  #progress(progress: RunProgress): void {
    const nowMs = this.#clock.monotonicMs()
    const intervalMs = this.#target.isTerminal ? REDRAW_INTERVAL_MS : PLAIN_INTERVAL_MS
    if (nowMs - this.#shownMs < intervalMs) return
    this.#shownMs = nowMs
    const elapsedMs = nowMs - this.#beganMs
    const line = this.#lag
      ? continuousLine(progress, aged(this.#lag.lag, nowMs - this.#lag.measuredMs), this.#target)
      : progressLine(progress, elapsedMs, this.#target)
    this.#target.write(this.#target.isTerminal ? `\r\x1b[K${line}` : `${line}\n`)
    this.#hasLine = this.#target.isTerminal
  }

  #note(event: RunEvent): void {
    const text = eventText(event, this.#verb)
    if (text === undefined) return
    this.end()
    this.#target.write(`${text}\n`)
  }
}

/** A checkpoint that waits for its store measures nothing, while the recovery point gets older. */
function aged(lag: RunLag, sinceMs: number): RunLag {
  return { ...lag, recoveryAgeMs: lag.recoveryAgeMs === null ? null : lag.recoveryAgeMs + sinceMs }
}

/** A run without an end has no percentage: what counts is how far it is behind. */
function continuousLine(progress: RunProgress, lag: RunLag, target: ProgressTarget): string {
  const { records, rawBytes } = progress
  const text = `${lagText(lag)}   ${plural(records, 'record')}   ${formatBytes(rawBytes)}`
  return target.isTerminal ? `  ${text}`.slice(0, Math.max(target.columns - 1, 1)) : text
}

function progressLine(progress: RunProgress, elapsedMs: number, target: ProgressTarget): string {
  const { filling } = progress
  // Before the first record, how far it is with these offsets is all that moves.
  const isOnlyFilling = filling !== undefined && progress.doneOffsets === 0
  const [done, total] = isOnlyFilling
    ? [filling.takenOffsets, filling.totalOffsets]
    : [progress.doneOffsets, progress.totalOffsets]
  const fraction = total === 0 ? 1 : Math.min(done / total, 1)
  const parts = [
    `${Math.floor(fraction * 100)} %${isOnlyFilling ? ' of the offsets without a record' : ''}`,
    isOnlyFilling ? '' : formatRate(progress.rawBytes, elapsedMs),
    filling ? `${filling.takenOffsets.toLocaleString('en-US')} offsets taken` : '',
    progress.records > 0 ? plural(progress.records, 'record') : '',
    isOnlyFilling ? '' : formatBytes(progress.rawBytes),
    fraction > 0 && fraction < 1 ? `ETA ${formatDuration((elapsedMs / fraction) * (1 - fraction))}` : '',
  ]
  const text = parts.filter((part) => part !== '').join('   ')
  if (!target.isTerminal) return text
  const room = target.columns - text.length - 6
  const width = Math.min(room, BAR_WIDTH_MAX)
  if (width < 8) return text.slice(0, Math.max(target.columns - 1, 1))
  const filled = Math.round(fraction * width)
  return `  ${'█'.repeat(filled)}${'░'.repeat(width - filled)}  ${text}`
}
