/** How a frame is written: compressed, or stored in raw blocks at no CPU cost. */
export type FrameMode = 'compressed' | 'stored'

/**
 * A reversible stage that turns the batches of one frame into bytes of the object and back. Recorded by id in the
 * segment's header; a reader without that id fails with KB_TRANSFORM_UNAVAILABLE, never with a fallback.
 */
export interface FrameTransform {
  readonly id: string
  /** Ending of the objects it makes, without the dot. */
  readonly extension: string
  /**
   * One independently decodable frame around the chunks. The result may share memory with the chunks, which must not
   * change before it has been written.
   */
  encode(chunks: readonly Uint8Array[], mode: FrameMode): Promise<readonly Uint8Array[]>
  /** Exactly `rawBytes` bytes, newly allocated and writable. @throws KB_SEGMENT_CORRUPT when there are more or fewer. */
  decode(frame: Buffer, rawBytes: number): Promise<Buffer>
}
