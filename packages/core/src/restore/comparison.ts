import type { TargetPlace } from '../format/restore-ledger.ts'
import type { KafkaRecord } from '../protocol/record.ts'
import { contentDifference, RecordDigest, type RecordField } from './record-content.ts'

/** How a record of the archive and one of the cluster differ. */
export interface RecordDifference {
  /**
   * `missing`: the cluster does not show it to readers of committed records; `unexpected`: the archive does not have it; `misplaced`: the
   * offset map names another record there.
   */
  readonly kind: 'content' | 'missing' | 'unexpected' | 'misplaced'
  /** Where the record is in the archive; null when it is not there. */
  readonly sourceOffset: bigint | null
  /** Where the record is, or should be, in the cluster; null when nobody knows. */
  readonly clusterOffset: bigint | null
  /** For `content`, all that differ. */
  readonly fields: readonly RecordField[]
  readonly detail: string
}

/** `incomplete`: what could be compared is equal. */
export type Verdict = 'equal' | 'incomplete' | 'differs'

/** What the comparison of one partition of a cluster came to. */
export interface PartitionVerdict extends TargetPlace {
  readonly verdict: Verdict
  /** Of the archive that were looked for in the cluster. */
  readonly records: number
  /** SHA-256 over key, value, headers and timestamp of these records, in order; docs/restore.md has the bytes. */
  readonly sha256: string
  /** The same over the records that were found. */
  readonly clusterSha256: string
  /** How many records differ, are missing or are too many. */
  readonly differences: number
  readonly firstDifference: RecordDifference | null
}

/** Compares one partition, and remembers no more than the first difference. */
export class Comparison {
  #records = 0
  #differences = 0
  #first: RecordDifference | null = null
  readonly #archive = new RecordDigest()
  /** null as long as it is that of the archive. */
  #cluster: RecordDigest | null = null

  /** Two records that should be the same. */
  compare(expected: KafkaRecord, found: KafkaRecord): void {
    const difference = contentDifference(expected, found)
    if (difference === undefined) {
      this.#records++
      this.#archive.add(expected)
      this.#cluster?.add(found)
      return
    }
    this.#fork().add(found)
    this.#expect(expected)
    this.#note({
      kind: 'content',
      sourceOffset: expected.offset,
      clusterOffset: found.offset,
      ...difference,
    })
  }

  /** A record of the archive for which the cluster has none. */
  missing(expected: KafkaRecord, clusterOffset: bigint | null, detail: string): void {
    this.#fork()
    this.#expect(expected)
    this.#note({ kind: 'missing', sourceOffset: expected.offset, clusterOffset, fields: [], detail })
  }

  /** A record of the archive, and another one where it should be. */
  misplaced(expected: KafkaRecord, clusterOffset: bigint, found: KafkaRecord | null, detail: string): void {
    const cluster = this.#fork()
    if (found) cluster.add(found)
    this.#expect(expected)
    this.#note({ kind: 'misplaced', sourceOffset: expected.offset, clusterOffset, fields: [], detail })
  }

  /** A record of the cluster that the archive does not have; null: not even the cluster has it. */
  unexpected(clusterOffset: bigint, found: KafkaRecord | null, detail: string): void {
    const cluster = this.#fork()
    if (found) cluster.add(found)
    this.#note({ kind: 'unexpected', sourceOffset: null, clusterOffset, fields: [], detail })
  }

  /** The last call. `isWhole`: nothing was left out of the comparison. */
  finish({ topic, partition }: TargetPlace, isWhole: boolean): PartitionVerdict {
    const clusterSha256 = this.#cluster?.finish()
    const sha256 = this.#archive.finish()
    return {
      topic,
      partition,
      verdict: this.#differences > 0 ? 'differs' : isWhole ? 'equal' : 'incomplete',
      records: this.#records,
      sha256,
      clusterSha256: clusterSha256 ?? sha256,
      differences: this.#differences,
      firstDifference: this.#first,
    }
  }

  #expect(expected: KafkaRecord): void {
    this.#records++
    this.#archive.add(expected)
  }

  #fork(): RecordDigest {
    this.#cluster ??= this.#archive.copy()
    return this.#cluster
  }

  #note(difference: RecordDifference): void {
    this.#differences++
    this.#first ??= difference
  }
}

/** The worst of all verdicts. */
export function worstVerdict(verdicts: readonly { readonly verdict: Verdict }[]): Verdict {
  if (verdicts.some(({ verdict }) => verdict === 'differs')) return 'differs'
  return verdicts.some(({ verdict }) => verdict === 'incomplete') ? 'incomplete' : 'equal'
}
