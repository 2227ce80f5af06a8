import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { type KafkaCluster, plantLogs, startKafkaCluster } from '@kafka-backup/testkit'
import { decodeLedgerEntry } from '../../packages/core/src/format/ledger-document.ts'
import type { LedgerContent, OpenedEntry } from '../../packages/core/src/format/restore-ledger.ts'
import { restoreEntryKey } from '../../packages/core/src/repository/key-layout.ts'
import { type LedgerState, RestoreLedger } from '../../packages/core/src/repository/restore-ledger.ts'
import { systemClock } from '../../packages/core/src/runtime/clock.ts'
import { FilesystemBackend } from '../../packages/core/src/storage/filesystem/backend.ts'
import { ALTERATIONS, ALTERED_AT, logOf, recordsAt } from '../harness/altered-logs.ts'
import { type Archive, backupArgs, expectExit, renamed, restoreArgs } from '../harness/archive.ts'
import { createTopics } from '../harness/new-topics.ts'

const TOPIC = 'orders'
const COPY = 'orders-copy'
const RECORDS = 20
const KEPT = 'orders-kept'
const LATE = 'orders-late'
const TIME_MS = 1_700_000_000_000n
/** The source has a hole before the altered record, as compaction leaves them; the copy has none. */
const SOURCE_OFFSETS = Array.from({ length: RECORDS }, (_, at) => BigInt(at < ALTERED_AT ? at : at + 1))
const COPY_OFFSETS = SOURCE_OFFSETS.map((_, at) => BigInt(at))

/** Of records that are planted beside those that were restored with their offsets, by partition. */
const STRANGERS: readonly (readonly bigint[])[] = [[], [7n], [21n, 22n], [7n, 21n]]

interface Verdict {
  readonly partition: number
  readonly verdict: string
  readonly records: number
  readonly sha256: string
  readonly cluster_sha256: string
  readonly differences: number
  readonly first_difference: {
    readonly kind: string
    readonly source_offset: string | null
    readonly cluster_offset: string | null
    readonly fields: readonly string[]
    readonly detail: string
  } | null
  readonly passed_over?: number
  readonly behind?: { readonly records: number; readonly at_least: boolean }
  readonly remarks?: readonly { readonly kind: string; readonly offset?: string }[]
}

interface Report {
  readonly compared_with: string
  readonly outcome: string
  readonly only_in_archive?: number
  readonly partitions: readonly Verdict[]
}

let cluster: KafkaCluster
let archive: Archive
let copyRestore: string
/** Of a copy with the offsets of the source, and so with its hole. */
let keptRestore: string
/** Of a copy that begins at offset 10. */
let lateRestore: string

before(async () => {
  cluster = await startKafkaCluster()
  archive = { folder: join(cluster.folder, 'repository'), backupId: 'daily' }
  await createTopics(cluster, {
    [TOPIC]: { partitions: ALTERATIONS.length, config: { 'retention.ms': '-1' } },
  })
  const bytes = logOf(recordsAt(SOURCE_OFFSETS, TIME_MS))
  await plantLogs(
    cluster,
    ALTERATIONS.map((_, partition) => ({ topic: TOPIC, partition, bytes })),
  )
  await expectExit(0, backupArgs(cluster, archive, [TOPIC]))
})

after(() => cluster?.close())

function verifyArgs(...more: string[]): string[] {
  const place = ['--repo', pathToFileURL(archive.folder).href, '--backup-id', archive.backupId]
  const where = ['--bootstrap-servers', cluster.bootstrap, ...place]
  return ['verify', '--against-cluster', ...where, '--output-format', 'json', ...more]
}

/** `missing at 7 for 8, 1 differ: …`: what is named of a partition, in one line. */
function lineOf({ verdict, differences, first_difference: first, remarks = [] }: Verdict): string {
  const kinds = remarks.map(({ kind, offset }) => ` (${kind} ${offset})`).join('')
  if (!first) return `${verdict}${kinds}`
  const fields = first.fields.length > 0 ? ` [${first.fields.join(' ')}]` : ''
  const where = `${first.source_offset} at ${first.cluster_offset}`
  return `${differences} ${first.kind}, first ${where}${fields}: ${first.detail}${kinds}`
}

