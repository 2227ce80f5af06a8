import type { PlantedDefect } from './planted-defect.ts'

/** Every run goes on until it is stopped. */
const CONTINUED = { continuous: 1, continuousMs: 5_000 }

/** What they read at a checkpoint is too little for an object of its own. */
const OFTEN_BUNDLED = { frameMinBytes: 1_000_000, segmentMaxIntervalMs: 0, checkpointIntervalMs: 200 }

/** Partitions that are new, and leaders that do not answer. */
const GROWING = {
  ...{ retention: 0, election: 1, uncleanElection: 0, compaction: 0 },
  ...{ brokerDown: 4, recreation: 0, growth: 2 },
}

/** Those of runs that go on until they are stopped. */
export const OF_CONTINUOUS_RUNS: readonly PlantedDefect[] = [
  {
    name: 'a small part is sealed with what was reached when it became durable',
    file: 'backup/partition-writer.ts',
    from: 'const onDurable = () => this.standing.seal(reachedAtMs)',
    to: 'const onDurable = () => this.standing.seal(this.standing.reachedAtMs)',
    caughtAs: ['lost'],
    under: { ...CONTINUED, ...OFTEN_BUNDLED },
  },
  {
    name: 'a partition knows its recovery point before the commit',
    file: 'backup/standing.ts',
    from: 'return this.#takenAtMs ?? this.#recoveryPointMs',
    to: 'return this.#reachedAtMs ?? this.#recoveryPointMs',
    caughtAs: ['lost'],
    under: CONTINUED,
  },
  {
    name: 'a partition is looked at only when it has a leader',
    file: 'backup/discover-partitions.ts',
    from: 'onUnattended(unattended)',
    to: 'onUnattended(unattended.filter(({ leader }) => leader >= 0))',
    caughtAs: ['lost'],
    under: { ...CONTINUED, continuousMs: 20_000, refreshIntervalMs: 500, troubles: GROWING },
  },
  {
    name: 'a bundle is named by two commits',
    file: 'backup/run-commits.ts',
    from: '...this.#bundles.splice(0)',
    to: '...this.#bundles',
    caughtAs: ['broken', 'doubled'],
    under: CONTINUED,
  },
  {
    name: 'aborted transactions of a bundle are those of its first part',
    file: 'backup/bundle-writer.ts',
    from: 'content.aborted.map((entry) => ({ ...entry, stream }))',
    to: 'content.aborted.map((entry) => ({ ...entry, stream: stream * 0 }))',
    caughtAs: ['phantom', 'broken'],
    under: CONTINUED,
  },
]
