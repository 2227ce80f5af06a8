import type { Observer, RunEvent } from '../events/run-event.ts'

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
  kafka_backup_last_run_complete: ['gauge', '1 when the last run ended complete, 0 when it did not.'],
  kafka_backup_last_run_end_timestamp_seconds: ['gauge', 'When the last run ended.'],
  kafka_backup_deletion_seconds_left: [
    'gauge',
    'Estimated time until unread offsets are deleted, when last warned.',
  ],
} as const satisfies Record<string, readonly [Family['kind'], string]>

type FamilyName = keyof typeof FAMILIES

/** Figures of one run, gathered from its events and rendered in the text format of Prometheus. */
export class RunMetrics {
  readonly #common: Labels
  readonly #families = new Map<FamilyName, Family>()

  /** `common` are labels of every figure, such as the backup's id. */
  constructor(common: Labels) {
    this.#common = common
    for (const [name, [kind, help]] of Object.entries(FAMILIES)) {
      this.#families.set(name as FamilyName, { kind, help, values: new Map() })
    }
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

  #set(name: FamilyName, labels: Labels, value: number): void {
    this.#families.get(name)?.values.set(this.#render(labels), value)
  }

  #add(name: FamilyName, labels: Labels, value: number): void {
    const values = this.#families.get(name)?.values
    const key = this.#render(labels)
    values?.set(key, (values.get(key) ?? 0) + value)
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
