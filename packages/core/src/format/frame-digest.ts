import { sha256Hex } from './canonical-json.ts'

/** Digests frames before they are written: lower-case hex SHA-256 over the chunks in order. */
export interface FrameDigester {
  digest(chunks: readonly Uint8Array[]): Promise<string>
  close(): Promise<void>
}

/** Digests on the calling thread. */
export const inlineDigester: FrameDigester = {
  digest: async (chunks) => sha256Hex(...chunks),
  close: async () => undefined,
}
