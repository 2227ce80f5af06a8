import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackupState } from '../../src/format/backup-state.ts'
import type { LedgerContent, OpenedEntry } from '../../src/format/restore-ledger.ts'
import type { ClusterDescription } from '../../src/kafka/cluster.ts'
import { RestoreLedger } from '../../src/repository/restore-ledger.ts'
import { judgeRepetitions } from '../../src/restore/preflight/repeated-records.ts'
import { planRestore, type RestoreSelection } from '../../src/restore/restore-plan.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import { commit, divergence, part, segment } from '../format/fold-samples.ts'

const SOURCE = { topic: 'orders', partition: 0 }
const PLACE = { topic: 'copy', partition: 0 }
const DIGEST = 'a'.repeat(64)
const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ'
const OPENED: Omit<OpenedEntry, 'type' | 'restoreId'> = {
  backupId: 'b',
  request: {},
  requestSha256: DIGEST,
  commit: 1n,
  commitSha256: DIGEST,
  fromMs: null,
  toMs: null,
  planSha256: DIGEST,
  clusterId: 'target',
  isShared: true,
  mode: 'transactions',
  sources: [{ ...SOURCE, lineage: 1 }],
  createdTopics: [],
  heldSettings: [],
}
const RUN = { source: 0, sourceOffset: 0n, targetOffset: 100n, records: 10 }
const FINISHED: LedgerContent = {
  type: 'finished',
  outcome: 'complete',
  records: 10,
  pace: null,
  partitions: [],
}

/** Offsets 0 to 19 of one partition; of them an earlier restore put 0 to 9 to the offsets 100 to 109 of the target. */
async function judge(scene: {
  readonly selection?: Partial<RestoreSelection>
  readonly opened?: Partial<OpenedEntry>
  readonly contents?: readonly LedgerContent[]
  readonly topicId?: string
  readonly startOffset?: bigint
  /** Begun behind the records of the earlier one. */
  readonly later?: Pick<OpenedEntry, 'isShared'>
  /** What is restored, and the same backup with all of its commits. */
  readonly state?: BackupState
  readonly newestState?: BackupState
  readonly mayRepeat?: boolean
}) {
  const storage = new MemoryBackend('test', { store: new Map() })
  const ledger = await RestoreLedger.open(storage, { ...OPENED, ...scene.opened }, 1, {
    writer: '00000001',
    clock: systemClock,
  })
  const begun = begunAt(100n)
  const claimed: LedgerContent = { type: 'claimed', producerId: 1n, producerEpoch: 0, partitions: [] }
  const progress: LedgerContent = {
    type: 'progress',
    partitions: [{ ...PLACE, position: 10n, nextOffset: 110n, runs: [RUN] }],
  }
  for (const entry of [begun, claimed, ...(scene.contents ?? [progress, FINISHED])])
    await ledger.append(entry)
  const ledgers = [ledger.state]
  if (scene.later) {
    const next = await RestoreLedger.open(storage, { ...OPENED, ...scene.later }, 2, {
      writer: '00000002',
      clock: systemClock,
    })
    for (const entry of [begunAt(110n), claimed, FINISHED]) await next.append(entry)
    ledgers.push(next.state)
  }
  const description = descriptionOf(scene.topicId ?? TOPIC_ID)
  const offsets = {
    starts: new Map([['copy/0', scene.startOffset ?? 0n]]),
    ends: new Map([['copy/0', 110n]]),
  }
  const { refusals, warnings } = await judgeRepetitions(
    planOf(scene.selection ?? {}, scene.state),
    { description, offsets },
    {
      storage,
      earlierRestores: async () => ledgers,
      newestState: async () => scene.newestState ?? stateOf(1),
      mayRepeat: scene.mayRepeat ?? false,
      signal: new AbortController().signal,
    },
  )
  return { refused: refusals.map(({ code, message }) => `${code} ${message}`).join(), warnings }
}

function descriptionOf(topicId: string): ClusterDescription {
  const topic = { name: 'copy', topicId, isInternal: false, replicationFactor: 1, partitions: [] }
  return { clusterId: 'target', brokers: new Map(), topics: [topic] }
}

function begunAt(beginOffset: bigint): LedgerContent {
  return {
    type: 'begun',
    topics: [{ name: 'copy', topicId: TOPIC_ID, batchMaxBytes: null }],
    partitions: [{ ...PLACE, beginOffset }],
  }
}

function planOf(selection: Partial<RestoreSelection>, state = stateOf(1)) {
  return planRestore(state, { topics: undefined, topicMapping: new Map([['orders', 'copy']]), ...selection })
}

