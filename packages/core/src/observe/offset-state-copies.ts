import { isKafkaBackupError } from '../errors/kafka-backup-error.ts'
import { offsetStateKey } from '../repository/key-layout.ts'
import { LIMITS } from '../runtime/limits.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'

/** Where the bytes come from, and who hears why there is no copy. */
export interface CopySource {
  readonly render: () => Promise<Uint8Array>
  readonly complain: (detail: string) => void
}

/**
 * Copies the offset state into the repository, one copy at a time, each as a whole. A store that refuses is not asked again; one
 * that does not answer is, with the next copy.
 */
export class OffsetStateCopies {
  readonly #storage: StorageBackend
  readonly #backupId: string
  readonly #source: CopySource
  readonly #stop = new AbortController()
  #copying: Promise<void> | undefined
  #isRefused = false
  #isGivenUp = false

  constructor(storage: StorageBackend, backupId: string, source: CopySource) {
    this.#storage = storage
    this.#backupId = backupId
    this.#source = source
  }

  /** Begins a copy, unless one is under way. */
  start(): void {
    if (this.#copying || this.#isRefused) return
    this.#copying = this.#copy().finally(() => {
      this.#copying = undefined
    })
  }

  /** Ends what is under way, and makes a last copy. Aborting the signal gives it up. */
  async finish(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#stop.abort(signal.reason), { once: true })
    await this.#copying
    this.start()
    await this.#copying
  }

  /** Gives up what is under way. */
  async stop(): Promise<void> {
    this.#isGivenUp = true
    this.#stop.abort()
    await this.#copying
  }

  async #copy(): Promise<void> {
    try {
      const bytes = await this.#source.render()
      if (bytes.length > LIMITS.offsetStateMaxBytes) {
        this.#isRefused = true
        this.#source.complain(`it would have ${bytes.length} bytes, more than ${LIMITS.offsetStateMaxBytes}`)
        return
      }
      await this.#storage.replace(offsetStateKey(this.#backupId), bytes, { signal: this.#stop.signal })
    } catch (error) {
      if (this.#isGivenUp) return
      const isPassing = isKafkaBackupError(error, 'KB_STORAGE_UNAVAILABLE')
      this.#isRefused = !isPassing
      // The run itself says when the store does not answer.
      if (!isPassing || this.#stop.signal.aborted) this.#source.complain((error as Error).message)
    }
  }
}
