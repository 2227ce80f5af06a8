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
import { commit, part, segment } from '../format/fold-samples.ts'

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
  readonly mayRepeat?: boolean
}) {
  const storage = new MemoryBackend('test', { store: new Map() })
  const ledger = await RestoreLedger.open(storage, { ...OPENED, ...scene.opened }, 1, {
    writer: '00000001',
    clock: systemClock,
  })
  const begun: LedgerContent = {
    type: 'begun',
    topics: [{ name: 'copy', topicId: TOPIC_ID, batchMaxBytes: null }],
    partitions: [{ ...PLACE, beginOffset: 100n }],
  }
  const claimed: LedgerContent = { type: 'claimed', producerId: 1n, producerEpoch: 0, partitions: [] }
  const progress: LedgerContent = {
    type: 'progress',
    partitions: [{ ...PLACE, position: 10n, nextOffset: 110n, runs: [RUN] }],
  }
  for (const entry of [begun, claimed, ...(scene.contents ?? [progress, FINISHED])])
    await ledger.append(entry)
  const description: ClusterDescription = {
    clusterId: 'target',
    brokers: new Map(),
    topics: [
      {
        name: 'copy',
        topicId: scene.topicId ?? TOPIC_ID,
        isInternal: false,
        replicationFactor: 1,
        partitions: [],
      },
    ],
  }
  const offsets = {
    starts: new Map([['copy/0', scene.startOffset ?? 0n]]),
    ends: new Map([['copy/0', 110n]]),
  }
  const { refusals, warnings } = await judgeRepetitions(
    planOf(scene.selection ?? {}),
    { description, offsets },
    {
      storage,
      earlierRestores: async () => [ledger.state],
      mayRepeat: scene.mayRepeat ?? false,
      signal: new AbortController().signal,
    },
  )
  return { refused: refusals.map(({ code, message }) => `${code} ${message}`).join(), warnings }
}

function planOf(selection: Partial<RestoreSelection>) {
  const state = new BackupState('b')
  const times = { minTimestampMs: 100n, maxTimestampMs: 199n }
  const topics = [{ name: 'orders', topicId: null, partitions: 1 }]
  const segments = [
    segment(part(0n, 9n, { ...SOURCE, ...times })),
    segment(part(10n, 19n, { ...SOURCE, ...times })),
  ]
  state.apply(commit(1n, { topics, begins: [{ ...SOURCE, offset: 0n }], segments }), '1')
  return planRestore(state, { topics: undefined, topicMapping: new Map([['orders', 'copy']]), ...selection })
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
  assert.equal((await judge({ contents: [{ type: 'abandoned' }] })).refused, '')
})
