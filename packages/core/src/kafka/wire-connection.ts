import type { Socket } from 'node:net'
import { KafkaBackupError, toKafkaBackupError } from '../errors/kafka-backup-error.ts'
import { ByteReader } from '../protocol/byte-reader.ts'
import { ByteWriter } from '../protocol/byte-writer.ts'
import { LIMITS } from '../runtime/limits.ts'
import { unreachable } from './kafka-error.ts'
import type { ResponseBuffers } from './response-buffers.ts'
import type { TlsSecurity } from './security.ts'
import { closedByBroker, connectionError, tlsWanted } from './tls-error.ts'
import { openSocket } from './tls-socket.ts'

/** Where and how to connect. Times in milliseconds. */
export interface WireOptions {
  readonly host: string
  readonly port: number
  readonly clientId: string
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
  /** Absent or null: not encrypted. */
  readonly tls?: TlsSecurity | null
  readonly buffers?: ResponseBuffers
  readonly signal?: AbortSignal
}

/** One request. `body` is written without being copied and must not change until the response is there. */
export interface WireRequest {
  readonly apiKey: number
  readonly version: number
  readonly isFlexible: boolean
  /** Its answer has the plain header although the request is flexible: that of ApiVersions (KIP-511). */
  readonly hasPlainAnswer?: boolean
  readonly body: readonly Uint8Array[]
}

/** A response body behind its header. `release` gives the buffer back; nothing of it may be read afterwards. */
export interface WireResponse {
  readonly reader: ByteReader
  release(): void
}

/** What is asked of a broker goes through one of these. */
export interface BrokerChannel {
  /** `host:port` */
  readonly broker: string
  readonly isOpen: boolean
  /** Sends a request; any number may be under way. @throws KB_CLUSTER_UNREACHABLE when the connection breaks or goes silent */
  request(request: WireRequest): Promise<WireResponse>
  close(): void
}

interface PendingRequest {
  readonly isFlexible: boolean
  readonly resolve: (response: WireResponse) => void
  readonly reject: (error: unknown) => void
  readonly timer: NodeJS.Timeout
}

/** A request that waits until it may be sent. */
interface HeldRequest {
  readonly request: WireRequest
  readonly resolve: (response: Promise<WireResponse>) => void
  readonly reject: (error: unknown) => void
}

/**
 * Asked before each request: null lets it pass; a promise holds it and all that follow, in their order, and breaks the
 * connection when it is rejected.
 */
export type Admission = () => Promise<void> | null

const STAGING_BYTES = 64 * 1024
const LENGTH_BYTES = 4
/** An alert of TLS, with the major version of all its versions, where the length of the first response should be. */
const TLS_ALERT = 0x1503

/**
 * One connection to one broker for large requests and responses. Copies on the way in: the kernel (with TLS: the cipher)
 * writes straight into the response buffer, except for what arrives together with the length (at most 64 KiB a
 * response); slices of that buffer are handed out. On the way out nothing is copied (writev).
 */
export class WireConnection implements BrokerChannel {
  readonly broker: string
  readonly #clientId: string
  readonly #requestTimeoutMs: number
  readonly #tls: TlsSecurity | null
  readonly #buffers: ResponseBuffers | undefined
  readonly #pending = new Map<number, PendingRequest>()
  readonly #staging = Buffer.allocUnsafeSlow(STAGING_BYTES)
  readonly #length = Buffer.alloc(LENGTH_BYTES)
  #lengthFilled = 0
  #response: Buffer | null = null
  #responseBytes = 0
  #responseFilled = 0
  #correlationId = 0
  #socket: Socket | undefined
  #failure: KafkaBackupError | null = null
  #admission: Admission | null = null
  #held: HeldRequest[] | null = null
  #answers = 0

  private constructor(options: WireOptions) {
    this.broker = `${options.host}:${options.port}`
    this.#clientId = options.clientId
    this.#requestTimeoutMs = options.requestTimeoutMs
    this.#tls = options.tls ?? null
    this.#buffers = options.buffers
  }

  /** @throws KB_CLUSTER_UNREACHABLE, KB_TLS_FAILED */
  static async open(options: WireOptions): Promise<WireConnection> {
    options.signal?.throwIfAborted()
    const connection = new WireConnection(options)
    const abandon = () => connection.close()
    options.signal?.addEventListener('abort', abandon, { once: true })
    try {
      await connection.#connect(options)
    } finally {
      options.signal?.removeEventListener('abort', abandon)
    }
    return connection
  }

  get isOpen(): boolean {
    return this.#failure === null
  }

  /** Sends a request; any number may be under way. @throws KB_CLUSTER_UNREACHABLE when the connection breaks or goes silent */
  request(request: WireRequest): Promise<WireResponse> {
    if (this.#failure) return Promise.reject(this.#failure)
    if (this.#held === null) {
      const admission = this.#admission?.() ?? null
      if (admission === null) return this.sendAhead(request)
      this.#hold(admission)
    }
    return new Promise((resolve, reject) => this.#held?.push({ request, resolve, reject }))
  }

  admitWith(admission: Admission): void {
    this.#admission = admission
  }

  /** The same without asking for admission, and past those that wait for it. */
  sendAhead(request: WireRequest): Promise<WireResponse> {
    if (this.#failure) return Promise.reject(this.#failure)
    const correlationId = ++this.#correlationId & 0x7fffffff
    const head = this.#requestHead(request, correlationId)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.#fail(unreachable(this.broker, `no answer within ${this.#requestTimeoutMs} ms`)),
        this.#requestTimeoutMs,
      )
      const isFlexible = request.isFlexible && request.hasPlainAnswer !== true
      this.#pending.set(correlationId, { isFlexible, resolve, reject, timer })
      const socket = this.#socket
      if (!socket) return
      socket.cork()
      socket.write(head)
      for (const chunk of request.body) socket.write(chunk)
      socket.uncork()
    })
  }

