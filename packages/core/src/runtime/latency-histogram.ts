/** Upper bounds of the buckets in milliseconds (inclusive), those that Prometheus clients use by default; what is longer is counted by the total alone. */
export const LATENCY_BOUNDS_MS = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000] as const

// A run may go on for years; what its newest steps took is what its quantiles are of.
const RECENT_MAX = 10_000

/** So many durations were at most `boundMs`; bounds ascend, counts are cumulative. */
export interface LatencyBucket {
  readonly boundMs: number
  readonly count: number
}

/** What a kind of step took, in milliseconds. Quantiles are exact, of the newest 10,000 steps; everything else is of all. */
export interface LatencySummary {
  readonly count: number
  readonly sumMs: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  readonly buckets: readonly LatencyBucket[]
}

/** Counts how long steps took, in bounded memory. */
export class LatencyHistogram {
  readonly #counts: number[] = LATENCY_BOUNDS_MS.map(() => 0)
  readonly #recentMs: number[] = []
  #count = 0
  #sumMs = 0
  #maxMs = 0

  add(durationMs: number): void {
    const at = LATENCY_BOUNDS_MS.findIndex((boundMs) => durationMs <= boundMs)
    if (at >= 0) this.#counts[at] = (this.#counts[at] ?? 0) + 1
    this.#recentMs[this.#count % RECENT_MAX] = durationMs
    this.#count++
    this.#sumMs += durationMs
    this.#maxMs = Math.max(this.#maxMs, durationMs)
  }

  /** All zeros before the first step. */
  get summary(): LatencySummary {
    const sorted = this.#recentMs.toSorted((a, b) => a - b)
    let count = 0
    const buckets = LATENCY_BOUNDS_MS.map((boundMs, at) => {
      count += this.#counts[at] ?? 0
      return { boundMs, count }
    })
    return {
      count: this.#count,
      sumMs: this.#sumMs,
      p50Ms: quantile(sorted, 0.5),
      p99Ms: quantile(sorted, 0.99),
      maxMs: this.#maxMs,
      buckets,
    }
  }
}

/** Nearest-rank quantile of ascending values; 0 when there are none. */
function quantile(sorted: readonly number[], fraction: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * fraction) - 1)] ?? 0
}