function linesOf({ partitions }: Report): Record<string, string> {
  return Object.fromEntries(partitions.map((entry) => [ALTERATIONS[entry.partition]?.name, lineOf(entry)]))
}

test('a backup that was never restored is compared with its source, and both are the same', async () => {
  const report = (await expectExit(0, verifyArgs())).json<Report>()
  assert.deepEqual([report.compared_with, report.outcome, report.only_in_archive], ['source', 'equal', 0])
  for (const entry of report.partitions) {
    assert.deepEqual([entry.verdict, entry.records], ['equal', RECORDS])
    assert.equal(entry.cluster_sha256, entry.sha256)
  }
})

test('what the offset map names beyond the records of the plan is a difference', async () => {
  const names = renamed([TOPIC], 'beyond')
  const restored = await expectExit(0, [...restoreArgs(cluster, archive, names), '--partitions', '0'])
  const { restore_id: first } = restored.json<{ restore_id: string }>()
  const restoreId = await writeLongerLedger(first)
  const [verdict] = (await expectExit(4, verifyArgs('--restore', restoreId))).json<Report>().partitions
  assert.equal(verdict && lineOf(verdict), '1 unexpected, first null at 20: it is not in the plan')
})

/** The ledger of another restore that says the same, and one record more. */
async function writeLongerLedger(restoreId: string): Promise<string> {
  const storage = new FilesystemBackend(archive.folder)
  try {
    const opened = (await readEntry(storage, restoreId, 1n)) as OpenedEntry
    const options = { writer: '00000001', clock: systemClock }
    const ledger = await RestoreLedger.open(storage, opened, 2, options)
    for (let number = 2n; ledger.state.finished === null; number++) {
      const content = await readEntry(storage, restoreId, number)
      if (content.type === 'finished') await ledger.append(oneMore(ledger.state))
      await ledger.append(content)
    }
    return ledger.state.restoreId
  } finally {
    await storage.close()
  }
}

function oneMore({ progress, begun }: LedgerState): LedgerContent {
  const partitions = (begun?.partitions ?? []).map(({ topic, partition }) => {
    const { position = 0n, nextOffset = 0n } = progress.get(`${topic}/${partition}`) ?? {}
    const run = { source: 0, sourceOffset: 1_000n, targetOffset: nextOffset, records: 1 }
    return { topic, partition, position: position + 1n, nextOffset: nextOffset + 1n, runs: [run] }
  })
  return { type: 'progress', partitions }
}

async function readEntry(
  storage: FilesystemBackend,
  restoreId: string,
  number: bigint,
): Promise<LedgerContent> {
  const bytes = await storage.read(restoreEntryKey(archive.backupId, restoreId, number), 1_000_000)
  const { number: _, previousSha256, writer, atMs, ...content } = decodeLedgerEntry(bytes)
  return content
}

