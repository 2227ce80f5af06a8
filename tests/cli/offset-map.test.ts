import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import type { LedgerContent } from '../../packages/core/src/format/restore-ledger.ts'
import { restoreEntryKey } from '../../packages/core/src/repository/key-layout.ts'
import { RestoreLedger } from '../../packages/core/src/repository/restore-ledger.ts'
import { requestDocument } from '../../packages/core/src/restore/restore-request.ts'
import type { Clock } from '../../packages/core/src/runtime/clock.ts'
import { systemClock } from '../../packages/core/src/runtime/clock.ts'
import { FilesystemBackend } from '../../packages/core/src/storage/filesystem/backend.ts'
import { REQUEST } from '../../packages/core/test/restore/sample-request.ts'
import { expectExit } from '../harness/archive.ts'

const BACKUP = 'daily'
const DIGEST = 'a'.repeat(64)
const PLACE = { topic: 'copy', partition: 0 }
const BEGIN: readonly LedgerContent[] = [
  {
    type: 'begun',
    topics: [{ name: 'copy', topicId: null, batchMaxBytes: null }],
    partitions: [{ ...PLACE, beginOffset: 0n }],
  },
  {
    type: 'claimed',
    producerId: 9n,
    producerEpoch: 0,
    partitions: [{ ...PLACE, basePosition: 0n }],
  },
  {
    type: 'progress',
    partitions: [
      {
        ...PLACE,
        position: 10n,
        nextOffset: 10n,
        runs: [{ source: 0, sourceOffset: 100n, targetOffset: 0n, records: 10 }],
      },
    ],
  },
]
const END: LedgerContent = {
  type: 'finished',
  outcome: 'complete',
  records: 10,
  pace: { writtenBytes: 1_000, durationMs: 7 },
  partitions: [{ ...PLACE, position: 10n, nextOffset: 10n }],
}

let folder: string
let begunMs = Date.UTC(2026, 0, 1)

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'offset-map-'))
})

after(() => rm(folder, { recursive: true, force: true }))

/** Writes the ledger of a restore that was begun after all others; its id. */
async function writeLedger(
  repository: string,
  target: string,
  end: readonly LedgerContent[],
): Promise<string> {
  begunMs += 60_000
  const clock: Clock = { ...systemClock, nowMs: () => begunMs }
  const storage = new FilesystemBackend(join(folder, repository))
  const opened = {
    ...{
      backupId: BACKUP,
      request: requestDocument(REQUEST),
      requestSha256: DIGEST,
      commit: 7n,
      commitSha256: DIGEST,
    },
    ...{ fromMs: null, toMs: null, planSha256: DIGEST, clusterId: target, isShared: false },
    ...({ mode: 'transactions', createdTopics: [], heldSettings: [] } as const),
    sources: [{ topic: 'orders', partition: 0, lineage: 1 }],
  }
  try {
    const ledger = await RestoreLedger.open(storage, opened, 1, { writer: '00000001', clock })
    for (const content of [...BEGIN, ...end]) await ledger.append(content)
    return ledger.state.restoreId
  } finally {
    await storage.close()
  }
}

function offsetMap(repository: string, ...flags: readonly string[]): string[] {
  const repo = pathToFileURL(join(folder, repository)).href
  return ['offset-map', '--repo', repo, '--backup-id', BACKUP, ...flags]
}

test('one damaged ledger hides neither the others nor itself', async () => {
  const whole = await writeLedger('damaged', 'first', [END])
  const hurt = await writeLedger('damaged', 'second', [END])
  await writeFile(join(folder, 'damaged', restoreEntryKey(BACKUP, hurt, 2n)), '{}')
  const { stdout } = await expectExit(4, offsetMap('damaged', '--list'))
  assert.match(stdout, new RegExp(`${whole} +complete`))
  assert.match(stdout, new RegExp(`^Restore ${hurt}: Damaged: .*\\n  KB_LEDGER_CORRUPT`, 'm'))
  const document = (await expectExit(4, offsetMap('damaged', '--list', '--output-format', 'json'))).json<{
    readonly restores: readonly { readonly restore_id: string }[]
    readonly damaged: readonly { readonly restore_id: string; readonly code: string }[]
  }>()
  assert.deepEqual(
    document.restores.map((own) => own.restore_id),
    [whole],
  )
  assert.deepEqual(
    document.damaged.map((own) => [own.restore_id, own.code]),
    [[hurt, 'KB_LEDGER_CORRUPT']],
  )
  const asked = ['--source', 'orders/0:104'] as const
  const named = await expectExit(0, offsetMap('damaged', ...asked, '--restore', whole))
  assert.match(named.stdout, /^orders\/0 offset 104: copy\/0 offset 4$/m)
  // It may be the newest one: no other one is taken in its place.
  for (const flags of [[], ['--restore', hurt]])
    assert.match((await expectExit(4, offsetMap('damaged', ...asked, ...flags))).stderr, /KB_LEDGER_CORRUPT/)
})

/** How a restore can be left, and what is said of its map. */
const LEFT: readonly (readonly [state: string, end: readonly LedgerContent[], says: RegExp])[] = [
  ['unfinished', [], /has not finished.*Do not move groups by it; finish the restore with --resume first/],
  ['abandoned', [{ type: 'abandoned' }], /was given up before it had finished.*Do not move groups/],
]

for (const [state, end, says] of LEFT)
  test(`the map of a restore that is ${state} is told from one that can be relied on`, async () => {
    await writeLedger(state, 'first', end)
    for (const question of [[], ['--source', 'orders/0:104'], ['--target', 'copy/0:4']]) {
      assert.match((await expectExit(3, offsetMap(state, ...question))).stdout, says)
      const asJson = await expectExit(3, offsetMap(state, ...question, '--output-format', 'json'))
      const told = asJson.json<{
        readonly state: string
        readonly is_final: boolean
        readonly note: string
      }>()
      assert.deepEqual([told.state, told.is_final], [state, false])
      assert.match(told.note, says)
      const asCsv = await expectExit(3, offsetMap(state, ...question, '--csv'))
      assert.doesNotMatch(asCsv.stdout, says)
      assert.match(asCsv.stderr, says)
    }
  })

test('the map of a restore that has finished is final', async () => {
  await writeLedger('finished', 'first', [END])
  const answer = await expectExit(
    0,
    offsetMap('finished', '--source', 'orders/0:104', '--output-format', 'json'),
  )
  const { is_final: isFinal, note } = answer.json<{
    readonly is_final: boolean
    readonly note: string | null
  }>()
  assert.deepEqual([isFinal, note], [true, null])
})
