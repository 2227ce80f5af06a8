import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { KafkaCluster } from './kafka-cluster.ts'
import { runTool } from './tool-run.ts'

/** What a consumer is told of a record beside its content. */
export type SeenTimestampType = 'CreateTime' | 'LogAppendTime' | 'NoTimestampType'

/** One record as Kafka's own consumer sees it. `content` is key, value and headers, as {@link contentOf} renders them. */
export interface SeenRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly timestampType: SeenTimestampType
  /** Milliseconds. */
  readonly timestamp: bigint
  readonly content: string
}

/** Content of a record; the order of headers counts. */
export interface RecordContent {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly { readonly nameBytes: Uint8Array; readonly value: Uint8Array | null }[]
}

const PROGRAM = 'ReadRecords'
const TIMEOUT_MS = 10 * 60_000
const LONG_BYTES = 64
const CONTENT_FIELD = 5

type Readable = Pick<KafkaCluster, 'version' | 'classpath' | 'bootstrap' | 'folder'>

/**
 * Reads whole topics with Kafka's consumer, each partition in the order of its offsets. With `read_committed`, the default,
 * up to the last stable offset.
 */
export async function* readRecords(
  cluster: Readable,
  topics: readonly string[],
  isolation: 'read_committed' | 'read_uncommitted' = 'read_committed',
): AsyncGenerator<SeenRecord, void, undefined> {
  const file = join(cluster.folder, `records-${randomUUID()}`)
  try {
    const args = [cluster.bootstrap, isolation, file, ...topics]
    const run = await runTool(cluster, PROGRAM, args, { timeoutMs: TIMEOUT_MS, profile: 'roomy' })
    if (run.exitCode !== 0) {
      throw new Error(`reading ${topics.join(', ')} failed:\n${run.stdout}${run.stderr}`)
    }
    for await (const line of createInterface({ input: createReadStream(file) })) yield parseLine(line)
  } finally {
    await rm(file, { force: true })
  }
}

/** Key, value and headers in one line, in which no two different contents look the same. */
export function contentOf(record: RecordContent): string {
  const headers = record.headers.map(({ nameBytes, value }) => `${textOf(nameBytes)}:${textOf(value)}`)
  return `${textOf(record.key)}\t${textOf(record.value)}\t${headers.join(',')}`
}

/** The key in a {@link SeenRecord.content}; undefined when it is null or too long to be spelled out. */
export function keyIn(content: string): Buffer | undefined {
  const key = content.slice(0, content.indexOf('\t'))
  return key.startsWith('=') ? Buffer.from(key.slice(1), 'hex') : undefined
}

function textOf(bytes: Uint8Array | null): string {
  if (bytes === null) return 'null'
  if (bytes.length <= LONG_BYTES) return `=${Buffer.from(bytes).toString('hex')}`
  return `#${bytes.length}:${createHash('sha256').update(bytes).digest('hex')}`
}

function parseLine(line: string): SeenRecord {
  const fields = line.split('\t')
  return {
    topic: fields[0]!,
    partition: Number(fields[1]),
    offset: BigInt(fields[2]!),
    timestampType: fields[3] as SeenTimestampType,
    timestamp: BigInt(fields[4]!),
    content: fields.slice(CONTENT_FIELD).join('\t'),
  }
}
