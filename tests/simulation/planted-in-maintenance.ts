import type { PlantedDefect } from './planted-defect.ts'

/** Some runs go on until they are stopped, and somebody keeps the backup in order beside and between them. */
const MAINTAINED = { continuous: 0.5, maintenance: 1, graceMs: 2_000 }

/** Those of what keeps a backup in order. */
export const OF_MAINTENANCE: readonly PlantedDefect[] = [
  {
    name: 'what a commit has freed is deleted before its grace',
    file: 'repository/delete-waiting.ts',
    from: 'nowMs - object.freedAtMs < graceMs',
    to: 'nowMs - object.freedAtMs < graceMs / 2',
    caughtAs: ['lost'],
    under: MAINTAINED,
  },
  {
    name: 'young orphans are removed',
    file: 'verify/repair-run.ts',
    from: 'nowMs - modifiedMs < options.graceMs',
    to: 'nowMs - modifiedMs < options.graceMs / 2',
    caughtAs: ['lost'],
    under: { ...MAINTAINED, graceMs: 15_000 },
  },
  {
    name: 'artifacts pass for orphans',
    file: 'repository/waiting-objects.ts',
    from: 'new Set([...state.segments, ...state.artifacts].map(({ key }) => key))',
    to: 'new Set([...state.segments].map(({ key }) => key))',
    caughtAs: ['lost'],
    under: MAINTAINED,
  },
  {
    name: 'a prune takes the documents that counted at its time',
    file: 'repository/prune-plan.ts',
    from: 'new Set(supersededDocuments(artifacts).map(({ key }) => key))',
    to: 'new Set(artifacts.map(({ key }) => key))',
    caughtAs: ['lost'],
    under: MAINTAINED,
  },
  {
    name: 'a repair removes what a run that is alive has named meanwhile',
    file: 'repository/commit-log.ts',
    from: 'draft.pruned.orphans.find((key) => named.has(key))',
    to: 'draft.pruned.orphans.find((key) => named.has(key) && key === "")',
    caughtAs: ['lost'],
    under: { ...MAINTAINED, graceMs: 0 },
  },
  {
    name: 'a run names what a repair has removed',
    file: 'repository/commit-log.ts',
    from: 'namedObjects(draft).find((key) => removed.has(key))',
    to: 'namedObjects(draft).find((key) => removed.has(key) && key === "")',
    caughtAs: ['lost'],
    under: { ...MAINTAINED, graceMs: 0 },
  },
  {
    name: 'a compaction leaves out the last segment that it wrote',
    file: 'compact/compact-run.ts',
    from: 'return written.flat()\n  }\n\n  async #rewritePacks',
    to: 'return written.flat().slice(0, -1)\n  }\n\n  async #rewritePacks',
    caughtAs: ['broken', 'lost'],
    under: MAINTAINED,
  },
  {
    name: 'a compaction forgets what was aborted',
    file: 'compact/rewrite-stretch.ts',
    from: 'transactions.beginPart(aborted, {',
    to: 'transactions.beginPart(aborted.slice(1), {',
    caughtAs: ['broken', 'phantom'],
    under: MAINTAINED,
  },
  {
    name: 'what a compaction replaces is deleted before its commit',
    file: 'compact/compact-run.ts',
    from: '    const compacted = { objects',
    to: '    await this.#context.storage.delete(objects[0]!.key)\n    const compacted = { objects',
    caughtAs: ['lost', 'broken'],
    under: MAINTAINED,
  },
  {
    name: 'a prune frees the segment behind what it takes too',
    file: 'format/pruned-history.ts',
    from: 'objects: [...dropped.map(({ segment }) => segment.key), ...quarantined]',
    to: 'objects: [...history.parts.slice(0, partCount + 1).map(({ segment }) => segment.key), ...quarantined]',
    caughtAs: ['undeclared', 'lost'],
    under: MAINTAINED,
  },
  {
    name: 'a prune takes what is younger than it was asked for',
    file: 'repository/prune-plan.ts',
    from: 'isDated && newestMs < beforeMs',
    to: 'isDated && newestMs < 2n * beforeMs',
    caughtAs: ['lost'],
    under: MAINTAINED,
  },
]
