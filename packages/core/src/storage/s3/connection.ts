import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3'
import { isOfStop } from '../../runtime/stopped.ts'
import type { StorageCredentials } from '../storage-credentials.ts'
import type { OnStorageRequest } from '../storage-request.ts'
import { countRequests, judgeAnswers, preferPathStyle } from './client-layers.ts'
import { hasNoIdentity, isExpired, type S3Attempt, translateS3Error } from './errors.ts'
import { assertProfile } from './named-profile.ts'
import type { S3Place } from './place.ts'

type S3Sdk = typeof import('@aws-sdk/client-s3')

/** What a request is made with. */
export interface S3Session {
  readonly sdk: S3Sdk
  readonly client: S3Client
  /** For `client.send`. */
  readonly options: { readonly abortSignal?: AbortSignal }
}

const CONNECT_TIMEOUT_MS = 10_000
/** Without a byte in either direction for so long a connection is dead. Completing a large upload is the longest silence. */
const SILENCE_TIMEOUT_MS = 120_000
const SOCKETS_MAX = 64

/** Parts of a {@link S3Connection} that have defaults. */
export interface S3ConnectionOptions {
  /** Told of every request just before it is sent. */
  readonly onRequest?: OnStorageRequest | undefined
  /** Milliseconds after which an address that takes no connection counts as silent. */
  readonly connectTimeoutMs?: number
  /** Milliseconds without a byte after which a connection is dead. */
  readonly silenceTimeoutMs?: number
}

/** The client of one store: loaded and made at the first request, made anew when fetched credentials have expired. */
export class S3Connection {
  readonly #place: S3Place
  readonly #credentials: StorageCredentials
  readonly #options: S3ConnectionOptions
  #sdk: Promise<S3Sdk> | undefined
  #client: S3Client | undefined

  constructor(place: S3Place, credentials: StorageCredentials, options: S3ConnectionOptions = {}) {
    this.#place = place
    this.#credentials = credentials
    this.#options = options
  }

  /** Runs one request and translates what it throws. @throws the reason of `signal` when that is aborted */
  async request<T>(
    attempt: Omit<S3Attempt, 'bucket'>,
    signal: AbortSignal | undefined,
    step: (session: S3Session) => Promise<T>,
  ): Promise<T> {
    const options = signal === undefined ? {} : { abortSignal: signal }
    try {
      const sdk = await this.#load()
      const client = this.#open(sdk)
      try {
        return await step({ sdk, client, options })
      } catch (error) {
        // The store refused before it did anything, so that once more is safe for every kind of request.
        if (!isExpired(error, attempt.isHead) || this.#credentials.has('access_key')) throw error
        this.#drop(client)
        return await step({ sdk, client: this.#open(sdk), options })
      }
    } catch (error) {
      const failure = translateS3Error(error, { ...attempt, bucket: this.#place.bucket })
      // A clear answer that came in spite of the stop is one.
      if (signal && isOfStop(failure, signal)) throw signal.reason
      if (hasNoIdentity(error)) await this.#assertAmbientProfile()
      throw failure
    }
  }

  /** Closes idle connections. */
  close(): void {
    this.#client?.destroy()
    this.#client = undefined
  }

  async #load(): Promise<S3Sdk> {
    const { profile } = this.#place
    if (this.#sdk === undefined && profile !== undefined) await assertProfile('storage.profile', profile)
    // The SDK takes a third of a second and 30 MB; only who uses it pays.
    this.#sdk ??= import('@aws-sdk/client-s3')
    return this.#sdk
  }

  #open(sdk: S3Sdk): S3Client {
    this.#client ??= this.#newClient(sdk)
    return this.#client
  }

  #newClient(sdk: S3Sdk): S3Client {
    const client = new sdk.S3Client(this.#config())
    judgeAnswers(client)
    if (this.#place.isPathStyle === undefined) preferPathStyle(client)
    const { onRequest } = this.#options
    if (onRequest) countRequests(client, onRequest)
    return client
  }

  /** That the profile of the environment is not there says more than that nothing had credentials. */
  async #assertAmbientProfile(): Promise<void> {
    const { AWS_PROFILE: profile } = process.env
    if (profile && this.#place.profile === undefined) await assertProfile('AWS_PROFILE', profile)
  }

  #drop(client: S3Client): void {
    // Not destroyed: other requests of it may be under way. Its idle sockets end by themselves.
    if (this.#client === client) this.#client = undefined
  }

  #config(): S3ClientConfig {
    const { region, endpoint, isPathStyle, profile } = this.#place
    const accessKey = this.#credentials.get('access_key')
    const secretKey = this.#credentials.get('secret_key')
    const token = this.#credentials.get('session_token')
    return {
      // Who calls knows what may be sent again; the SDK does not know our conditional requests.
      maxAttempts: 1,
      customUserAgent: 'kafka-backup',
      // The SDK would warn on the console.
      logger: SILENT,
      requestHandler: {
        connectionTimeout: this.#options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
        socketTimeout: this.#options.silenceTimeoutMs ?? SILENCE_TIMEOUT_MS,
        httpAgent: { keepAlive: true, maxSockets: SOCKETS_MAX },
        httpsAgent: { keepAlive: true, maxSockets: SOCKETS_MAX },
      },
      // Bodies carry Content-MD5, which every store verifies; the newer checksums of AWS are refused by some.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      // What is read has digests of our own.
      responseChecksumValidation: 'WHEN_REQUIRED',
      ...(region === undefined ? {} : { region }),
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(isPathStyle === undefined ? {} : { forcePathStyle: isPathStyle }),
      ...(profile === undefined ? {} : { profile }),
      ...(accessKey === undefined || secretKey === undefined
        ? {}
        : {
            credentials: {
              accessKeyId: accessKey.reveal(),
              secretAccessKey: secretKey.reveal(),
              ...(token === undefined ? {} : { sessionToken: token.reveal() }),
            },
          }),
    }
  }
}

const nothing = (): void => {}
const SILENT = { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing }
