import { encodeMessage, encodeWrapper, type MessageCodec, type MessageInput } from '@kafka-backup/testkit'

/** A log of formats v0 and v1, as brokers that were upgraded for ten years have it on their disks. */
export interface OldLog {
  readonly bytes: Buffer
  /** Entries: messages that stand alone, and wrappers. */
  readonly entries: number
  readonly records: number
  readonly firstEntryBytes: number
}

type Content = Omit<MessageInput, 'magic' | 'codecId' | 'timestampType' | 'offset'>

const BEGIN_MS = 1_420_000_000_000n
const APPEND_MS = 1_500_000_000_000n
const V0_CODECS: readonly MessageCodec[] = ['gzip', 'snappy', 'snappy-raw', 'lz4', 'lz4-old-checksum']
const V1_CODECS: readonly MessageCodec[] = ['gzip', 'snappy', 'snappy-raw', 'lz4']
/** More than two merged batches hold. */
const LONE_MESSAGES = 2_300

/** Every shape of record in every wrapping of both formats. */
export function everyOldFormat(): OldLog {
  const log = new LogWriter()
  for (const content of shapes()) log.addAlone(0, content)
  for (const codec of V0_CODECS) log.addWrapped(0, codec, shapes())
  for (const content of shapes()) log.addAlone(1, content)
  for (const codec of V1_CODECS) log.addWrapped(1, codec, shapes())
  for (const content of shapes()) log.addAlone(1, content, APPEND_MS)
  for (const codec of V1_CODECS) log.addWrapped(1, codec, shapes(), APPEND_MS + 1n)
  for (let index = 0; index < LONE_MESSAGES; index++) {
    log.addAlone(index % 3 === 0 ? 0 : 1, { ...named(`lone-${index}`), timestamp: BEGIN_MS - BigInt(index) })
  }
  // Beyond the bound of merged batches, and of what an uncompressed block of a codec holds.
  log.addAlone(1, { ...named('large'), value: Buffer.alloc(400_000, 'large') })
  log.addWrapped(1, 'lz4', [named('before'), { ...named('huge'), value: Buffer.alloc(200_000, 'huge') }])
  return log.finish()
}

/** What log cleaning left of such a log: holes between entries, inside wrappers, and at their begin and end. */
export function thinnedOldFormats(): OldLog {
  const log = new LogWriter()
  for (const magic of [0, 1] as const) {
    log.addAlone(magic, named('a'))
    log.skip(3n)
    log.addAlone(magic, named('b'))
    for (const codec of magic === 0 ? V0_CODECS : V1_CODECS) {
      log.skip(2n)
      log.addWrapped(magic, codec, [named('c'), named('d'), named('e')], undefined, 5n)
    }
    log.skip(40n)
  }
  log.addAlone(1, named('f'))
  return log.finish()
}

/** A wrapper of each format and codec, with six records in each. */
export function wrappersAlone(): OldLog {
  const log = new LogWriter()
  for (const codec of V1_CODECS) log.addWrapped(1, codec, shapes())
  for (const codec of V0_CODECS) log.addWrapped(0, codec, shapes())
  return log.finish()
}

function shapes(): Content[] {
  return [
    { ...named('full'), timestamp: BEGIN_MS + 1_000n },
    { key: null, value: Buffer.from('without a key'), timestamp: BEGIN_MS },
    { key: Buffer.from('tombstone'), value: null, timestamp: BEGIN_MS + 500n },
    { key: null, value: null, timestamp: -1n },
    { key: Buffer.alloc(0), value: Buffer.alloc(0), timestamp: 0n },
    { key: Buffer.from('last'), value: Buffer.from([0xff, 0, 0x80]), timestamp: BEGIN_MS + 86_400_000_000n },
  ]
}

function named(name: string): Content {
  return { key: Buffer.from(`key-${name}`), value: Buffer.from(`value of ${name}`), timestamp: BEGIN_MS }
}

class LogWriter {
  readonly #entries: Buffer[] = []
  #records = 0
  #nextOffset = 0n

  addAlone(magic: 0 | 1, content: Content, appendTimestamp?: bigint): void {
    const time =
      appendTimestamp === undefined
        ? {}
        : ({ timestamp: appendTimestamp, timestampType: 'log_append_time' } as const)
    this.#entries.push(encodeMessage({ ...content, ...time, magic, offset: this.#take() }))
  }

  addWrapped(
    magic: 0 | 1,
    codec: MessageCodec,
    contents: readonly Content[],
    appendTimestamp?: bigint,
    step = 1n,
  ): void {
    const records = contents.map((content) => ({ ...content, offset: this.#take(step) }))
    this.#entries.push(encodeWrapper(magic, codec, records, appendTimestamp))
  }

  skip(offsets: bigint): void {
    this.#nextOffset += offsets
  }

  finish(): OldLog {
    const bytes = Buffer.concat(this.#entries)
    const firstEntryBytes = this.#entries[0]?.length ?? 0
    return { bytes, entries: this.#entries.length, records: this.#records, firstEntryBytes }
  }

  /** The next offset, and `step` from it to the one after. */
  #take(step = 1n): bigint {
    this.#records++
    const offset = this.#nextOffset
    this.#nextOffset += step
    return offset
  }
}
