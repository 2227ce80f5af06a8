import { parentPort, workerData } from 'node:worker_threads'
import { OffsetCache } from './offset-cache.ts'
import type { OffsetChange, SeenCommit } from './offset-state.ts'

/** A call of the other thread. */
export type CacheRequest =
  | { readonly id: number; readonly kind: 'begin' | 'save'; readonly change: OffsetChange }
  | { readonly id: number; readonly kind: 'render' | 'close' }

/** Answer to a {@link CacheRequest}: a value, or why there is none. Without an id: something to tell people. */
export interface CacheAnswer {
  readonly id?: number
  readonly value?: SeenCommit | Uint8Array | null
  readonly complaint?: string
}

const cache = new OffsetCache((workerData as { path: string | null }).path, (complaint) => {
  const answer: CacheAnswer = { complaint }
  parentPort?.postMessage(answer)
})

parentPort?.on('message', (request: CacheRequest) => {
  let answer: CacheAnswer
  try {
    answer = { id: request.id, value: answerTo(request) }
  } catch (error) {
    answer = { id: request.id, complaint: error instanceof Error ? error.message : String(error) }
  }
  parentPort?.postMessage(answer)
})

function answerTo(request: CacheRequest): SeenCommit | Uint8Array | null {
  if (request.kind === 'begin') return cache.begin(request.change)
  if (request.kind === 'save') cache.save(request.change)
  else if (request.kind === 'close') cache.close()
  return request.kind === 'render' ? cache.render() : null
}
