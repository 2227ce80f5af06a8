import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackupState } from '../../src/format/backup-state.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import { readSourcePieces } from '../../src/restore/batch-source.ts'
import { refuseUnknownCodecs } from '../../src/restore/preflight/stored-codecs.ts'
import { planRestore, type RestoreSelection } from '../../src/restore/restore-plan.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import { withCodecId } from '../protocol/samples.ts'
import {
  BACKUP,
  dataBatch,
  draft,
  type FrameInput,
  ORDERS_0,
  ORDERS_1,
  TRANSFORMS,
  writeSegment,
} from '../verify/archive-writer.ts'

const FIRST_MS = 1_700_000_000_000n
const SAYS = 'would get batches in a codec that this program does not know, "brotli": orders/1, offsets 10-19'

/** Ten records in a codec of a later version; `codecs` is what the index says of it. */
function later(baseOffset: bigint, codecs = ['brotli', 'none']): FrameInput {
  const batches = [dataBatch(baseOffset, 10)]
  return { batches, stored: [withCodecId(batches[0]!, 6)], falsify: (own) => ({ ...own, codecs }) }
}

/** Three frames of ten records in partition 1, of which the second one is {@link later}; one in partition 0. */
async function archive(second: FrameInput) {
  const storage = new MemoryBackend('codecs')
  const extents = [{ beginOffset: 0n, holes: [] }]
  const plain = (offset: bigint) => ({ batches: [dataBatch(offset, 10)] })
  const parts = [
    { streams: [ORDERS_0], frames: [plain(0n)] },
    { streams: [ORDERS_1], frames: [plain(0n), second, plain(20n)] },
  ]
  const segments = []
  for (const own of parts) segments.push(await writeSegment(storage, { ...own, extents, sequence: 1 }))
  const state = new BackupState(BACKUP)
  const topics = [{ name: 'orders', topicId: ORDERS_0.topicId, partitions: 2 }]
  const begins = [0, 1].map((partition) => ({ topic: 'orders', partition, offset: 0n }))
  await appendCommit(storage, state, draft('run-1', 'complete', { topics, begins, segments }))
  const { signal } = new AbortController()
  const source = { storage, backupId: BACKUP, transforms: TRANSFORMS, signal }
  const planOf = (choice: Partial<RestoreSelection>) =>
    planRestore(state, { topics: undefined, topicMapping: new Map(), ...choice })
  const refusals = async (choice: Partial<RestoreSelection> = {}) => {
    const found = await refuseUnknownCodecs(source, planOf(choice))
    return found.map(({ code, topic, message }) => [code, topic, message])
  }
  return { ...{ storage, source, planOf, refusals }, segments }
}

test('a frame whose index names a codec that nobody knows is refused, with the first one of its topic', async () => {
  const { refusals } = await archive(later(10n))
  const topicMapping = new Map([['orders', 'copy']])
  assert.deepEqual(await refusals({ topicMapping }), [['KB_FORMAT_UNSUPPORTED', 'copy', SAYS]])
})

test('what is not restored is in no way, whatever its codec', async () => {
  const { refusals } = await archive(later(10n))
  const partition = { topic: 'orders', partition: 1 }
  for (const [firstOffset, lastOffset, count] of [
    [20n, null, 0],
    [null, 9n, 0],
    [19n, null, 1],
    [null, 10n, 1],
  ] as const)
    assert.equal(
      (await refusals({ offsetRanges: [{ ...partition, firstOffset, lastOffset }] })).length,
      count,
    )
  const window = { fromMs: FIRST_MS + 20_000n, toMs: null }
  assert.deepEqual(await refusals({ window }), [])
})

test('a damaged or missing index is left to the restore, which says more of it', async () => {
  const { refusals, storage, segments } = await archive(later(10n))
  await storage.delete(segments[1]!.key)
  assert.deepEqual(await refusals(), [])
})

test('a codec that only the batch itself tells ends the reading of it', async () => {
  const { refusals, planOf, source } = await archive(later(10n, ['none']))
  assert.deepEqual(await refusals(), [])
  const { parts } = planOf({}).partitions[1]!
  const pieces = readSourcePieces(source, parts, { window: null, isByRecord: false }, { left: 0n })
  const read = async () => {
    for await (const piece of pieces) assert.ok(piece)
  }
  await assert.rejects(read(), { code: 'KB_FORMAT_UNSUPPORTED' })
})
