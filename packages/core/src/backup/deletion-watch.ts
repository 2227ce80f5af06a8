/** Where deletion and reading of one partition stood at a moment. Time in milliseconds. */
interface Sighting {
  readonly atMs: number
  readonly logStart: bigint
  readonly nextOffset: bigint
}

const WINDOW_MS = 120_000
const SIGHTING_INTERVAL_MS = 1_000

/**
 * Tells when the source will have deleted what was not read yet, from how fast the log's start and the reading have moved
 * within the last two minutes. Kafka deletes a segment at a time, so the figure is an estimate.
 */
export class DeletionWatch {
  #sightings: Sighting[] = []

  /**
   * Takes one answer of the leader (log start -1: not told). Returns the seconds until the log's start has caught up with the
   * reading at the present pace of both, or null while it does not come nearer.
   */
  observe(atMs: number, logStart: bigint, nextOffset: bigint): number | null {
    if (logStart < 0n || nextOffset < logStart) return null
    const last = this.#sightings.at(-1)
    if (last === undefined || atMs - last.atMs >= SIGHTING_INTERVAL_MS) {
      this.#sightings = this.#sightings.filter((sighting) => atMs - sighting.atMs <= WINDOW_MS)
      this.#sightings.push({ atMs, logStart, nextOffset })
    }
    return this.#secondsLeft()
  }

  #secondsLeft(): number | null {
    const first = this.#sightings[0]
    const last = this.#sightings.at(-1)
    if (!first || !last || first === last || last.logStart === first.logStart) return null
    const seconds = (last.atMs - first.atMs) / 1_000
    const deletedPerSecond = Number(last.logStart - first.logStart) / seconds
    const readPerSecond = Number(last.nextOffset - first.nextOffset) / seconds
    const closingPerSecond = deletedPerSecond - readPerSecond
    if (closingPerSecond <= 0) return null
    return Number(last.nextOffset - last.logStart) / closingPerSecond
  }
}
