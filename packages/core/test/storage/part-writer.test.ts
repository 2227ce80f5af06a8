import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { expectCode } from '../../../testkit/src/conformance/storage-subject.ts'
import { KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { Budget } from '../../src/runtime/budget.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { systemRandom } from '../../src/runtime/random.ts'
import type { PartStore } from '../../src/storage/parts/part-upload.ts'
import { PartWriter } from '../../src/storage/parts/part-writer.ts'
import { StoreRetry } from '../../src/storage/store-retry.ts'

const PART_BYTES = 1_000

/** A store whose uploads cannot begin, and which takes whole objects. */
function storeOf(partBytes: number, create: PartStore['create'] = async () => undefined): PartStore {
  return {
    partsMax: 10,
    partsUnderWayMax: 2,
    isBegunByRequest: true,
    partBytesOf: () => partBytes,
    beginUpload: async () => {
      throw new KafkaBackupError('KB_STORAGE_PERMISSION', 'refused by the test')
    },
    create,
  }
}

function openWriter(store: PartStore, budget: Budget): PartWriter {
  return new PartWriter({
    key: 'a',
    store,
    signal: undefined,
    budget,
    gate: new StoreRetry(),
    onLeft: () => undefined,
    clock: systemClock,
    random: systemRandom,
  })
}

describe('a stream of parts', () => {
  it('gives back what it reserved for a part when the upload cannot begin', async () => {
    const budget = new Budget(2 * PART_BYTES)
    for (let at = 0; at < 3; at++) {
      const writer = openWriter(storeOf(PART_BYTES), budget)
      await expectCode(writer.write([Buffer.alloc(PART_BYTES)]), 'KB_STORAGE_PERMISSION')
      assert.equal(budget.used, 0)
    }
  })

  // What arrives after the removal would stay in the store, and cost.
  it('removes what it sent only when nothing of it is under way any more', async () => {
    const { promise: arrival, resolve: arrive } = Promise.withResolvers<void>()
    const done: string[] = []
    const store: PartStore = {
      ...storeOf(PART_BYTES),
      beginUpload: async () => ({
        // As a request that was sent already: it takes no notice of a stop.
        sendPart: () => arrival.then(() => void done.push('part')),
        complete: async () => undefined,
        abort: async () => void done.push('removal'),
      }),
    }
    const writer = openWriter(store, new Budget(2 * PART_BYTES))
    await writer.write([Buffer.alloc(PART_BYTES)])
    const abortion = writer.abort()
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(done, [])
    arrive()
    await abortion
    assert.deepEqual(done, ['part', 'removal'])
  })

  // A continuous run makes such an object at every checkpoint, and what it leaves waits for the collector.
  it('takes little memory for a small object', async () => {
    const heldBytes: number[] = []
    const store = storeOf(8 * 1024 * 1024, async (_, bytes) => {
      heldBytes.push(bytes.length, bytes.buffer.byteLength)
    })
    const writer = openWriter(store, new Budget(1))
    await writer.write([Buffer.alloc(300)])
    await writer.write([Buffer.alloc(5_000)])
    await writer.commit()
    const [length = 0, held = 0] = heldBytes
    assert.equal(length, 5_300)
    assert.ok(held <= 4 * length, `${held} bytes are held`)
  })
})
