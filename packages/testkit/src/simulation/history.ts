import './deterministic-builtins.ts'
import { type SeededRandom, seededRandom } from '../seeded-random.ts'
import { checkArchive } from './archive-checker.ts'
import { sha256 } from './archive-reading.ts'
import { type BackupTask, beginBackup, isComplete, judgeBackup } from './backup-task.ts'
import { BucketWatch } from './bucket-watch.ts'
import { FaultPlan } from './faults.ts'
import type { Finding, FindingClass } from './finding.ts'
import type { HistoryOptions } from './history-options.ts'
import type { HistoryPlace } from './history-place.ts'
import { Maintenance } from './maintenance.ts'
import { noOccurrences, type OccurrenceCounts } from './occurrences.ts'
import { SimulatedBucket } from './simulated-bucket.ts'
import { type CrashPoint, drawCrashPoint, SimulatedProcess } from './simulated-process.ts'
import { BACKUP_ID, validateSimulated } from './simulated-run.ts'
import { SimulatedTopics } from './simulated-topics.ts'
import { errorText, isOver } from './task.ts'
import { type Troubles, Workload } from './workload.ts'
import { SimulatedWorld, StuckError, WORLD_EVENTS_MAX } from './world.ts'

/** What became of a history. */
export interface HistoryResult {
  readonly findings: readonly Finding[]
  readonly runs: number
  readonly crashes: readonly string[]
  readonly faults: number
  /** Requests of all processes together. */
  readonly edges: number
  readonly commits: number
  readonly occurrences: OccurrenceCounts
  /** The same for the same seed. */
  readonly digest: string
  /** What happened, for people; only when it was asked for. */
  readonly trace: readonly string[]
}

const CLEAN_RUNS_MAX = 4
const PAUSE_MAX_MS = 40_000
const VALIDATED_EVERY = 16
const FIRST_WITH_TOPIC_IDS = 13
const FIRST_WITH_LAST_EPOCH = 12

/** A history of runs, from its options alone. */
export async function runHistory(options: HistoryOptions, wantsTrace = false): Promise<HistoryResult> {
  return new History(options, wantsTrace).run()
}

class History {
  readonly #options: HistoryOptions
  readonly #random: SeededRandom
  readonly #world = new SimulatedWorld()
  readonly #bucket: SimulatedBucket
  readonly #topics: SimulatedTopics
  readonly #faults: FaultPlan
  readonly #workload: Workload
  readonly #findings: Finding[] = []
  readonly #occurrences = noOccurrences()
  readonly #place: HistoryPlace
  /** Draws what was added later than the rest, so that it moves nothing where it is not there. */
  readonly #added: SeededRandom
  readonly #watch: BucketWatch
  readonly #maintenance: Maintenance
  readonly #runs: BackupTask[] = []
  readonly #trace: string[] = []
  readonly #wantsTrace: boolean
  #hasSplitRuns = false

