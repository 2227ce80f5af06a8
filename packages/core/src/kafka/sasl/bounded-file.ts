import { open } from 'node:fs/promises'

/** The text of a small file; undefined when it is larger than `maxBytes`. Rejects with the system's error. */
export async function readBoundedFile(path: string, maxBytes: number): Promise<string | undefined> {
  await using file = await open(path, 'r')
  const buffer = Buffer.alloc(maxBytes + 1)
  let length = 0
  for (;;) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length)
    length += bytesRead
    if (length > maxBytes) return
    if (bytesRead === 0) return buffer.toString('utf8', 0, length)
  }
}
