import type { Availability, Observer, RunEvent } from '../events/run-event.ts'
import { LatencyHistogram } from '../runtime/latency-histogram.ts'
import { CIRCUIT_STATES, circuitStateOf } from './circuit.ts'
import { CIRCUIT_TARGETS, type CircuitTarget } from './circuit-rows.ts'

type Labels = Readonly<Record<string, string | number>>

/** One family of figures: its name, help and kind as Prometheus wants them, and a value for each set of labels. */
interface Family {
  readonly kind: 'counter' | 'gauge'
  readonly help: string
  readonly values: Map<string, number>
}

const FAMILIES = {
  kafka_backup_records_total: ['counter', 'Records read.'],
  kafka_backup_uncompressed_bytes_total: ['counter', 'Bytes of the record batches read.'],
  kafka_backup_compressed_bytes_total: ['counter', 'Bytes of the frames written.'],
  kafka_backup_commits_total: ['counter', 'Commits created.'],
  kafka_backup_retries_total: ['counter', 'Times that something was tried again.'],
  kafka_backup_offset_gaps_total: ['counter', 'Gaps declared, by reason.'],
  kafka_backup_offsets_skipped_total: ['counter', 'Offsets in gaps, by reason.'],
  kafka_backup_divergences_total: ['counter', 'Histories that the source has begun anew, by reason.'],
  kafka_backup_unread_offsets: ['gauge', 'Offsets that the run wanted and did not get, by reason.'],
  kafka_backup_lag_offsets: ['gauge', 'Offsets that may be read and were not, of all partitions.'],
  kafka_backup_lag_max_offsets: ['gauge', 'The same of the partition that is furthest behind.'],
  kafka_backup_recovery_point_timestamp_seconds: [
    'gauge',
    'Everything acknowledged before it is committed (continuous runs).',
  ],
  kafka_backup_circuit_state: [
    'gauge',
    'Whether the store and the brokers are asked: 1 for the state that the circuit is in, 0 for the others.',
  ],
  kafka_backup_circuit_failures: ['gauge', 'Failures in a row while the circuit is not closed.'],
  kafka_backup_last_run_complete: ['gauge', '1 when the last run ended complete, 0 when it did not.'],
  kafka_backup_last_run_end_timestamp_seconds: ['gauge', 'When the last run ended.'],
  kafka_backup_deletion_seconds_left: [
    'gauge',
    'Estimated time until unread offsets are deleted, when last warned.',
  ],
} as const satisfies Record<string, readonly [Family['kind'], string]>

const HISTOGRAMS = {
  kafka_backup_checkpoint_duration_seconds:
    'Time from the decision to commit until the store had acknowledged the commit, data included.',
  kafka_backup_commit_duration_seconds: 'The part of it after the data was durable.',
} as const

type HistogramName = keyof typeof HISTOGRAMS

type FamilyName = keyof typeof FAMILIES

/** Figures of one run, gathered from its events and rendered in the text format of Prometheus. */
export class RunMetrics {
  readonly #common: Labels
  readonly #families = new Map<FamilyName, Family>()
  readonly #histograms = new Map<HistogramName, LatencyHistogram>()

  /** `common` are labels of every figure, such as the backup's id. */
  constructor(common: Labels) {
    this.#common = common
    for (const [name, [kind, help]] of Object.entries(FAMILIES)) {
      this.#families.set(name as FamilyName, { kind, help, values: new Map() })
    }
    for (const target of CIRCUIT_TARGETS) this.#turn(target, { state: 'closed', failures: 0 })
  }

  readonly observe: Observer = (event) => {
    this.#count(event)
  }

  /** Takes how the run ended; `atMs` in milliseconds since the epoch. */
  end(isComplete: boolean, atMs: number): void {
    this.#set('kafka_backup_last_run_complete', {}, isComplete ? 1 : 0)
    this.#set('kafka_backup_last_run_end_timestamp_seconds', {}, atMs / 1_000)
  }