  constructor(options: HistoryOptions, wantsTrace: boolean) {
    this.#options = options
    this.#wantsTrace = wantsTrace
    this.#random = seededRandom(options.seed ^ 0x5eed)
    this.#added = seededRandom(options.seed ^ 0xadded)
    const elapsedMs = () => this.#world.elapsedMs
    const nowMs = () => this.#world.nowMs
    this.#bucket = new SimulatedBucket(nowMs)
    this.#topics = new SimulatedTopics(options.brokers, elapsedMs)
    this.#faults = new FaultPlan(this.#fork(), options.faults, elapsedMs)
    this.#place = {
      ...{ options, world: this.#world, nowMs, bucket: this.#bucket, topics: this.#topics },
      faults: this.#faults,
      prunes: new Map(),
      newProcess: (name, random, crashPoint) => this.#newProcess(name, random, crashPoint),
      note: (what) => this.#note(what),
      find: (kind, where, detail) => this.#find(kind, where, detail),
      count: (kind) => {
        this.#occurrences[kind]++
      },
    }
    this.#watch = new BucketWatch(this.#place, BACKUP_ID)
    this.#bucket.watch(this.#watch)
    this.#maintenance = new Maintenance(this.#place, seededRandom(options.seed ^ 0xca4e))
    this.#workload = new Workload(this.#world, this.#topics, this.#fork(), {
      troubles: options.troubles,
      may: (trouble) => this.#may(trouble),
      onDeed: (deed) => this.#note(deed),
    })
  }

  async run(): Promise<HistoryResult> {
    const { topics, beforeFirstRun, troubledRuns } = this.#options
    for (const { name, partitions, isCompacted } of topics) this.#topics.create(name, partitions, isCompacted)
    this.#workload.begin(beforeFirstRun)
    try {
      for (let number = 1; number <= troubledRuns; number++) await this.#troubledRun()
      await this.#cleanRuns()
    } catch (error) {
      if (!(error instanceof StuckError)) throw error
      this.#find('broken', 'the world', error.message)
    }
    return this.#result()
  }

  async #troubledRun(): Promise<void> {
    const { secondWriter, interrupt, pause } = this.#options
    this.#maintenance.planBeside()
    const runs = [this.#start(this.#random.chance(this.#options.crash))]
    let isComing = this.#random.chance(secondWriter)
    if (isComing) {
      const isSplit = this.#random.chance(0.3)
      this.#world.after(this.#random.fraction() * 3_000, () => {
        isComing = false
        runs.push(this.#start(this.#random.chance(this.#options.crash), { isSplit }))
      })
    }
    const [first] = runs
    if (this.#random.chance(pause))
      this.#plan(
        2_000,
        () => first!.process.pause(),
        PAUSE_MAX_MS,
        () => first!.process.resume(),
      )
    if (this.#random.chance(interrupt)) this.#plan(3_000, () => first!.stop.abort(new Error('interrupted')))
    await this.#world.run(() => !isComing && runs.every(isOver), WORLD_EVENTS_MAX)
    for (const run of runs) judgeBackup(this.#place, run)
    await this.#maintenance.between()
    const untilMs = this.#world.elapsedMs + this.#random.fraction() * 10_000
    await this.#world.run(() => this.#world.elapsedMs >= untilMs, WORLD_EVENTS_MAX)
  }

  /**
   * Brokers that are asked by name cannot tell a topic from one of the same name that took its place between two answers, and older
   * ones do not compare the epoch of what was read last (docs/reading-a-cluster.md, "Limits, stated"): there it happens between
   * runs only.
   */
  #may(trouble: keyof Troubles): boolean {
    const { fetchVersion } = this.#options
    const isNoticed =
      (trouble !== 'recreation' || fetchVersion >= FIRST_WITH_TOPIC_IDS) &&
      (trouble !== 'uncleanElection' || fetchVersion >= FIRST_WITH_LAST_EPOCH)
    return isNoticed || this.#runs.every(isOver)
  }

  /** Runs that nothing disturbs: they have to come to an end at which everything is there. */
  async #cleanRuns(): Promise<void> {
    this.#workload.end()
    this.#faults.calm()
    let isWhole = false
    for (let number = 1; number <= CLEAN_RUNS_MAX && !isWhole; number++) {
      const run = this.#start(false, { isClean: true })
      await this.#world.run(() => isOver(run), WORLD_EVENTS_MAX)
      judgeBackup(this.#place, run)
      isWhole = isComplete(run)
    }
    if (!isWhole)
      this.#find('broken', 'the end', `no run was complete, although nothing disturbed ${CLEAN_RUNS_MAX}`)
    await this.#maintenance.end(this.#watch)
    const { objects } = this.#bucket
    const archive = { objects, backupId: BACKUP_ID, topics: this.#topics }
    this.#findings.push(
      ...checkArchive({ ...archive, isComplete: isWhole, hasSplitRuns: this.#hasSplitRuns }),
    )
    if (this.#options.seed % VALIDATED_EVERY === 0) await this.#validate()
  }

  #start(mayCrash: boolean, { isSplit = false, isClean = false } = {}): BackupTask {
    this.#hasSplitRuns ||= isSplit
    const drawn = mayCrash ? drawCrashPoint(this.#random) : null
    const crashPoint = (this.#runs.length === 0 ? this.#options.firstCrash : undefined) ?? drawn
    const { continuous, continuousMs } = this.#options
    const isContinuous = !isClean && this.#added.chance(continuous)
    const process = this.#newProcess(`run ${this.#runs.length + 1}`, this.#random, crashPoint)
    const random = this.#fork()
    const run = beginBackup(this.#place, { isSplit, isClean, isContinuous }, { process, random })
    this.#runs.push(run)
    const stop = () => run.stop.abort(new Error('stopped'))
    if (isContinuous) this.#world.after((0.3 + 0.7 * this.#added.fraction()) * continuousMs, stop)
    return run
  }

  #newProcess(name: string, random: SeededRandom, crashPoint: CrashPoint | null): SimulatedProcess {
    const onEdge = (what: string) => this.#note(`${name}: ${what}`)
    const seeded = seededRandom(random.uint32())
    return new SimulatedProcess(this.#world, { name, random: seeded, crashPoint, onEdge })
  }

  #plan(withinMs: number, action: () => void, thenWithinMs = 0, after?: () => void): void {
    this.#world.after(this.#random.fraction() * withinMs, () => {
      action()
      if (after) this.#world.after(this.#random.fraction() * thenWithinMs, after)
    })
  }

  async #validate(): Promise<void> {
    const process = new SimulatedProcess(this.#world, { name: 'validation', random: this.#fork() })
    let report: Awaited<ReturnType<typeof validateSimulated>> | null = null
    let failure: unknown = null
    validateSimulated(process, this.#bucket, this.#faults).then(
      (done) => {
        report = done
      },
      (error: unknown) => {
        failure = error
      },
    )
    await this.#world.run(() => report !== null || failure !== null, WORLD_EVENTS_MAX)
    if (failure !== null) return this.#find('broken', 'validation', errorText(failure))
    const { verdict, findings } = report as unknown as Awaited<ReturnType<typeof validateSimulated>>
    if (verdict !== 'damaged') return
    this.#find('altered', 'validation', findings.map(({ code, message }) => `${code}: ${message}`).join('; '))
  }

  #result(): HistoryResult {
    const objects = [...this.#bucket.objects].sort(([a], [b]) => (a < b ? -1 : 1))
    const commits = objects.filter(([key]) => key.startsWith(`${BACKUP_ID}/commits/`)).length
    const state = objects.map(([key, { bytes }]) => `${key} ${sha256(bytes)}`).join('\n')
    return {
      findings: this.#findings,
      runs: this.#runs.length,
      crashes: this.#runs.flatMap(({ process }) => process.crashedAt ?? []),
      faults: this.#faults.injected,
      edges: this.#runs.reduce((sum, { process }) => sum + process.edges, 0),
      commits,
      occurrences: this.#occurrences,
      digest: sha256(Buffer.from(`${this.#world.elapsedMs}\n${state}`)),
      trace: this.#trace,
    }
  }

  #note(what: string): void {
    if (this.#wantsTrace) this.#trace.push(`${this.#world.elapsedMs.toFixed(1).padStart(10)} ${what}`)
  }

  #find(kind: FindingClass, where: string, detail: string): void {
    this.#findings.push({ class: kind, where, detail })
  }

  #fork(): SeededRandom {
    return seededRandom(this.#random.uint32())
  }
}
