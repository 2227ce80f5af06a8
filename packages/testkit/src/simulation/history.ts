import './deterministic-builtins.ts'
import { isKafkaBackupError } from '@kafka-backup/core/internal'
import { type SeededRandom, seededRandom } from '../seeded-random.ts'
import { checkArchive } from './archive-checker.ts'
import { foldCommits } from './archive-history.ts'
import { type CommitDocument, sha256 } from './archive-reading.ts'
import { FaultPlan } from './faults.ts'
import type { Finding, FindingClass } from './finding.ts'
import type { HistoryOptions } from './history-options.ts'
import { SimulatedBucket } from './simulated-bucket.ts'
import { type CrashMoment, type CrashPoint, SimulatedProcess } from './simulated-process.ts'
import { BACKUP_ID, type EndedRun, runSimulatedBackup, validateSimulated } from './simulated-run.ts'
import { openSimulatedStore } from './simulated-store.ts'
import { SimulatedTopics } from './simulated-topics.ts'
import { type Troubles, Workload } from './workload.ts'
import { SimulatedWorld, StuckError } from './world.ts'

/** What became of a history. */
export interface HistoryResult {
  readonly findings: readonly Finding[]
  readonly runs: number
  readonly crashes: readonly string[]
  readonly faults: number
  /** Requests of all processes together. */
  readonly edges: number
  readonly commits: number
  /** The same for the same seed. */
  readonly digest: string
  /** What happened, for people; only when it was asked for. */
  readonly trace: readonly string[]
}

const EVENTS_MAX = 60_000
const CLEAN_RUNS_MAX = 4
const PAUSE_MAX_MS = 40_000
const VALIDATED_EVERY = 16
const FIRST_WITH_TOPIC_IDS = 13
const FIRST_WITH_LAST_EPOCH = 12
const MOMENTS: readonly CrashMoment[] = ['before', 'after', 'late']

/** What a run that meets faults may end with; everything else is a defect. */
const EXPECTED_FAILURES = [
  'KB_STORAGE_UNAVAILABLE',
  'KB_CLUSTER_UNREACHABLE',
  'KB_BROKER_TRANSIENT',
  'KB_COMMIT_CONFLICT',
  'KB_TOPIC_NOT_FOUND',
  // Half an answer has no meaning.
  'KB_BATCH_CORRUPT',
  'KB_BROKER_ERROR',
  'KB_INTERRUPTED',
]

