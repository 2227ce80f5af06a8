import { type Stats, statSync } from 'node:fs'

/** Opening a pipe or a device could wait for ever, or do harm. @throws when there is something else than a file */
export function assertFile(path: string): void {
  const stats = fileAt(path)
  if (stats && !stats.isFile()) throw new Error('it is not a file')
}

/** What is at a path; undefined: nothing. @throws what the file system says */
export function fileAt(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false })
}
