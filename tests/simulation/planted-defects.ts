import type { PlantedDefect } from './planted-defect.ts'
import { OF_CONTINUOUS_RUNS } from './planted-in-continuous-runs.ts'
import { OF_MAINTENANCE } from './planted-in-maintenance.ts'

const ELECTIONS = {
  retention: 0,
  election: 2,
  uncleanElection: 8,
  compaction: 0,
  brokerDown: 0,
  recreation: 0,
  growth: 0,
}

/** Runs that end, and nobody beside them: races are met sooner where nothing else is done. */
const ALONE = { continuous: 0, maintenance: 0 }

/** Races of histories that end: often enough, and without what else is read, which moves the moments at which they are lost. */
const ENDING_HISTORIES = {
  troubles: { ...ELECTIONS, election: 0, uncleanElection: 4, recreation: 8 },
  isCapturingSettings: false,
  isReadingGroups: false,
}

const RUN = 'backup/backup-run.ts'
const COMMITS = 'backup/run-commits.ts'
const INTAKE = 'backup/batch-intake.ts'
const WRITER = 'backup/partition-writer.ts'
const PREPARE = 'backup/prepare-backup.ts'

/** Those of the order of writing, and of what stores and other writers do to it. */
const OF_WRITING: readonly PlantedDefect[] = [
  {
    name: 'a commit names what is not durable yet',
    file: 'repository/segment-upload.ts',
    from: 'await this.#writer.commit()',
    to: 'void this.#writer.commit().catch(() => undefined)',
    caughtAs: ['lost'],
  },
  {
    name: 'commits are put without precondition',
    file: 'repository/commit-log.ts',
    from: 'await storage.put(commitKey(',
    to: 'await storage.replace(commitKey(',
    caughtAs: ['lost'],
  },
  {
    name: 'a taken number counts as a success whoever took it',
    file: 'repository/commit-log.ts',
    from: 'if (winner.sha256 !== sha256) {',
    to: 'if (winner.commit.number < 0n) {',
    caughtAs: ['lost', 'broken'],
  },
  {
    name: 'an object name is used again by the next run',
    file: RUN,
    from: 'this.#writerId = random.hex(4)',
    to: "this.#writerId = '00000000'",
    caughtAs: ['broken', 'lost', 'altered'],
  },
  {
    name: 'the failure of a part of an upload is not looked at',
    file: 'storage/parts/part-writer.ts',
    from: 'this.#partFailure ??= { error }',
    to: 'void error',
    caughtAs: ['lost'],
  },
  {
    name: 'durable segments are handed out for two commits',
    file: WRITER,
    from: '    this.#segments = []\n    this.#gaps = []',
    to: '    this.#gaps = []',
    caughtAs: ['broken', 'doubled'],
  },
  {
    name: 'frames are written in the order in which they are ready',
    file: WRITER,
    from: 'this.#tail = this.#tail.then(step)',
    to: 'this.#tail = Promise.all([this.#tail, step()]).then(() => undefined)',
    caughtAs: ['broken', 'reordered', 'altered', 'lost', 'doubled'],
  },
  {
    name: 'a response buffer is given back before its batches are written',
    file: 'backup/fetch-loop.ts',
    from: 'writing = settleAll(work).then(() => response.release())',
    to: 'writing = settleAll(work); response.release()',
    caughtAs: ['altered', 'broken', 'phantom', 'lost'],
  },
  {
    name: 'a history is left before its last segment is closed',
    file: WRITER,
    from: 'if (rest) void this.#enqueueFrame(rest)',
    to: 'if (rest) await this.#enqueueFrame(rest)',
    caughtAs: ['broken'],
    under: ENDING_HISTORIES,
  },
  {
    name: 'a commit follows one that failed',
    file: COMMITS,
    from: "outcome === 'failed' ? this.#committing.catch(() => undefined) : this.#committing",
    to: 'this.#committing.catch(() => undefined)',
    caughtAs: ['broken'],
    under: ENDING_HISTORIES,
    seeds: 2_500,
  },
  {
    name: 'a second writer is noticed by the partitions of one commit only',
    file: COMMITS,
    from: 'appendCommit(storage, state, draft, signal, () => writtenBy(this.#options.writers))',
    to: 'appendCommit(storage, state, draft, signal)',
    caughtAs: ['broken'],
  },
]