interface Run {
  readonly process: SimulatedProcess
  readonly isClean: boolean
  readonly stop: AbortController
  end: EndedRun | { readonly error: unknown } | null
}

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
  readonly #runs: Run[] = []
  readonly #trace: string[] = []
  readonly #wantsTrace: boolean
  #hasSplitRuns = false

  constructor(options: HistoryOptions, wantsTrace: boolean) {
    this.#options = options
    this.#wantsTrace = wantsTrace
    this.#random = seededRandom(options.seed ^ 0x5eed)
    const elapsedMs = () => this.#world.elapsedMs
    this.#bucket = new SimulatedBucket(elapsedMs)
    this.#bucket.watch((key, bytes) => this.#seeObject(key, bytes))
    this.#topics = new SimulatedTopics(options.brokers, elapsedMs)
    this.#faults = new FaultPlan(this.#fork(), options.faults, elapsedMs)
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
    const runs = [this.#start(this.#random.chance(this.#options.crash))]
    let isComing = this.#random.chance(secondWriter)
    if (isComing) {
      const isSplit = this.#random.chance(0.3)
      this.#world.after(this.#random.fraction() * 3_000, () => {
        isComing = false
        runs.push(this.#start(this.#random.chance(this.#options.crash), isSplit))
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
    await this.#world.run(() => !isComing && runs.every(isOver), EVENTS_MAX)
    for (const run of runs) this.#judge(run)
    const untilMs = this.#world.elapsedMs + this.#random.fraction() * 10_000
    await this.#world.run(() => this.#world.elapsedMs >= untilMs, EVENTS_MAX)
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
    let isComplete = false
    for (let number = 1; number <= CLEAN_RUNS_MAX && !isComplete; number++) {
      const run = this.#start(false, false, true)
      await this.#world.run(() => isOver(run), EVENTS_MAX)
      this.#judge(run)
      isComplete = run.end !== null && 'report' in run.end && run.end.report.outcome === 'complete'
    }
    if (!isComplete)
      this.#find('broken', 'the end', `no run was complete, although nothing disturbed ${CLEAN_RUNS_MAX}`)
    const { objects } = this.#bucket
    const archive = { objects, backupId: BACKUP_ID, topics: this.#topics }
    this.#findings.push(...checkArchive({ ...archive, isComplete, hasSplitRuns: this.#hasSplitRuns }))
    if (this.#options.seed % VALIDATED_EVERY === 0) await this.#validate()
  }

  #start(mayCrash: boolean, isSplit = false, isClean = false): Run {
    this.#hasSplitRuns ||= isSplit
    const drawn: CrashPoint | null = mayCrash
      ? { edge: 1 + this.#random.below(this.#random.pick([20, 80, 300])), moment: this.#random.pick(MOMENTS) }
      : null
    const crashPoint = (this.#runs.length === 0 ? this.#options.firstCrash : undefined) ?? drawn
    const name = `run ${this.#runs.length + 1}`
    const onEdge = (what: string) => this.#note(`${name}: ${what}`)
    const process = new SimulatedProcess(this.#world, { name, random: this.#fork(), crashPoint, onEdge })
    const run: Run = { process, isClean, stop: new AbortController(), end: null }
    this.#runs.push(run)
    const { partBytes } = this.#options
    const store = { bucket: this.#bucket, process, faults: this.#faults, partBytes }
    const isChosen = (_: string, partition: number) => !isSplit || partition % 2 === 1
    runSimulatedBackup({
      options: this.#options,
      process,
      topics: this.#topics,
      openBackend: (hooks) => openSimulatedStore({ ...store, hooks }),
      faults: this.#faults,
      random: this.#fork(),
      stop: run.stop.signal,
      isChosen,
    }).then(
      (end) => {
        run.end = end
      },
      (error: unknown) => {
        run.end = { error }
      },
    )
    return run
  }

  #plan(withinMs: number, action: () => void, thenWithinMs = 0, after?: () => void): void {
    this.#world.after(this.#random.fraction() * withinMs, () => {
      action()
      if (after) this.#world.after(this.#random.fraction() * thenWithinMs, after)
    })
  }

  #judge({ process, end, stop, isClean }: Run): void {
    if (end === null) {
      this.#note(`${process.name} crashed ${process.crashedAt}`)
      return
    }
    if ('error' in end) {
      const { error } = end
      this.#note(`${process.name} failed: ${error instanceof Error ? error.message : error}`)
      const isStopped = stop.signal.aborted && error === stop.signal.reason
      const isExpected =
        isStopped || EXPECTED_FAILURES.some((code) => isKafkaBackupError(error, code as never))
      if (!isExpected || isClean) this.#find('broken', process.name, errorText(error))
      return
    }
    this.#note(`${process.name} ended ${end.report.outcome}`)
    if (end.report.outcome === 'complete') this.#checkTargets(process.name, end)
  }

  /** A run that was complete has what its plan wanted. */
  #checkTargets(name: string, { plan }: EndedRun): void {
    const { histories } = foldCommits(this.#bucket.objects, BACKUP_ID)
    for (const { topic, partition, targetOffset, lineage, isCompacted } of plan.partitions) {
      if (isCompacted) continue
      const history = histories.find(
        (entry) => entry.topic === topic && entry.partition === partition && entry.lineage === lineage,
      )
      if (history && history.nextOffset >= targetOffset) continue
      this.#find(
        'lost',
        name,
        `complete, but ${topic}/${partition} ends at ${history?.nextOffset}, before ${targetOffset}`,
      )
    }
  }

  /** What a commit names is there when the commit comes into being. */
  #seeObject(key: string, bytes: Buffer): void {
    this.#note(`the bucket has ${key} (${bytes.length})`)
    if (!key.startsWith(`${BACKUP_ID}/commits/`)) return
    if (this.#bucket.objects.has(key)) this.#find('lost', key, 'a commit was written over')
    const { segments } = JSON.parse(bytes.toString()) as CommitDocument
    for (const segment of segments) {
      if (this.#bucket.objects.get(segment.key)?.bytes.length === segment.bytes) continue
      this.#find('lost', key, `it names ${segment.key}, which is not there`)
    }
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
    await this.#world.run(() => report !== null || failure !== null, EVENTS_MAX)
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

function isOver({ process, end }: Run): boolean {
  return process.isDead || end !== null
}

function errorText(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
