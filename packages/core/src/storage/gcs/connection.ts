import type { Agent, IncomingMessage } from 'node:http'
import { isOfStop } from '../../runtime/stopped.ts'
import { isPage } from '../answer-body.ts'
import { guardedAgent } from '../guarded-agent.ts'
import type { OnStorageRequest } from '../storage-request.ts'
import { foreignAnswer, type GcsAttempt, refusalOf, translateGcsError } from './errors.ts'
import { type HttpCall, sendOnce } from './http-call.ts'
import type { GcsPlace } from './place.ts'
import { requestKind } from './request-kind.ts'
import { openSignIn, type SignIn } from './sign-in.ts'
import { translateSignInError } from './sign-in-errors.ts'

/** A request, and the answers that are no failures. */
export interface GcsCall extends HttpCall {
  readonly expected: readonly number[]
}

/** An answer whose body is still on its way. */
export interface GcsAnswer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: IncomingMessage
}

/** Without a byte in either direction for so long a connection is dead. */
const LIMITS = { silenceMs: 120_000, socketsMax: 64 }
const GOOGLE = 'https://storage.googleapis.com'
/** Of an answer that is no object: a page of a listing has less. */
const DOCUMENT_MAX_BYTES = 32 * 1024 * 1024
const REFUSAL_MAX_BYTES = 64 * 1024

/**
 * Requests to one bucket, each made once. Google's library, which is loaded at the first request that needs credentials,
 * finds and renews them; its requests are not used, since they repeat what must not be repeated.
 */
export class GcsConnection {
  readonly #place: GcsPlace
  readonly #endpoint: string
  readonly #agent: Agent
  readonly #onRequest: OnStorageRequest | undefined
  #signIn: Promise<SignIn> | undefined

  /** `onRequest` is told of every request just before it is sent. */
  constructor(place: GcsPlace, onRequest?: OnStorageRequest) {
    this.#place = place
    this.#onRequest = onRequest
    // STORAGE_EMULATOR_HOST is not asked: it would send a backup to a place that its location does not name.
    this.#endpoint = place.endpoint ?? GOOGLE
    this.#agent = guardedAgent(this.#isEncrypted, LIMITS)
  }

  /** Sends a request and lets `take` have the answer while it arrives. @throws the reason of `signal` when that is aborted */
  async request<T>(
    attempt: Omit<GcsAttempt, 'bucket'>,
    signal: AbortSignal | undefined,
    call: GcsCall,
    take: (answer: GcsAnswer) => Promise<T>,
  ): Promise<T> {
    const whole = { ...attempt, bucket: this.#place.bucket }
    try {
      const proof = await this.#proof(whole, signal)
      const headers = { 'user-agent': 'kafka-backup', ...call.headers, ...proof }
      const target = { endpoint: this.#endpoint, agent: this.#agent, signal }
      this.#onRequest?.(requestKind(call.method, call.path))
      const body = await sendOnce({ ...call, headers }, target)
      const status = body.statusCode ?? 0
      if (!call.expected.includes(status)) {
        throw refusalOf(status, await textOf(body, REFUSAL_MAX_BYTES), whole)
      }
      if (status < 300 && isPage(body.headers['content-type'])) {
        body.destroy()
        throw foreignAnswer(whole)
      }
      return await take({ status, headers: body.headers, body })
    } catch (error) {
      const failure = translateGcsError(error, whole)
      // A clear answer that came in spite of the stop is one.
      if (signal && isOfStop(failure, signal)) throw signal.reason
      throw failure
    }
  }

  /** Sends a request whose answer is a document. */
  document(
    attempt: Omit<GcsAttempt, 'bucket'>,
    signal: AbortSignal | undefined,
    call: GcsCall,
  ): Promise<{ readonly status: number; readonly headers: GcsAnswer['headers']; readonly fields: unknown }> {
    return this.request(attempt, signal, call, async ({ status, headers, body }) => {
      const text = await textOf(body, DOCUMENT_MAX_BYTES)
      try {
        return { status, headers, fields: text === '' ? undefined : JSON.parse(text) }
      } catch {
        if (!body.complete) throw Object.assign(new Error('cut'), { code: 'ECONNRESET' })
        throw foreignAnswer({ ...attempt, bucket: this.#place.bucket })
      }
    })
  }

  /** Closes idle connections. */
  close(): void {
    this.#agent.destroy()
  }

  get #isEncrypted(): boolean {
    return this.#endpoint.startsWith('https:')
  }

  async #proof(
    attempt: GcsAttempt,
    signal: AbortSignal | undefined,
  ): Promise<Readonly<Record<string, string>>> {
    signal?.throwIfAborted()
    if (!this.#isEncrypted) return {}
    this.#signIn ??= openSignIn(this.#place.serviceAccountPath)
    const signIn = this.#signIn
    try {
      return await untilAborted((async () => (await signIn).headers(this.#endpoint))(), signal)
    } catch (error) {
      signal?.throwIfAborted()
      // What was missing, such as a file with a key, may be there the next time.
      if (this.#signIn === signIn) this.#signIn = undefined
      throw translateSignInError(error, attempt)
    }
  }
}

/** The library takes no signal; a run that is stopped does not wait for it. */
async function untilAborted<T>(task: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return task
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const abort = () => reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([task, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** A body as text, as far as `maxBytes`. */
async function textOf(body: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = []
  let byteCount = 0
  for await (const chunk of body) {
    byteCount += chunk.length
    // Left in the middle, the loop destroys the stream and its connection.
    if (byteCount > maxBytes) break
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
