import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { decodeLedgerEntry, encodeLedgerEntry } from '../../src/format/ledger-document.ts'
import type { LedgerContent, LedgerEntry, OpenedEntry } from '../../src/format/restore-ledger.ts'
import { restoreEntryKey } from '../../src/repository/key-layout.ts'
import { RestoreLedger, readLedger, readOffsetMap } from '../../src/repository/restore-ledger.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import { altered } from '../verify/altered-backend.ts'

const DIGEST = 'a'.repeat(64)
const OPENED: Omit<OpenedEntry, 'type' | 'restoreId'> = {
  backupId: 'daily',
  request: { backup_id: 'daily' },
  requestSha256: DIGEST,
  commit: 7n,
  commitSha256: DIGEST,
  fromMs: null,
  toMs: -1n,
  planSha256: DIGEST,
  clusterId: 'target',
  isShared: false,
  mode: 'transactions',
  sources: [
    { topic: 'orders', partition: 0, lineage: 1 },
    { topic: 'orders', partition: 1, lineage: 2 },
  ],
  createdTopics: ['copy'],
  heldSettings: [{ topic: 'other', name: 'retention.ms', held: '-1', original: null }],
}
const PLACE = { topic: 'copy', partition: 0 }
const BEGUN: LedgerContent = {
  type: 'begun',
  topics: [{ name: 'copy', topicId: null, batchMaxBytes: 1_048_588 }],
  partitions: [{ ...PLACE, beginOffset: 5n }],
}
const CLAIMED: LedgerContent = {
  type: 'claimed',
  producerId: 9n,
  producerEpoch: 3,
  partitions: [{ ...PLACE, basePosition: 0n }],
}
const PROGRESS: LedgerContent = {
  type: 'progress',
  partitions: [
    {
      ...PLACE,
      position: 30n,
      nextOffset: 36n,
      runs: [
        { source: 0, sourceOffset: 100n, targetOffset: 5n, records: 10 },
        { source: 1, sourceOffset: 0n, targetOffset: 16n, records: 20 },
      ],
    },
  ],
}
const FINISHED: LedgerContent = {
  type: 'finished',
  outcome: 'complete',
  records: 30,
  pace: { writtenBytes: 1_000, durationMs: 7 },
  partitions: [{ ...PLACE, position: 30n, nextOffset: 36n }],
}

function options(writer: string) {
  return { writer, clock: systemClock }
}

async function written(store: MemoryBackend, ...contents: readonly LedgerContent[]): Promise<RestoreLedger> {
  const ledger = await RestoreLedger.open(store, OPENED, 1, options('00000001'))
  for (const content of contents) await ledger.append(content)
  return ledger
}

function newStore(): MemoryBackend {
  return new MemoryBackend('test', { store: new Map() })
}

describe('the ledger of a restore', () => {
  it('is found again as it was written', async () => {
    const store = newStore()
    const { state } = await written(store, BEGUN, CLAIMED, PROGRESS, FINISHED)
    const found = await RestoreLedger.find(store, 'daily', OPENED, options('00000002'))
    assert.deepEqual(found?.state, state)
    assert.deepEqual(state.finished?.pace, { writtenBytes: 1_000, durationMs: 7 })
    assert.ok(state.finishedAtMs !== null && state.finishedAtMs >= state.openedAtMs)
    assert.deepEqual(state.progress.get('copy/0'), { position: 30n, nextOffset: 36n })
    const runs = []
    for await (const { run } of readOffsetMap(store, 'daily', state.restoreId)) runs.push(run)
    assert.deepEqual(runs, PROGRESS.type === 'progress' ? PROGRESS.partitions[0]?.runs : [])
  })

  it('of another request or cluster is another one, and a generation comes after the other', async () => {
    const store = newStore()
    await written(store)
    assert.equal(
      await RestoreLedger.find(store, 'daily', { ...OPENED, clusterId: 'x' }, options('1')),
      undefined,
    )
    await RestoreLedger.open(store, OPENED, 2, options('00000001'))
    const found = await RestoreLedger.find(store, 'daily', OPENED, options('00000002'))
    assert.equal(found?.state.generation, 2)
  })

  it('lets one of two processes append, and the other one finds out', async () => {
    const store = newStore()
    const first = await written(store, BEGUN)
    const second = await RestoreLedger.findById(store, 'daily', first.state.restoreId, options('00000002'))
    await second.append(CLAIMED)
    const isConflict = (error: unknown) => isKafkaBackupError(error, 'KB_RESTORE_CONFLICT')
    await assert.rejects(first.append(CLAIMED), isConflict)
    await assert.rejects(first.assertTip(), isConflict)
    await second.assertTip()
    await assert.rejects(RestoreLedger.open(store, OPENED, 1, options('00000003')), isConflict)
  })

  it('takes its own entry for written when only the answer was lost', async () => {
    const store = newStore()
    const ledger = await written(store)
    const put = store.put.bind(store)
    store.put = async (...args) => {
      await put(...args)
      return put(...args)
    }
    await ledger.append(BEGUN)
    assert.notEqual(ledger.state.begun, null)
  })

  it('reads again what was spoilt on the way, and takes its own entry for its own', async () => {
    const inner = newStore()
    const { state } = await written(inner, BEGUN, CLAIMED)
    const seen = new Set<string>()
    const store = altered(inner, {
      read: async (key, maxBytes) => {
        const bytes = Buffer.from(await inner.read(key, maxBytes))
        if (!seen.has(key)) bytes[bytes.length >> 1]! ^= 0x10
        seen.add(key)
        return bytes
      },
      put: async (key, bytes) => {
        await inner.put(key, bytes)
        return inner.put(key, bytes)
      },
    })
    const ledger = await RestoreLedger.findById(store, 'daily', state.restoreId, options('00000002'))
    assert.equal(ledger.state.claims.length, 1)
    await ledger.append(PROGRESS)
    assert.ok(ledger.state.progress.has('copy/0'))
    assert.equal(seen.size, 4)
  })

  for (const [what, contents] of [
    ['a claim before the begin', [CLAIMED]],
    ['progress before a claim', [BEGUN, PROGRESS]],
    ['a second begin', [BEGUN, BEGUN]],
    ['anything behind the end', [BEGUN, CLAIMED, FINISHED, CLAIMED]],
    ['anything behind its giving up', [{ type: 'abandoned' }, BEGUN]],
    ['the same progress again', [BEGUN, CLAIMED, PROGRESS, PROGRESS]],
  ] as const) {
    it(`does not take ${what}`, async () => {
      await assert.rejects(written(newStore(), ...contents), (error) =>
        isKafkaBackupError(error, 'KB_LEDGER_CORRUPT'),
      )
    })
  }

  it('that lacks an entry in the middle is damaged', async () => {
    const store = newStore()
    const { state } = await written(store, BEGUN, CLAIMED, PROGRESS)
    await store.delete(restoreEntryKey('daily', state.restoreId, 3n))
    await assert.rejects(readLedger(store, 'daily', state.restoreId), (error) =>
      isKafkaBackupError(error, 'KB_LEDGER_CORRUPT'),
    )
  })

  it('has no bit that can be changed without notice', () => {
    const entry: LedgerEntry = {
      number: 4n,
      previousSha256: DIGEST,
      writer: '0a1b2c3d',
      atMs: 12,
      ...PROGRESS,
    }
    const { bytes } = encodeLedgerEntry(entry)
    assert.deepEqual(decodeLedgerEntry(bytes), entry)
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes)
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
      assert.throws(() => decodeLedgerEntry(flipped), isKafkaBackupError)
    }
  })
})
