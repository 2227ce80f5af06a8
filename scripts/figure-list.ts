/** Which form of a figure is meant: the one of every change, or that of a release. */
export type FigureTier = 'short' | 'long'

/** Test files that give a figure, and the variables that make them long. A path may be a part of several. */
export interface FigureRun {
  readonly files: readonly string[]
  readonly long: Readonly<Record<string, string>>
}

/** A promise that is a number: what is promised, and what counts it. The letters are those of the list of invariants. */
export interface Figure {
  readonly id: string
  readonly promise: string
  readonly runs: readonly FigureRun[]
}

/** In the order of the page. The short form sets no variables: it is what CI runs. */
export const FIGURES: readonly Figure[] = [
  {
    id: 'F1',
    promise:
      'Simulated histories of backups, continuous ones too, repairs, compactions and prunes, with crashes, faults and second writers: no finding in any archive',
    runs: [{ files: ['tests/simulation/seeds'], long: { SEEDS: '100000' } }],
  },
  {
    id: 'F2',
    promise:
      'A backup, a repair, a compaction or a prune that dies at each of its requests and calls, before, after or during it: the next one makes it whole',
    runs: [
      { files: ['tests/simulation/crash-points'], long: {} },
      { files: ['tests/crash/crash-points'], long: {} },
    ],
  },
  {
    id: 'F3',
    promise: '`kill -9` of a running backup: every offset exactly once',
    runs: [{ files: ['tests/crash/backup-kill'], long: { KILLS: '1000' } }],
  },
  {
    id: 'F4',
    promise:
      '`kill -9` of a running restore, a third with the broker, and suspended ones that wake: every record once, in order',
    runs: [
      {
        files: ['tests/crash/restore-kill-3', 'tests/crash/restore-kill-4'],
        long: { KILLS: '250', SUSPENDED: '20' },
      },
      { files: ['tests/crash/restore-kill-offsets'], long: {} },
    ],
  },
  {
    id: 'F5',
    promise: 'A full or broken disk at each file system call of a run: no damaged repository',
    runs: [{ files: ['tests/simulation/filesystem-faults'], long: {} }],
  },
  {
    id: 'F6',
    promise:
      'Leaders and coordinators that move, are killed or pause during a run: nothing lost, nothing twice',
    runs: [{ files: ['tests/leaders/leader-moves', 'tests/leaders/coordinator-moves'], long: {} }],
  },
  {
    id: 'F7',
    promise: 'Logs that were cut off, replaced or created again: declared, never mixed up',
    runs: [
      { files: ['tests/lineage/unclean-election'], long: { UNCLEAN: '50' } },
      { files: ['tests/lineage/recreated', 'tests/lineage/disk-put-back'], long: {} },
    ],
  },
  {
    id: 'F8',
    promise:
      'Transactions, a third aborted: no record of an aborted one restored, none of a committed one missing',
    runs: [{ files: ['tests/fidelity/transactions.test'], long: { TRANSACTIONS: '100000' } }],
  },
  {
    id: 'F9',
    promise: 'Flipped bits, truncated, swapped and removed objects: found, and the object is named',
    runs: [{ files: ['packages/core/test/verify/validate-damage'], long: {} }],
  },
  {
    id: 'F12',
    promise: 'Stores that fail, stall, cut off or answer wrongly: no wrong result',
    runs: [{ files: ['tests/stores/faults'], long: { FAULTS: '0.2', ROUNDS: '10' } }],
  },
  {
    id: 'F13',
    promise: 'Processes that race on one backup, and suspended ones that wake: one lineage each time',
    runs: [
      { files: ['tests/stores/racing-writers'], long: {} },
      { files: ['tests/crash/two-writers', 'tests/crash/suspended-writer'], long: { ROUNDS: '50' } },
    ],
  },
  {
    id: 'F20',
    promise: 'Defects planted into the program: found by the simulation',
    runs: [{ files: ['tests/simulation/planted-defects'], long: {} }],
  },
]

/** What anybody runs to see the figure again. */
export function commandOf(run: FigureRun, tier: FigureTier): string {
  const variables =
    tier === 'long' ? Object.entries(run.long).map(([name, value]) => `${name}=${value} `) : []
  return `${variables.join('')}npm test -- ${run.files.join(' ')}`
}
