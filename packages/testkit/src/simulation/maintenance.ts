import type { SeededRandom } from '../seeded-random.ts'
import type { BucketWatch } from './bucket-watch.ts'
import type { HistoryPlace } from './history-place.ts'
import { drawStep, type MaintenanceStep, SWEEP } from './maintenance-step.ts'
import { beginMaintenance, judgeMaintenance, type MaintenanceTask } from './maintenance-task.ts'
import { type CrashPoint, drawCrashPoint } from './simulated-process.ts'
import { isOver } from './task.ts'
import { WORLD_EVENTS_MAX } from './world.ts'

const BESIDE_WITHIN_MS = 4_000
const CRASH = 0.4
/** Longer than anything that a process asked for is under way. */
const EVERYTHING_ARRIVES_MS = 20_001

/** Repairs, compactions and prunes of a history: beside its runs, between them, and at its end. */
export class Maintenance {
  readonly #place: HistoryPlace
  readonly #random: SeededRandom
  readonly #tasks: MaintenanceTask[] = []
  #begun = 0
  #coming = 0

  constructor(place: HistoryPlace, random: SeededRandom) {
    this.#place = place
    this.#random = random
  }

  /** True when nothing is under way or about to be. */
  get #isIdle(): boolean {
    return this.#coming === 0 && this.#tasks.every(isOver)
  }

  /** Plans what happens beside the runs that begin now. */
  planBeside(): void {
    const { maintenance } = this.#place.options
    while (this.#random.chance(maintenance / 2)) {
      this.#coming++
      this.#place.world.after(this.#random.fraction() * BESIDE_WITHIN_MS, () => {
        this.#coming--
        this.#beginDrawn()
      })
    }
  }

  /** What happens after the runs; some of it at once with the rest, some only when the grace has passed. */
  async between(): Promise<void> {
    const { maintenance, graceMs, steps, stepCrash } = this.#place.options
    if (this.#random.chance(maintenance)) this.#beginDrawn()
    for (const [at, step] of steps?.entries() ?? []) {
      this.#begin(step, (at === 0 ? stepCrash : undefined) ?? null)
      await this.#settle()
    }
    await this.#settle()
    if (maintenance === 0 || !this.#random.chance(0.3)) return
    await this.#wait(graceMs)
    this.#beginDrawn()
    await this.#settle()
  }

  /** When nothing disturbs any more, everything is done that is asked for; in the end there is nothing that nothing names. */
  async end(watch: BucketWatch): Promise<void> {
    const { options, find } = this.#place
    if (options.maintenance === 0 && !options.steps) return
    const last = options.steps ? [] : [drawStep(this.#random)]
    for (const step of last) await this.#cleanly(step)
    await this.#wait(options.graceMs + EVERYTHING_ARRIVES_MS)
    await this.#cleanly({ verb: 'repair', isRemovingOrphans: true })
    await this.#cleanly(SWEEP)
    for (const key of watch.unnamed())
      find('broken', 'the end', `${key} is named by nothing, and stays for ever`)
  }

  #beginDrawn(): void {
    const step = drawStep(this.#random)
    this.#begin(step, this.#random.chance(CRASH) ? drawCrashPoint(this.#random) : null)
  }

  async #cleanly(step: MaintenanceStep): Promise<void> {
    this.#begin(step, null, true)
    await this.#settle()
  }

  #begin(step: MaintenanceStep, crashPoint: CrashPoint | null, isClean = false): void {
    const name = `${step.verb} ${++this.#begun}`
    this.#place.note(`${name} begins: ${JSON.stringify(step)}`)
    const askedAtMs = this.#place.nowMs()
    if (step.verb === 'prune') this.#place.prunes.set(name, { step, askedAtMs })
    const process = this.#place.newProcess(name, this.#random, crashPoint)
    this.#tasks.push(beginMaintenance(this.#place, step, { process, isClean }))
  }

  async #settle(): Promise<void> {
    await this.#place.world.run(() => this.#isIdle, WORLD_EVENTS_MAX)
    this.#judge()
  }

  /** Of what is over. */
  #judge(): void {
    const over = this.#tasks.filter(isOver)
    this.#tasks.splice(0, this.#tasks.length, ...this.#tasks.filter((task) => !over.includes(task)))
    for (const task of over) judgeMaintenance(this.#place, task)
  }

  async #wait(durationMs: number): Promise<void> {
    let hasPassed = false
    this.#place.world.after(durationMs, () => {
      hasPassed = true
    })
    await this.#place.world.run(() => hasPassed, WORLD_EVENTS_MAX)
  }
}
