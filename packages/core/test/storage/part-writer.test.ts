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

describe('a stream of parts', () => {
  it('gives back what it reserved for a part when the upload cannot begin', async () => {
    const store: PartStore = {
      partsMax: 10,
      partsUnderWayMax: 2,
      isBegunByRequest: true,
      partBytesOf: () => PART_BYTES,
      beginUpload: async () => {
        throw new KafkaBackupError('KB_STORAGE_PERMISSION', 'refused by the test')
      },
      create: async () => undefined,
    }
    const budget = new Budget(2 * PART_BYTES)
    for (let at = 0; at < 3; at++) {
      const writer = new PartWriter({
        key: 'a',
        store,
        signal: undefined,
        budget,
        gate: new StoreRetry(),
        onLeft: () => undefined,
        clock: systemClock,
        random: systemRandom,
      })
      await expectCode(writer.write([Buffer.alloc(PART_BYTES)]), 'KB_STORAGE_PERMISSION')
      assert.equal(budget.used, 0)
    }
  })
})
