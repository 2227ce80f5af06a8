import type { Agent } from 'node:http'
import type { ContainerClient, RequestPolicyFactory } from '@azure/storage-blob'
import { isOfStop } from '../../runtime/stopped.ts'
import { md5Of } from '../answer-body.ts'
import { guardedAgent, guardRequests } from '../guarded-agent.ts'
import type { StorageCredentials } from '../storage-credentials.ts'
import type { OnStorageRequest } from '../storage-request.ts'
import { secretOf } from './access.ts'
import { type AzureAttempt, translateAzureError } from './errors.ts'
import { openIdentity } from './identity.ts'
import type { AzurePlace } from './place.ts'
import { requestKind } from './request-kind.ts'

/** What a request is made with. */
export interface AzureSession {
  readonly container: ContainerClient
  /** For the options of every call. */
  readonly options: { readonly abortSignal?: AbortSignal }
}

/** Without a byte in either direction for so long a connection is dead. */
const SILENCE_TIMEOUT_MS = 120_000
const SOCKETS_MAX = 64

/** Parts of an {@link AzureConnection} that have defaults. */
export interface AzureConnectionOptions {
  /** Told of every request just before it is sent. */
  readonly onRequest?: OnStorageRequest | undefined
  /** Milliseconds without a byte after which a connection is dead. */
  readonly silenceTimeoutMs?: number
}

/** The client of one container: loaded and made at the first request. Tokens that were fetched renew themselves. */
export class AzureConnection {
  readonly #place: AzurePlace
  readonly #credentials: StorageCredentials
  readonly #agent: Agent
  readonly #silenceMs: number
  readonly #onRequest: OnStorageRequest | undefined
  #container: Promise<ContainerClient> | undefined

  constructor(place: AzurePlace, credentials: StorageCredentials, options: AzureConnectionOptions = {}) {
    this.#place = place
    this.#credentials = credentials
    this.#onRequest = options.onRequest
    this.#silenceMs = options.silenceTimeoutMs ?? SILENCE_TIMEOUT_MS
    const limits = { silenceMs: this.#silenceMs, socketsMax: SOCKETS_MAX }
    this.#agent = guardedAgent(!accountUrl(place).startsWith('http:'), limits)
  }

  get container(): string {
    return this.#place.container
  }

  /** Runs one request and translates what it throws. @throws the reason of `signal` when that is aborted */
  async request<T>(
    attempt: Omit<AzureAttempt, 'container'>,
    signal: AbortSignal | undefined,
    step: (session: AzureSession) => Promise<T>,
  ): Promise<T> {
    const options = signal === undefined ? {} : { abortSignal: signal }
    try {
      return await step({ container: await this.#open(), options })
    } catch (error) {
      const failure = translateAzureError(error, { ...attempt, container: this.#place.container })
      // A clear answer that came in spite of the stop is one.
      if (signal && isOfStop(failure, signal)) throw signal.reason
      throw failure
    }
  }

  /** Closes idle connections. */
  close(): void {
    this.#agent.destroy()
  }

  async #open(): Promise<ContainerClient> {
    this.#container ??= this.#make()
    try {
      return await this.#container
    } catch (error) {
      // What was missing, such as a file with a token, may be there the next time.
      this.#container = undefined
      throw error
    }
  }

  async #make(): Promise<ContainerClient> {
    // The SDK takes a third of a second and 40 MB, that of identities as much again; only who uses them pays.
    const sdk = await import('@azure/storage-blob')
    const address = `${accountUrl(this.#place)}/${this.#place.container}`
    const { key, token } = secretOf(this.#credentials)
    const pipeline = (credential?: Parameters<typeof sdk.newPipeline>[0]) => {
      const made = sdk.newPipeline(credential ?? new sdk.AnonymousCredential(), {
        // Who calls knows what may be sent again; the SDK does not know our conditional requests.
        retryOptions: { maxTries: 1 },
        userAgentOptions: { userAgentPrefix: 'kafka-backup' },
      })
      made.factories.push(everyRequest(this.#agent, this.#silenceMs, this.#onRequest))
      return made
    }
    if (key) {
      const shared = new sdk.StorageSharedKeyCredential(this.#place.account, key.reveal())
      return new sdk.ContainerClient(address, pipeline(shared))
    }
    if (token) {
      return new sdk.ContainerClient(`${address}?${token.reveal().replace(/^\?/, '')}`, pipeline())
    }
    const identity = await openIdentity(this.#place.identity, this.#credentials.get('client_secret'))
    return new sdk.ContainerClient(address, pipeline(identity))
  }
}

function accountUrl({ account, endpoint }: AzurePlace): string {
  return endpoint ?? `https://${account}.blob.core.windows.net`
}

/**
 * Gives each request our connections, unless the environment asks for a proxy, and each body its MD5, which the service
 * compares with what arrived.
 */
function everyRequest(
  agent: Agent,
  silenceMs: number,
  onRequest: OnStorageRequest | undefined,
): RequestPolicyFactory {
  const guarded = new WeakSet<Agent>([agent])
  return {
    create: (next) => ({
      sendRequest(request) {
        const own = (request.agent as Agent | undefined) ?? agent
        if (!guarded.has(own)) guardRequests(own, silenceMs)
        guarded.add(own)
        request.agent = own
        const { body } = request
        const bytes = typeof body === 'string' ? Buffer.from(body) : body
        if (bytes instanceof Uint8Array) request.headers.set('content-md5', md5Of(bytes).toString('base64'))
        onRequest?.(requestKind(request.method, request.url))
        return next.sendRequest(request)
      },
    }),
  }
}
