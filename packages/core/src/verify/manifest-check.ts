import { type AffectedPartition, damage, type Finding } from './finding.ts'
import type { LogFold } from './log-fold.ts'
import { differingPartitions, type ManifestCopy, renderAs } from './manifest-copy.ts'
import type { PartitionSet } from './partition-set.ts'

/** Where a log ends. */
export interface LogEnd {
  readonly fold: LogFold
  /** Highest number that belongs to it. */
  readonly lastNumber: bigint
  /** An artifact lies there that no commit names, and a manifest does not show artifacts. */
  readonly hasUnnamedArtifacts: boolean
}

/** Compares `manifest.json` with the rendering of the state that it says it shows. */
export class ManifestCheck {
  readonly #manifest: ManifestCopy
  #comparison: { readonly isEqual: boolean; readonly differing: PartitionSet } | null = null

  constructor(manifest: ManifestCopy) {
    this.#manifest = manifest
  }

  /** The commit whose state it says it shows; null when it does not say. */
  get commit(): bigint | null {
    return this.#manifest.commit
  }

  /** To be called after commit `number` was folded. */
  compare(number: bigint, fold: LogFold): void {
    if (!fold.isExact || number !== this.#manifest.commit) return
    const rendered = renderAs(fold.state)
    const { bytes } = this.#manifest
    this.#comparison = { isEqual: bytes.equals(rendered), differing: differingPartitions(bytes, rendered) }
  }

  /** Number of the commit that it proves, beyond the end of the log; 0 when it proves none. */
  provenNumber(end: LogEnd): bigint {
    const { commit } = this.#manifest
    if (commit === null || commit <= end.lastNumber) return 0n
    return this.#isOnlyNumberAhead(end) ? 0n : commit
  }

  /** Partitions in which it differs from the end of the log. */
  differing(fold: LogFold): PartitionSet {
    return differingPartitions(this.#manifest.bytes, renderAs(fold.state))
  }

  findings(end: LogEnd, all: readonly AffectedPartition[]): Finding[] {
    const { fold, lastNumber } = end
    const { key, state, commit } = this.#manifest
    const broken = (partitions: readonly AffectedPartition[], message: string) => [
      damage('KB_VALIDATION_FAILED', key, partitions.length > 0 ? partitions : all, message),
    ]
    if (state === 'missing') return this.#missing(fold, all)
    if (state === 'unreadable') return broken(all, 'it is larger than any manifest')
    if (commit === null) return broken(this.differing(fold).sorted(), 'it is not a rendering of any commit')
    if (commit > lastNumber) {
      if (!this.#isOnlyNumberAhead(end)) return []
      return broken(
        all,
        `it says commit ${commit}, the log ends at ${lastNumber}, and both hold the same: the number is damaged, or later commits were lost that added nothing`,
      )
    }
    if (!this.#comparison) return [this.#note('it cannot be compared: commits before it are damaged')]
    if (!this.#comparison.isEqual) {
      return broken(this.#comparison.differing.sorted(), `it is not the rendering of commit ${commit}`)
    }
    return commit < lastNumber
      ? [this.#note(`it shows commit ${commit}; the log goes on to ${lastNumber}`)]
      : []
  }

  /** Ahead of the log, and yet nothing else in it differs, nor lies there unnamed: this proves no lost data. */
  #isOnlyNumberAhead({ fold, hasUnnamedArtifacts }: LogEnd): boolean {
    const { commit, bytes } = this.#manifest
    if (hasUnnamedArtifacts) return false
    return fold.isExact && commit !== null && bytes.equals(renderAs(fold.state, commit))
  }

  /** A run renders it at its end. One killed just before does not; that this happened to every run is not believed. */
  #missing(fold: LogFold, all: readonly AffectedPartition[]): Finding[] {
    const { runs } = fold.state
    if (runs.length === 0) return []
    const message = 'it is not there'
    const hadTime = runs.slice(0, -1).some((run) => run.outcome !== 'running')
    if (!hadTime) return [this.#note(`${message}: the next run renders it`)]
    return [damage('KB_OBJECT_NOT_FOUND', this.#manifest.key, all, message)]
  }

  #note(message: string): Finding {
    return {
      severity: 'note',
      code: 'KB_VALIDATION_FAILED',
      key: this.#manifest.key,
      partitions: [],
      message,
    }
  }
}
