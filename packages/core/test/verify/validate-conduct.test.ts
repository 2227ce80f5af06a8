import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKafkaBackupError, KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { BackupState } from '../../src/format/backup-state.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import { altered } from './altered-backend.ts'
import { BACKUP, dataBatch, draft, ORDERS_0, ORDERS_TOPIC, validate, writeSegment } from './archive-writer.ts'
import { writeSampleArchive } from './sample-archive.ts'
import { withStore } from './tamperable-store.ts'

test('what a listing does not show yet is found by asking for it', () =>
  withStore('memory', async ({ backend }) => {
    await writeSampleArchive(backend)
    const lagging = altered(backend, {
      async *list(prefix, options) {
        for await (const entry of backend.list(prefix, options)) {
          if (/commits\/0+[24]\.json|segment-0000000002|bundle/.test(entry.key)) continue
          yield entry
        }
      },
    })
    const report = await validate(lagging)
    assert.deepEqual(report.findings, [])
    assert.equal(report.commits, 4)
  }))

test('a store that cannot be read is an error and not a verdict', () =>
  withStore('memory', async ({ backend }) => {
    await writeSampleArchive(backend)
    const failing = altered(backend, {
      readRange: async () => {
        throw new KafkaBackupError('KB_STORAGE_UNAVAILABLE', 'the store is down')
      },
    })
    await assert.rejects(validate(failing), (error) => isKafkaBackupError(error, 'KB_STORAGE_UNAVAILABLE'))
    await assert.rejects(validate(backend, { backupId: 'other' }), (error) =>
      isKafkaBackupError(error, 'KB_BACKUP_NOT_FOUND'),
    )
    await assert.rejects(validate(backend, { backupId: '../daily' }), (error) =>
      isKafkaBackupError(error, 'KB_USAGE'),
    )
  }))

test('a cancelled validation ends with the reason, and nothing is read afterwards', () =>
  withStore('memory', async ({ backend }) => {
    await writeSampleArchive(backend)
    const abort = new AbortController()
    let reads = 0
    const counted = altered(backend, {
      readRange: (...call) => {
        reads++
        return backend.readRange(...call)
      },
    })
    const reason = new Error('enough')
    const onProgress = () => abort.abort(reason)
    await assert.rejects(validate(counted, { signal: abort.signal, onProgress }), reason)
    const readsAtEnd = reads
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal(reads, readsAtEnd)
  }))

test('at most four segments are read at a time', () =>
  withStore('memory', async ({ backend }) => {
    const state = new BackupState(BACKUP)
    const segments = []
    for (let number = 1; number <= 12; number++) {
      const beginOffset = BigInt(number - 1)
      segments.push(
        await writeSegment(backend, {
          streams: [ORDERS_0],
          sequence: number,
          extents: [{ beginOffset, holes: [] }],
          frames: [{ batches: [dataBatch(beginOffset, 1)] }],
        }),
      )
    }
    const begins = [{ topic: 'orders', partition: 0, offset: 0n }]
    const content = { topics: [ORDERS_TOPIC], begins, segments }
    await appendCommit(backend, state, draft('run-1', 'complete', content))
    let active = 0
    let most = 0
    const counted = altered(backend, {
      readRange: async (...call) => {
        active++
        most = Math.max(most, active)
        await new Promise((resolve) => setImmediate(resolve))
        active--
        return backend.readRange(...call)
      },
    })
    const report = await validate(counted)
    assert.equal(report.verdict, 'complete')
    assert.equal(most, 4)
  }))

test('a transform that this program does not have is named', () =>
  withStore('memory', async ({ backend }) => {
    await writeSampleArchive(backend)
    const { findings, verdict } = await validate(backend, { transforms: new Map() })
    assert.equal(verdict, 'damaged')
    assert.equal(findings.length, 5)
    assert.ok(findings.every((finding) => finding.code === 'KB_TRANSFORM_UNAVAILABLE'))
  }))
