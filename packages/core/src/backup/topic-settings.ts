import { toKafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { Observer } from '../events/run-event.ts'
import type { BackupState } from '../format/backup-state.ts'
import {
  type CapturedTopic,
  encodeTopics,
  saysTheSame,
  TOPICS_KIND,
  type TopicsDocument,
} from '../format/topics-document.ts'
import type { Cluster, ClusterSurvey, TopicSettings } from '../kafka/cluster.ts'
import { writeArtifact } from '../repository/artifacts.ts'
import { newestTopics } from '../repository/newest-topics.ts'
import type { Clock } from '../runtime/clock.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { capturedTopics, type TopicsLook } from './captured-topics.ts'
import type { RunCommits } from './run-commits.ts'
import { SideLook } from './side-look.ts'

/** A topic whose settings could not be read, and why. */
export interface UnreadSettings {
  readonly topic: string
  readonly reason: string
}

/** What a run knows of the settings of its topics. */
export interface TopicSettingsReport {
  /** Topics of this run whose settings were read. */
  readonly topics: number
  readonly unread: readonly UnreadSettings[]
  /** Why nothing of it is in the backup; null: it is. */
  readonly failure: string | null
}

/** What settings are captured with. */
export interface TopicSettingsOptions {
  readonly cluster: Pick<Cluster, 'survey' | 'topicSettings'>
  readonly state: BackupState
  readonly storage: StorageBackend
  readonly clusterId: string
  readonly writerId: string
  readonly clock: Clock
  readonly observe: Observer
  readonly commits: Pick<RunCommits, 'addArtifact'>
  readonly signal: AbortSignal
}

const NOTHING_READ: TopicSettingsReport = { topics: 0, unread: [], failure: 'they were not read in time' }

/**
 * Settings of topics beside the reading of records, which it neither delays nor fails: whatever goes wrong is told. One look is under way
 * at a time; what says nothing new is not written.
 */
export class TopicSettingsCapture {
  readonly #options: TopicSettingsOptions
  readonly #sideLook: SideLook
  #newest: TopicsDocument | undefined
  #isNewestKnown = false
  /** The number of the newest artifact of this run: there is one for each commit at most. */
  #writtenNumber: bigint | null = null
  #report: TopicSettingsReport = NOTHING_READ
  #told = ''

  constructor(options: TopicSettingsOptions) {
    this.#options = options
    this.#sideLook = new SideLook(options.clock)
  }

  get report(): TopicSettingsReport {
    return this.#report
  }

  /** False when something is missing in the backup that was there to read. */
  get isWhole(): boolean {
    return this.#report.failure === null && this.#report.unread.length === 0
  }

  /** Begins to look at these topics, unless a look is under way. */
  begin(topics: readonly string[]): void {
    this.#begin(() => this.#options.cluster.survey(topics))
  }

  /** The same for topics that were looked at just now. */
  refresh(survey: ClusterSurvey): void {
    this.#begin(async () => survey)
  }

  /** Waits for the look that is under way, but not for ever. */
  settle(): Promise<void> {
    return this.#sideLook.settle()
  }

  #begin(survey: () => Promise<ClusterSurvey>): void {
    this.#sideLook.begin(
      () => this.#look(survey),
      (error) => this.#note({ ...NOTHING_READ, failure: toKafkaBackupError(error).message }),
    )
  }

  async #look(surveyTopics: () => Promise<ClusterSurvey>): Promise<void> {
    const { state, storage, signal, clock } = this.#options
    const readAtMs = BigInt(Math.floor(clock.nowMs()))
    if (!this.#isNewestKnown) {
      this.#newest = (await newestTopics(storage, state, signal).catch(() => null)) ?? undefined
      this.#isNewestKnown = true
    }
    const look = await this.#read(await surveyTopics())
    const topics = capturedTopics(look, this.#newest)
    await this.#keep({ ...this.#heading(readAtMs), topics })
    const names = new Set([...look.survey.topics.map(({ name }) => name), ...look.survey.absent.keys()])
    this.#note(reportOf(topics.filter(({ name }) => names.has(name))))
  }

  /** Where all settings fail together, partitions and replicas are still worth keeping. */
  async #read(survey: ClusterSurvey): Promise<TopicsLook> {
    const names = survey.topics.map(({ name }) => name)
    try {
      return { survey, settings: await this.#options.cluster.topicSettings(names, null), failure: null }
    } catch (error) {
      // A run that was told to stop has not found out.
      this.#options.signal.throwIfAborted()
      const { code, context } = toKafkaBackupError(error)
      const failure = String(context.kafkaError ?? code)
      return { survey, settings: new Map<string, TopicSettings>(), failure }
    }
  }

  async #keep(document: TopicsDocument): Promise<void> {
    const { state, storage, commits, signal } = this.#options
    if (this.#newest && saysTheSame(this.#newest, document)) return
    // The one before waits for a commit yet; the next look writes what is new.
    if (this.#writtenNumber === state.nextNumber) return
    this.#writtenNumber = state.nextNumber
    const bytes = encodeTopics(document)
    const artifact = { kind: TOPICS_KIND, writer: this.#options.writerId, bytes }
    commits.addArtifact(await writeArtifact(storage, state, artifact, signal))
    this.#newest = document
  }

  #heading(readAtMs: bigint) {
    const { state, writerId: writer, clusterId } = this.#options
    return { backupId: state.backupId, writer, readAtMs, clusterId }
  }

  /** Once for each state of things, however often it is looked at. */
  #note(report: TopicSettingsReport): void {
    this.#report = report
    const { unread, failure } = report
    const text = JSON.stringify({ unread, failure })
    // Who is stopped needs not be told that this was stopped, too.
    if (text === this.#told || this.#options.signal.aborted) return
    this.#told = text
    if (!this.isWhole) this.#options.observe({ type: 'topic_settings_unread', unread, failure })
  }
}

function reportOf(topics: readonly CapturedTopic[]): TopicSettingsReport {
  const unread = topics.flatMap(({ name: topic, unread: reason }) =>
    reason === null ? [] : [{ topic, reason }],
  )
  return { topics: topics.length - unread.length, unread, failure: null }
}
