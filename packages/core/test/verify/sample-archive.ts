import { BackupState } from '../../src/format/backup-state.ts'
import { renderManifest } from '../../src/format/manifest.ts'
import { appendCommit, type CommitDraft } from '../../src/repository/commit-log.ts'
import { manifestKey, snapshotKey } from '../../src/repository/key-layout.ts'
import { encodeSnapshotObject } from '../../src/repository/snapshot-object.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { marker } from '../protocol/samples.ts'
import {
  AUDIT_0,
  BACKUP,
  dataBatch,
  draft,
  ORDERS_0,
  ORDERS_1,
  ORDERS_TOPIC,
  writeSegment,
} from './archive-writer.ts'

/** A written archive: its state, and each object's key with the partitions it holds. */
export interface SampleArchive {
  readonly state: BackupState
  readonly partitionsByKey: ReadonlyMap<string, readonly string[]>
  /** The manifest as it was after the first run. */
  readonly olderManifest: Buffer
}

const ALL = ['orders/0', 'orders/1', 'audit/0']

/**
 * Two topics, three partitions, two runs of two commits: segments with several frames (stored and compressed), a bundle, an
 * aborted transaction, control batches, holes, a snapshot at commit 3 and the manifest of commit 4.
 */
export async function writeSampleArchive(storage: StorageBackend): Promise<SampleArchive> {
  const state = new BackupState(BACKUP)
  await appendCommit(storage, state, await firstCommit(storage))
  await appendCommit(storage, state, await secondCommit(storage))
  const olderManifest = renderManifest(state)
  await storage.replace(manifestKey(BACKUP), olderManifest)
  await appendCommit(storage, state, await thirdCommit(storage))
  await storage.put(snapshotKey(BACKUP, 3n), await encodeSnapshotObject(state))
  await appendCommit(storage, state, await fourthCommit(storage))
  await storage.replace(manifestKey(BACKUP), renderManifest(state))
  return { state, olderManifest, partitionsByKey: partitionsByKey(state) }
}

function partitionsByKey(state: BackupState): Map<string, string[]> {
  const byKey = new Map<string, string[]>()
  for (const { key, parts } of state.segments) {
    byKey.set(
      key,
      parts.map((part) => `${part.topic}/${part.partition}`),
    )
  }
  const number = (commit: number) => String(commit).padStart(20, '0')
  byKey.set(`${BACKUP}/commits/${number(1)}.json`, ['orders/0', 'audit/0'])
  byKey.set(`${BACKUP}/commits/${number(2)}.json`, ['orders/1'])
  byKey.set(`${BACKUP}/commits/${number(3)}.json`, ['orders/0'])
  byKey.set(`${BACKUP}/commits/${number(4)}.json`, ['orders/1', 'audit/0'])
  byKey.set(`${BACKUP}/snapshots/${number(3)}.json.zst`, ALL)
  byKey.set(`${BACKUP}/manifest.json`, [])
  return byKey
}

async function firstCommit(storage: StorageBackend): Promise<CommitDraft> {
  const orders = await writeSegment(storage, {
    streams: [ORDERS_0],
    sequence: 1,
    extents: [{ beginOffset: 0n, holes: [[9n, 12n]] }],
    frames: [
      { batches: [dataBatch(0n, 4), dataBatch(4n, 5)] },
      { batches: [dataBatch(12n, 6, { epoch: 1 })], mode: 'compressed' },
    ],
  })
  // The log began at 3, in the middle of a batch.
  const audit = await writeSegment(storage, {
    streams: [AUDIT_0],
    sequence: 1,
    extents: [{ beginOffset: 3n, holes: [] }],
    frames: [{ batches: [dataBatch(0n, 6)] }],
  })
  return draft('run-1', 'running', {
    topics: [ORDERS_TOPIC, { name: 'audit', topicId: null, partitions: 1 }],
    begins: [
      { topic: 'orders', partition: 0, offset: 0n },
      { topic: 'audit', partition: 0, offset: 3n },
    ],
    segments: [orders, audit],
  })
}

async function secondCommit(storage: StorageBackend): Promise<CommitDraft> {
  const orders = await writeSegment(storage, {
    streams: [ORDERS_1],
    sequence: 1,
    extents: [{ beginOffset: 100n, holes: [] }],
    aborted: [{ stream: 0, producerId: 7n, firstOffset: 100n, endOffset: 103n }],
    frames: [
      {
        batches: [
          dataBatch(100n, 2, { producerId: 7n }),
          dataBatch(102n, 1),
          marker('abort', 103n, 7n),
          dataBatch(104n, 3, { producerId: 8n }),
          marker('commit', 107n, 8n),
        ],
      },
      { batches: [dataBatch(108n, 8, { codec: 'gzip' })] },
    ],
  })
  return draft('run-1', 'complete', {
    begins: [{ topic: 'orders', partition: 1, offset: 100n }],
    segments: [orders],
  })
}

async function thirdCommit(storage: StorageBackend): Promise<CommitDraft> {
  const orders = await writeSegment(storage, {
    streams: [ORDERS_0],
    sequence: 2,
    extents: [{ beginOffset: 18n, holes: [[18n, 20n]] }],
    frames: [
      { batches: [dataBatch(20n, 12), dataBatch(32n, 3, { lastOffsetDelta: 4 })], mode: 'compressed' },
    ],
  })
  return draft('run-2', 'running', { segments: [orders] })
}

async function fourthCommit(storage: StorageBackend): Promise<CommitDraft> {
  const bundle = await writeSegment(storage, {
    streams: [ORDERS_1, AUDIT_0],
    sequence: 1,
    extents: [
      { beginOffset: 116n, holes: [] },
      { beginOffset: 6n, holes: [] },
    ],
    frames: [
      { stream: 0, batches: [dataBatch(116n, 2)] },
      { stream: 1, batches: [dataBatch(6n, 2)] },
      { stream: 1, batches: [dataBatch(8n, 1)] },
    ],
  })
  return draft('run-2', 'complete', { segments: [bundle] })
}
