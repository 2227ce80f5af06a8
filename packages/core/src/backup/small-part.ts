import type { SegmentHeader } from '../format/segment-header.ts'
import type { AbortedEntry } from '../format/segment-index.ts'
import type { StreamExtent } from '../repository/segment-upload.ts'
import type { CutFrame } from './batch-intake.ts'
import type { FrameMinimum } from './minimum-finder.ts'

/** A frame as it will be stored. */
export interface EncodedFrame {
  readonly chunks: readonly Uint8Array[]
  readonly sha256: string
  /** Its smallest timestamp, where that is being looked for. */
  readonly minimum: FrameMinimum | null
}

/** What {@link SmallPart} is made of. */
export interface SmallPartContent {
  readonly identity: SegmentHeader['streams'][number]
  readonly extent: StreamExtent
  readonly frame: CutFrame
  readonly encoded: EncodedFrame
  /** Of this part alone: as of stream 0. */
  readonly aborted: readonly AbortedEntry[]
  /** Key and number of a segment of its own. */
  readonly takePlace: () => { readonly key: string; readonly sequence: number }
  readonly onDurable: () => void
}

/**
 * One frame of a partition that is too little for an object of its own. The partition writes nothing more until it is known to be durable
 * or lost: commits must not name what follows it before they name it.
 */
export class SmallPart {
  readonly content: SmallPartContent
  readonly #settled = Promise.withResolvers<void>()

  constructor(content: SmallPartContent) {
    this.content = content
    this.settled.catch(() => undefined)
  }

  /** Resolves when the part is durable. */
  get settled(): Promise<void> {
    return this.#settled.promise
  }

  /** Its object is durable, and the next commit names it. */
  succeed(): void {
    this.content.onDurable()
    this.#settled.resolve()
  }

  fail(reason: unknown): void {
    this.#settled.reject(reason)
  }
}