test('every kind of difference that a restored copy can have is found and named', async () => {
  const copy = await expectExit(0, restoreArgs(cluster, archive, renamed([TOPIC], 'copy')))
  copyRestore = copy.json<{ restore_id: string }>().restore_id
  const equal = (await expectExit(0, verifyArgs())).json<Report>()
  assert.deepEqual([equal.compared_with, equal.outcome], ['restore', 'equal'])
  const kept = [...restoreArgs(cluster, archive, renamed([TOPIC], 'kept')), '--keep-offsets']
  keptRestore = (await expectExit(0, kept)).json<{ restore_id: string }>().restore_id
  const late = restoreArgs(cluster, archive, renamed([TOPIC], 'late'))
  const lateEnd = await expectExit(0, [
    ...late,
    '--keep-offsets',
    '--partitions',
    '0',
    '--offsets',
    'orders/0:10-',
  ])
  lateRestore = lateEnd.json<{ restore_id: string }>().restore_id
  const copied = recordsAt(COPY_OFFSETS, TIME_MS)
  const sources = recordsAt(SOURCE_OFFSETS, TIME_MS)
  await plantLogs(
    cluster,
    ALTERATIONS.flatMap(({ log }, partition) => [
      { topic: COPY, partition, bytes: log(copied) },
      { topic: TOPIC, partition, bytes: log(sources) },
    ]).concat(
      STRANGERS.map((offsets, partition) => ({ topic: KEPT, partition, bytes: withStrangers(offsets) })),
      { topic: LATE, partition: 0, bytes: withStrangers([3n], 10n) },
    ),
  )
  const report = (await expectExit(4, verifyArgs('--restore', copyRestore))).json<Report>()
  const value = 'its value differs (17 bytes, from byte'
  assert.deepEqual(linesOf(report), {
    untouched: 'equal',
    'value byte': `1 content, first 8 at 7 [value]: ${value} 3 on)`,
    'null key became empty': '1 content, first 8 at 7 [key]: its key differs (0 bytes, expected null)',
    'header order':
      '1 content, first 8 at 7 [headers]: the value of its header 1 differs (1 bytes, from byte 0 on)',
    'null header became empty':
      '1 content, first 8 at 7 [headers]: the value of its header 2 differs (0 bytes, expected null)',
    timestamp: `1 content, first 8 at 7 [timestamp]: its timestamp is ${TIME_MS + 8n}, expected ${TIME_MS + 7n}`,
    'record inserted': '13 content, first 8 at 7 [value]: its value differs (5 bytes, expected 17 bytes)',
    'record missing': '1 missing, first 8 at 7: it is not in the target',
    'last record missing': '1 missing, first 20 at 19: it is not in the target, whose log ends at offset 19',
    'records swapped': `2 content, first 8 at 7 [timestamp key value]: its timestamp is ${TIME_MS + 8n}, expected ${TIME_MS + 7n}; its key differs (5 bytes, expected null); ${value} 16 on)`,
    'transaction aborted': '20 missing, first 0 at 0: its transaction was aborted',
    'transaction open':
      '20 missing, first 0 at 0: readers of committed records do not see it: a transaction is open from offset 0 on',
    'transaction committed': 'equal',
  })
  for (const entry of report.partitions) {
    assert.equal(entry.cluster_sha256 === entry.sha256, entry.verdict === 'equal')
  }
})

test('records that nobody restored are differences among the restored ones, and counted behind them', async () => {
  const end = await expectExit(4, verifyArgs('--restore', keptRestore))
  const { partitions } = end.json<Report>()
  const lines = partitions
    .slice(0, STRANGERS.length)
    .map((entry) => `${lineOf(entry)}, ${entry.behind?.records} behind`)
  const stranger = 'the archive does not have it, and the restore did not write it'
  assert.deepEqual(lines, [
    'equal, 0 behind',
    `1 unexpected, first null at 7: ${stranger}, 0 behind`,
    'equal, 2 behind',
    `1 unexpected, first null at 7: ${stranger}, 1 behind`,
  ])
  for (const entry of partitions.slice(0, STRANGERS.length))
    assert.equal(entry.cluster_sha256 === entry.sha256, entry.verdict === 'equal')
})

test('a record in front of those that were restored is a difference', async () => {
  const end = await expectExit(4, verifyArgs('--restore', lateRestore))
  const [verdict] = end.json<Report>().partitions
  assert.match(verdict ? lineOf(verdict) : '', /^1 unexpected, first null at 3: the archive does not have it/)
})

test('every kind of difference that the source can have is found and named', async () => {
  const report = (await expectExit(4, verifyArgs('--source'))).json<Report>()
  assert.deepEqual([report.compared_with, report.outcome], ['source', 'differs'])
  const restored = (await expectExit(4, verifyArgs('--restore', copyRestore))).json<Report>()
  const expected: Record<string, string> = {
    ...linesOf(restored),
    'record inserted': '1 unexpected, first null at 7: it is not in the archive',
    'record missing': '1 missing, first 8 at 8: it is not at the source',
    'last record missing': 'incomplete (log_truncated 20)',
    'transaction aborted': '20 missing, first 0 at 0: it is not at the source',
    'transaction open': 'incomplete (open_transaction 0)',
  }
  for (const [name, line] of Object.entries(expected)) {
    expected[name] = line.replace(/^(\d+ content, first 8 at) 7/, '$1 8')
  }
  assert.deepEqual(linesOf(report), expected)
})

function withStrangers(offsets: readonly bigint[], ownBegin = 0n): Buffer {
  const own = recordsAt(SOURCE_OFFSETS, TIME_MS).filter(({ offset }) => offset >= ownBegin)
  const others = recordsAt(offsets, TIME_MS)
  return logOf([...own, ...others].toSorted((a, b) => Number(a.offset - b.offset)))
}
