import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { test } from 'node:test'
import type { Worker } from 'node:worker_threads'
import { OffsetCacheThread } from '../../src/observe/offset-cache-thread.ts'
import { jobRow, offsetRow } from './offset-samples.ts'

const SAVES = 2_500
const GROWTH_MAX_BYTES = 2 * 1024 * 1024

/** Runs `step`, and gives the first thread that it started. */
async function threadOf(step: () => Promise<unknown>): Promise<Worker | undefined> {
  const started: Worker[] = []
  const note = (message: unknown) => void started.push((message as { readonly worker: Worker }).worker)
  subscribe('worker_threads', note)
  try {
    await step()
  } finally {
    unsubscribe('worker_threads', note)
  }
  return started[0]
}

test('what many saves leave to its collector stays little', async () => {
  const cache = new OffsetCacheThread({ path: null, warn: () => undefined })
  const change = { job: jobRow(), offsets: Array.from({ length: 100 }, (_, at) => offsetRow(at, 99n)) }
  const worker = await threadOf(() => cache.begin(change))
  assert.ok(worker)
  const heapBytes = async () => (await worker.getHeapStatistics()).total_heap_size
  const before = await heapBytes()
  for (let at = 0; at < SAVES; at++) await cache.save(change)
  const grownBytes = (await heapBytes()) - before
  assert.ok(grownBytes <= GROWTH_MAX_BYTES, `the heap of the thread has grown by ${grownBytes} bytes`)
  await cache.close(new AbortController().signal)
})