/** Those of what is read, and of what the source has done meanwhile. */
const OF_READING: readonly PlantedDefect[] = [
  {
    name: 'the checksum of a batch is not compared',
    file: INTAKE,
    from: '        verifyCrc(cursor)\n',
    to: '',
    caughtAs: ['altered'],
  },
  {
    name: 'an offset out of range is read on from the earliest',
    file: WRITER,
    from: "await this.#enqueueGap(firstOffset, endOffset, 'deleted_before_read')",
    to: 'void firstOffset',
    caughtAs: ['broken', 'lost', 'undeclared'],
  },
  {
    name: 'one aborted transaction of each producer is kept from a response',
    file: 'protocol/aborted-transaction-tracker.ts',
    from: 'else offsets.push(firstOffset)',
    to: 'else offsets[0] = firstOffset',
    caughtAs: ['phantom'],
  },
  {
    name: 'markers do not end an aborted transaction',
    file: INTAKE,
    from: '    this.#tracker.addBatch(cursor)\n    this.#collector.add',
    to: '    this.#collector.add',
    caughtAs: ['lost'],
  },
  {
    name: 'the next offset follows from the number of records',
    file: INTAKE,
    from: 'this.#nextOffset = cursor.lastOffset + 1n\n    this.#lastBatch',
    to: 'this.#nextOffset = cursor.baseOffset + BigInt(cursor.recordCount)\n    this.#lastBatch',
    caughtAs: ['broken', 'doubled', 'lost', 'undeclared'],
  },
  {
    name: 'open transactions are read',
    file: 'kafka/fetch-api.ts',
    from: 'writer.int8(request.isReadCommitted ? 1 : 0)',
    to: 'writer.int8(0)',
    caughtAs: ['phantom'],
  },
  {
    name: 'a topic of the same name is taken for the same topic',
    file: 'backup/backup-plan.ts',
    from: 'return knownId !== topic.topicId',
    to: 'return false',
    caughtAs: ['undeclared', 'phantom', 'altered', 'lost', 'broken'],
  },
  {
    name: 'a partition begins with the topic that took the place of its own',
    file: COMMITS,
    from: '{ isNeeded: !this.#hasCommitted || this.#begins.length > 0 }',
    to: '{}',
    // Broken: of a topic that has fewer partitions now, the commit is refused by the program itself.
    caughtAs: ['phantom', 'altered', 'broken'],
  },
  {
    name: 'the epochs of the leader are not asked for before a run',
    file: PREPARE,
    from: 'if (!asked || confirms(asked.history, answer)) continue',
    to: 'if (asked) continue',
    caughtAs: ['undeclared', 'altered', 'doubled', 'lost'],
    // Newer brokers notice it when they are read from, and elsewhere the last batch is compared.
    under: {
      troubles: ELECTIONS,
      fetchVersion: 11,
      topics: [{ name: 'orders', partitions: 2, isCompacted: true }],
    },
  },
  {
    name: 'the epoch of what was read last is not sent',
    file: 'kafka/fetch-api.ts',
    from: 'writer.int32(entry.lastFetchedEpoch)',
    to: 'writer.int32(-1)',
    caughtAs: ['undeclared', 'doubled', 'lost'],
    under: { troubles: ELECTIONS, fetchVersion: 13 },
  },
  {
    name: 'the verdict does not look at gaps',
    file: RUN,
    from: '!hasGaps && unread === null && plan.divergence === null',
    to: 'unread === null || plan.partition >= 0 || hasGaps',
    caughtAs: ['undeclared', 'lost'],
  },
]

const OF_RUNS_THAT_END = [...OF_WRITING, ...OF_READING].map((defect) => {
  return { ...defect, under: { ...ALONE, ...defect.under } }
})

export const PLANTED_DEFECTS: readonly PlantedDefect[] = [
  ...OF_RUNS_THAT_END,
  ...OF_CONTINUOUS_RUNS,
  ...OF_MAINTENANCE,
]
