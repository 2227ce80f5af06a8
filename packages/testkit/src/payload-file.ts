import { open } from 'node:fs/promises'
import { JsonEventSource } from './json-event.ts'

/** Content of a payload file: that many lines, each that long without its line end. */
export interface PayloadFileOptions {
  readonly records: number
  readonly bytesPerRecord: number
  readonly seed: number
}

const BEGIN_TIMESTAMP_MS = 1_700_000_000_000
const CHUNK_CHARACTERS = 1024 * 1024

/** Writes JSON events, one a line, for the producer performance tool. `zstd -3` shrinks them to about a quarter. */
export async function writePayloadFile(path: string, options: PayloadFileOptions): Promise<void> {
  const { seed, bytesPerRecord } = options
  const events = new JsonEventSource({
    seed,
    bytesPerEvent: bytesPerRecord,
    beginTimestampMs: BEGIN_TIMESTAMP_MS,
  })
  await using file = await open(path, 'w')
  let chunk = ''
  for (let index = 0; index < options.records; index++) {
    chunk += `${events.next()}\n`
    if (chunk.length < CHUNK_CHARACTERS) continue
    await file.write(chunk)
    chunk = ''
  }
  await file.write(chunk)
}