  /** The text exposition format, version 0.0.4. */
  render(): string {
    const lines: string[] = []
    for (const [name, { kind, help, values }] of this.#families) {
      if (values.size === 0) continue
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`)
      for (const [labels, value] of values) lines.push(`${name}{${labels}} ${value}`)
    }
    for (const [name, histogram] of this.#histograms) lines.push(...this.#renderHistogram(name, histogram))
    return `${lines.join('\n')}\n`
  }

  #count(event: RunEvent): void {
    switch (event.type) {
      case 'progressed': {
        const { records, rawBytes, storedBytes } = event.progress
        this.#set('kafka_backup_records_total', {}, records)
        this.#set('kafka_backup_uncompressed_bytes_total', {}, rawBytes)
        this.#set('kafka_backup_compressed_bytes_total', {}, storedBytes)
        return
      }
      case 'commit_created':
        this.#add('kafka_backup_commits_total', {}, 1)
        this.#time('kafka_backup_checkpoint_duration_seconds', event.durationMs)
        this.#time('kafka_backup_commit_duration_seconds', event.durationMs - event.uploadMs)
        return
      case 'store_availability':
        this.#turn('store', event)
        return
      case 'cluster_availability':
        this.#turn('cluster', event)
        return
      case 'retry_scheduled':
        this.#add('kafka_backup_retries_total', {}, 1)
        return
      case 'gap_declared':
        this.#add('kafka_backup_offset_gaps_total', placeOf(event), 1)
        this.#add('kafka_backup_offsets_skipped_total', placeOf(event), offsetsOf(event))
        return
      case 'divergence_declared':
        this.#add('kafka_backup_divergences_total', placeOf(event), 1)
        return
      case 'partition_unread':
        this.#set('kafka_backup_unread_offsets', placeOf(event), offsetsOf(event))
        return
      case 'lag_measured': {
        const { offsets, most, recoveryPointMs } = event.lag
        this.#set('kafka_backup_lag_offsets', {}, offsets)
        this.#set('kafka_backup_lag_max_offsets', {}, most?.offsets ?? 0)
        if (recoveryPointMs !== null)
          this.#set('kafka_backup_recovery_point_timestamp_seconds', {}, recoveryPointMs / 1_000)
        return
      }
      case 'deletion_near': {
        const { topic, partition, secondsLeft } = event
        this.#set('kafka_backup_deletion_seconds_left', { topic, partition }, Math.round(secondsLeft))
        return
      }
      default:
    }
  }

  #turn(target: CircuitTarget, change: Pick<Availability, 'state' | 'failures'>): void {
    const current = circuitStateOf(change)
    for (const state of CIRCUIT_STATES) {
      this.#set('kafka_backup_circuit_state', { target, state }, state === current ? 1 : 0)
    }
    this.#set('kafka_backup_circuit_failures', { target }, change.failures)
  }

  #set(name: FamilyName, labels: Labels, value: number): void {
    this.#families.get(name)?.values.set(this.#render(labels), value)
  }

  #add(name: FamilyName, labels: Labels, value: number): void {
    const values = this.#families.get(name)?.values
    const key = this.#render(labels)
    values?.set(key, (values.get(key) ?? 0) + value)
  }

  #time(name: HistogramName, durationMs: number): void {
    const histogram = this.#histograms.get(name) ?? new LatencyHistogram()
    this.#histograms.set(name, histogram)
    histogram.add(durationMs)
  }

  #renderHistogram(name: HistogramName, { summary }: LatencyHistogram): string[] {
    const { buckets, count, sumMs } = summary
    const all = [...buckets.map((bucket) => [bucket.boundMs / 1_000, bucket.count]), ['+Inf', count]] as const
    return [
      `# HELP ${name} ${HISTOGRAMS[name]}`,
      `# TYPE ${name} histogram`,
      ...all.map(([le = 0, value]) => `${name}_bucket{${this.#render({ le })}} ${value}`),
      `${name}_sum{${this.#render({})}} ${sumMs / 1_000}`,
      `${name}_count{${this.#render({})}} ${count}`,
    ]
  }

  #render(labels: Labels): string {
    return Object.entries({ ...this.#common, ...labels })
      .map(([name, value]) => `${name}="${escapeLabel(String(value))}"`)
      .join(',')
  }
}

function placeOf(event: { topic: string; partition: number; reason: string }): Labels {
  return { topic: event.topic, partition: event.partition, reason: event.reason }
}

function offsetsOf(range: { firstOffset: bigint; endOffset: bigint }): number {
  return Number(range.endOffset - range.firstOffset)
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