/** A commit for each history. The source was truncated at 8, later at 4; each time the backup read from there on. */
function stateOf(histories: number): BackupState {
  const state = new BackupState('b')
  const times = { minTimestampMs: 100n, maxTimestampMs: 199n }
  const topics = [{ name: 'orders', topicId: null, partitions: 1 }]
  const segments = [
    segment(part(0n, 9n, { ...SOURCE, ...times })),
    segment(part(10n, 19n, { ...SOURCE, ...times })),
  ]
  state.apply(commit(1n, { topics, begins: [{ ...SOURCE, offset: 0n }], segments }), '1')
  const cuts = [
    { lineage: 2, beginOffset: 6n, commonEndOffset: 8n, previousEndOffset: 20n },
    { lineage: 3, beginOffset: 4n, commonEndOffset: 4n, previousEndOffset: 20n },
  ]
  for (const [at, cut] of cuts.slice(0, histories - 1).entries()) {
    const own = segment(part(cut.beginOffset, 19n, { ...SOURCE, ...times, lineage: cut.lineage }))
    state.apply(commit(BigInt(at + 2), { divergences: [divergence(cut)], segments: [own] }), `${at + 2}`)
  }
  return state
}

const range = (firstOffset: bigint, lastOffset: bigint | null) => ({
  offsetRanges: [{ ...SOURCE, firstOffset, lastOffset }],
})

test('what an earlier restore put into a topic is not added again without consent', async () => {
  const { refused } = await judge({})
  assert.match(
    refused,
    /^KB_TARGET_NOT_EMPTY holds 10 records of restore [0-9a-f]{16}-0001 \(commit 1\), which finished at 20\S+; they would stand there twice$/,
  )
  const agreed = await judge({ mayRepeat: true })
  assert.equal(agreed.refused, '')
  assert.match(agreed.warnings.join(), /^topic copy holds 10 records of restore /)
})

test('only records that are still there and are written again count', async () => {
  assert.match((await judge({ selection: range(7n, null) })).refused, /holds 3 records of restore/)
  assert.match((await judge({ startOffset: 108n })).refused, /holds 2 records of restore/)
  const window = { window: { fromMs: 150n, toMs: null } }
  assert.match((await judge({ selection: window, opened: { toMs: 150n } })).refused, /holds 10 records/)
  const none = [
    { selection: range(10n, null) },
    { startOffset: 110n },
    { topicId: 'AAAAAAAAAAAAAAAAAAAAAg' },
    { opened: { clusterId: 'elsewhere' } },
    { opened: { toMs: 149n }, selection: window },
    // The same offsets of another history are other records.
    { opened: { sources: [{ ...SOURCE, lineage: 2 }] } },
    { opened: { sources: [{ ...SOURCE, partition: 1, lineage: 1 }] } },
    { selection: { topicMapping: new Map([['orders', 'other']]) } },
  ]
  for (const scene of none) assert.equal((await judge(scene)).refused, '', JSON.stringify(Object.keys(scene)))
})

test('what an unfinished restore wrote counts though its ledger is behind', async () => {
  assert.match(
    (await judge({ contents: [] })).refused,
    /holds records of restore \S+ .*, which was not finished/,
  )
  assert.equal((await judge({ contents: [], startOffset: 110n })).refused, '', 'it was deleted since')
})

test('what a restore wrote that was given up or released counts until its topic was emptied', async () => {
  const contents: readonly LedgerContent[] = [{ type: 'abandoned' }]
  const says = /holds records of restore \S+ .*, which was given up; they would stand there twice/
  assert.match((await judge({ contents })).refused, says)
  assert.match((await judge({ contents, later: { isShared: true } })).refused, says)
  assert.equal((await judge({ contents, later: { isShared: false } })).refused, '')
  assert.equal((await judge({ contents, startOffset: 110n })).refused, '')
})

test('a restore of a commit before the log was truncated knows what it shares with what came after', async () => {
  const of = (lineage: number) => ({ opened: { sources: [{ ...SOURCE, lineage }] } })
  const newestState = stateOf(3)
  // By the lineage that is restored, and the one that was: records that would stand there twice, of the ten that are there.
  const shared: readonly (readonly [number, number, string])[] = [
    [1, 1, '10'],
    [1, 2, '8'],
    [1, 3, '4'],
    [2, 1, '8'],
    [2, 3, '4'],
    [3, 1, '4'],
    [3, 2, '4'],
  ]
  for (const [own, earlier, records] of shared) {
    const { refused } = await judge({ state: stateOf(own), newestState, ...of(earlier) })
    assert.match(refused, new RegExp(`holds ${records} records of restore`), `${own} after ${earlier}`)
  }
  const behind = { state: stateOf(1), newestState, selection: range(8n, null) }
  assert.equal((await judge({ ...behind, ...of(2) })).refused, '')
})

test('what an unfinished restore may have written is bounded by what it and the new one take', async () => {
  const unfinished = { contents: [] }
  const refused = async (scene: Parameters<typeof judge>[0]) =>
    (await judge({ ...unfinished, ...scene })).refused
  const late = { window: { fromMs: 200n, toMs: null } }
  assert.equal(await refused({ selection: late }), '', 'no record of the new one')
  assert.equal(await refused({ opened: { fromMs: 200n } }), '', 'no record of the earlier one')
  assert.match(await refused({ opened: { fromMs: 199n } }), /holds records of restore/)
  const newestState = stateOf(2)
  const ofSecond = { opened: { sources: [{ ...SOURCE, lineage: 2 }] }, newestState }
  assert.match(await refused({ ...ofSecond, selection: range(7n, null) }), /holds records of restore/)
  assert.equal(await refused({ ...ofSecond, selection: range(8n, null) }), '')
})
