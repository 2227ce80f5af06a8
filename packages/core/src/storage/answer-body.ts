import { createHash } from 'node:crypto'

/** A body of exactly so many bytes; undefined when it has fewer or more. */
export async function readBody(
  body: AsyncIterable<Uint8Array>,
  byteCount: number,
): Promise<Buffer | undefined> {
  const bytes = Buffer.allocUnsafeSlow(byteCount)
  let filled = 0
  for await (const chunk of body) {
    // Left in the middle, the loop destroys the stream and its connection.
    if (filled + chunk.length > byteCount) return undefined
    bytes.set(chunk, filled)
    filled += chunk.length
  }
  return filled === byteCount ? bytes : undefined
}

/** The digest that stores compare with what arrived, 16 bytes. */
export function md5Of(bytes: Uint8Array): Buffer {
  return createHash('md5').update(bytes).digest()
}

/** True for the type of a page for people, such as a login page: no object and no document of a store has it. */
export function isPage(contentType: string | undefined): boolean {
  return contentType !== undefined && /^\s*text\/html\b/i.test(contentType)
}

/** True for a status that says of itself that the failure passes, whoever answers so. */
export function isPassingStatus(status: number): boolean {
  return status >= 500 || status === 429 || status === 408
}