  close(): void {
    this.#fail(unreachable(this.broker, 'the connection was closed'))
  }

  #hold(admission: Promise<void>): void {
    this.#held = []
    admission.then(
      () => {
        const held = this.#held ?? []
        this.#held = null
        for (const { request, resolve } of held) resolve(this.sendAhead(request))
      },
      (error: unknown) => this.#fail(toKafkaBackupError(error)),
    )
  }

  #connect(options: WireOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const onread = {
        buffer: () => this.#receiveBuffer(),
        callback: (bytes: number, buffer: Uint8Array) => this.#received(bytes, buffer),
      }
      const socket = openSocket({ host: options.host, port: options.port, onread }, this.#tls, () => settle())
      const timer = setTimeout(
        () => this.#fail(unreachable(this.broker, `no connection within ${options.connectTimeoutMs} ms`)),
        options.connectTimeoutMs,
      )
      const settle = (error?: unknown) => {
        clearTimeout(timer)
        if (error) reject(error)
        else resolve()
      }
      this.#socket = socket
      socket.on('error', (error) => this.#fail(connectionError(this.broker, error, this.#tls)))
      socket.on('close', () => {
        this.#fail(closedByBroker(this.broker, this.#answers < 2))
        settle(this.#failure)
      })
    })
  }

  #requestHead(request: WireRequest, correlationId: number): Buffer {
    const writer = new ByteWriter(64)
    writer.reserve(LENGTH_BYTES)
    writer.int16(request.apiKey).int16(request.version).int32(correlationId).string(this.#clientId)
    if (request.isFlexible) writer.taggedFields()
    const bodyBytes = request.body.reduce((sum, chunk) => sum + chunk.length, 0)
    writer.patchInt32(0, writer.length - LENGTH_BYTES + bodyBytes)
    return writer.finish()
  }

  /** Where the kernel shall put the next bytes: into the response that is being received, never beyond its end. */
  #receiveBuffer(): Buffer {
    if (!this.#response) return this.#staging
    return this.#response.subarray(this.#responseFilled, this.#responseBytes)
  }

  #received(bytes: number, buffer: Uint8Array): boolean {
    try {
      if (this.#response) {
        this.#responseFilled += bytes
        if (this.#responseFilled === this.#responseBytes) this.#completeResponse()
      } else {
        this.#receiveStaged(Buffer.from(buffer.buffer, buffer.byteOffset, bytes))
      }
    } catch (error) {
      this.#fail(error instanceof KafkaBackupError ? error : unreachable(this.broker, String(error), error))
    }
    return true
  }

  /** Bytes that arrived before it was known how long their response is. */
  #receiveStaged(staged: Buffer): void {
    for (let at = 0; at < staged.length; ) {
      if (!this.#response) {
        while (this.#lengthFilled < LENGTH_BYTES && at < staged.length) {
          this.#length[this.#lengthFilled++] = staged[at++] ?? 0
        }
        if (this.#lengthFilled < LENGTH_BYTES) return
        this.#beginResponse(this.#length.readInt32BE(0))
      }
      const response = this.#response
      if (!response) return
      const copied = staged.copy(
        response,
        this.#responseFilled,
        at,
        at + this.#responseBytes - this.#responseFilled,
      )
      at += copied
      this.#responseFilled += copied
      if (this.#responseFilled === this.#responseBytes) this.#completeResponse()
    }
  }

  #beginResponse(bytes: number): void {
    if (this.#answers === 0 && this.#tls === null && bytes >>> 16 === TLS_ALERT) throw tlsWanted(this.broker)
    if (bytes < 4 || bytes > LIMITS.responseMaxBytes) {
      throw new KafkaBackupError(
        'KB_LIMIT_EXCEEDED',
        `broker ${this.broker} announced a response of ${bytes} bytes`,
      )
    }
    this.#lengthFilled = 0
    this.#responseBytes = bytes
    this.#responseFilled = 0
    this.#response = this.#buffers?.acquire(bytes) ?? Buffer.allocUnsafeSlow(bytes)
  }

  #completeResponse(): void {
    const buffer = this.#response
    if (!buffer) return
    this.#response = null
    const reader = new ByteReader(buffer, 0, this.#responseBytes)
    const correlationId = reader.int32()
    const pending = this.#pending.get(correlationId)
    if (!pending) throw unreachable(this.broker, `answered a request that was not made (${correlationId})`)
    // May throw: while the request still counts as pending, so that it is rejected with the others.
    if (pending.isFlexible) reader.skipTaggedFields()
    this.#pending.delete(correlationId)
    clearTimeout(pending.timer)
    this.#answers++
    pending.resolve({ reader, release: () => this.#buffers?.release(buffer) })
  }

  #fail(error: KafkaBackupError): void {
    this.#failure ??= error
    this.#socket?.destroy()
    for (const pending of this.#pending.values()) {
      clearTimeout(pending.timer)
      pending.reject(this.#failure)
    }
    this.#pending.clear()
    for (const { reject } of this.#held ?? []) reject(this.#failure)
    this.#held = null
  }
}
