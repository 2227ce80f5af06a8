import { Worker } from 'node:worker_threads'
import { type FrameDigester, inlineDigester } from '../format/frame-digest.ts'
import type { DigestAnswer, DigestRequest } from './digest-worker.ts'

// Below this the message costs more than the hash.
const SHARED_MIN_BYTES = 256 * 1024
// What is not shared is copied into the message.
const INLINE_MAX_BYTES = 64 * 1024

interface Pending {
  readonly resolve: (sha256: string) => void
  readonly reject: (error: unknown) => void
}

/**
 * Digests large stored frames on a thread of its own, straight from the response buffer they lie in (no copy: the buffer is
 * shared memory). SHA-256 is about half of what storing a byte costs (1.7 GB/s on one core); everything else is digested on the
 * calling thread. The thread is started when it is first needed.
 */
export class DigestThread implements FrameDigester {
  readonly #pending = new Map<number, Pending>()
  #worker: Worker | undefined
  #nextId = 0
  #failure: unknown

  digest(chunks: readonly Uint8Array[]): Promise<string> {
    const request = shareableRequest(chunks, this.#nextId)
    if (!request) return inlineDigester.digest(chunks)
    if (this.#failure) return Promise.reject(this.#failure)
    this.#nextId++
    return new Promise((resolve, reject) => {
      this.#pending.set(request.id, { resolve, reject })
      this.#start().postMessage(request)
    })
  }

  async close(): Promise<void> {
    await this.#worker?.terminate()
    this.#worker = undefined
  }

  #start(): Worker {
    if (this.#worker) return this.#worker
    // Published packages carry JavaScript, a checkout runs TypeScript.
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const worker = new Worker(new URL(`./digest-worker.${extension}`, import.meta.url))
    worker.on('message', (answer: DigestAnswer) => {
      this.#pending.get(answer.id)?.resolve(answer.sha256)
      this.#pending.delete(answer.id)
    })
    worker.on('error', (error) => this.#fail(error))
    worker.on('exit', () => this.#fail(new Error('the digest thread ended early')))
    worker.unref()
    this.#worker = worker
    return worker
  }

  #fail(error: unknown): void {
    this.#failure ??= error
    for (const pending of this.#pending.values()) pending.reject(this.#failure)
    this.#pending.clear()
  }
}

/** The request for chunks that lie in one shared buffer but for a few bytes; undefined when the calling thread is better. */
function shareableRequest(chunks: readonly Uint8Array[], id: number): DigestRequest | undefined {
  let shared: SharedArrayBuffer | undefined
  let sharedBytes = 0
  let inlineBytes = 0
  for (const chunk of chunks) {
    if (chunk.buffer instanceof SharedArrayBuffer && (shared === undefined || shared === chunk.buffer)) {
      shared = chunk.buffer
      sharedBytes += chunk.length
    } else inlineBytes += chunk.length
  }
  if (!shared || sharedBytes < SHARED_MIN_BYTES || inlineBytes > INLINE_MAX_BYTES) return undefined
  const inline = new Uint8Array(inlineBytes)
  const places: number[] = []
  let inlineAt = 0
  for (const chunk of chunks) {
    if (chunk.buffer === shared) places.push(1, chunk.byteOffset, chunk.length)
    else {
      inline.set(chunk, inlineAt)
      places.push(0, inlineAt, chunk.length)
      inlineAt += chunk.length
    }
  }
  return { id, shared, inline, places }
}
