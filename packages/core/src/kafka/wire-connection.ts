import { connect, type Socket } from 'node:net'
import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { ByteReader } from '../protocol/byte-reader.ts'
import { ByteWriter } from '../protocol/byte-writer.ts'
import { LIMITS } from '../runtime/limits.ts'
import { unreachable } from './kafka-error.ts'
import type { ResponseBuffers } from './response-buffers.ts'

/** Where and how to connect. Times in milliseconds. */
export interface WireOptions {
  readonly host: string
  readonly port: number
  readonly clientId: string
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly buffers?: ResponseBuffers
  readonly signal?: AbortSignal
}

/** One request. `body` is written without being copied and must not change until the response is there. */
export interface WireRequest {
  readonly apiKey: number
  readonly version: number
  readonly isFlexible: boolean
  readonly body: readonly Uint8Array[]
}

/** A response body behind its header. `release` gives the buffer back; nothing of it may be read afterwards. */
export interface WireResponse {
  readonly reader: ByteReader
  release(): void
}

interface PendingRequest {
  readonly isFlexible: boolean
  readonly resolve: (response: WireResponse) => void
  readonly reject: (error: unknown) => void
  readonly timer: NodeJS.Timeout
}

const STAGING_BYTES = 64 * 1024
const LENGTH_BYTES = 4

/**
 * One connection to one broker for large requests and responses. Copies on the way in: the kernel writes straight into
 * the response buffer, except for what arrives together with the length (at most 64 KiB a response); slices of that
 * buffer are handed out. On the way out nothing is copied (writev).
 */
export class WireConnection {
  readonly broker: string
  readonly #clientId: string
  readonly #requestTimeoutMs: number
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

  private constructor(options: WireOptions) {
    this.broker = `${options.host}:${options.port}`
    this.#clientId = options.clientId
    this.#requestTimeoutMs = options.requestTimeoutMs
    this.#buffers = options.buffers
  }

  /** @throws KB_CLUSTER_UNREACHABLE */
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
    const correlationId = ++this.#correlationId & 0x7fffffff
    const head = this.#requestHead(request, correlationId)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.#fail(unreachable(this.broker, `no answer within ${this.#requestTimeoutMs} ms`)),
        this.#requestTimeoutMs,
      )
      this.#pending.set(correlationId, { isFlexible: request.isFlexible, resolve, reject, timer })
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

  #connect(options: WireOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.#fail(unreachable(this.broker, `no connection within ${options.connectTimeoutMs} ms`)),
        options.connectTimeoutMs,
      )
      const settle = (error?: unknown) => {
        clearTimeout(timer)
        if (error) reject(error)
        else resolve()
      }
      const socket = connect({
        host: options.host,
        port: options.port,
        noDelay: true,
        onread: {
          buffer: () => this.#receiveBuffer(),
          callback: (bytes, buffer) => this.#received(bytes, buffer),
        },
      })
      this.#socket = socket
      socket.on('connect', () => settle())
      socket.on('error', (error) => this.#fail(unreachable(this.broker, error.message, error)))
      socket.on('close', () => {
        this.#fail(unreachable(this.broker, 'the broker closed the connection'))
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
  }
}
