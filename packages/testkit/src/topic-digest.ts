import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { KafkaCluster } from './kafka-cluster.ts'
import { runTool } from './tool-run.ts'

/** What Kafka's own consumer sees of one partition. `sha256` is over key, value, headers and timestamp, in order. */
export interface PartitionContent {
  readonly topic: string
  readonly partition: number
  /** -1 when there is no record. */
  readonly firstOffset: number
  readonly records: number
  readonly sha256: string
  /** Eight bytes for each record, to find the first that differs. */
  readonly digestFile: string
}

const PROGRAM = 'DigestTopics'
const TIMEOUT_MS = 10 * 60_000
const RECORD_DIGEST_BYTES = 8

/** Reads whole topics with Kafka's consumer (read_committed) and digests every record. `folder` takes the digests. */
export async function digestTopics(
  cluster: Pick<KafkaCluster, 'version' | 'classpath' | 'bootstrap'>,
  topics: readonly string[],
  folder: string,
): Promise<PartitionContent[]> {
  await mkdir(folder, { recursive: true })
  const run = await runTool(cluster, PROGRAM, [cluster.bootstrap, folder, ...topics], {
    timeoutMs: TIMEOUT_MS,
    profile: 'roomy',
  })
  if (run.exitCode !== 0) throw new Error(`reading ${topics.join(', ')} failed:\n${run.stdout}${run.stderr}`)
  const lines = run.stdout
    .trim()
    .split('\n')
    .filter((line) => line !== '')
  return lines.map((line) => {
    const [topic = '', partition, firstOffset, records, sha256 = ''] = line.split(' ')
    return {
      topic,
      partition: Number(partition),
      firstOffset: Number(firstOffset),
      records: Number(records),
      sha256,
      digestFile: join(folder, `${topic}-${partition}.digests`),
    }
  })
}

/** What differs between two partitions, in words; undefined when every record is the same. */
export async function contentDifference(
  source: PartitionContent,
  target: PartitionContent,
): Promise<string | undefined> {
  if (source.sha256 === target.sha256 && source.records === target.records) return undefined
  const [expected, found] = [await readFile(source.digestFile), await readFile(target.digestFile)]
  const where = `${source.topic}/${source.partition} and ${target.topic}/${target.partition}`
  const counts = `${source.records} and ${target.records} records`
  for (let at = 0; at < Math.min(expected.length, found.length); at += RECORD_DIGEST_BYTES) {
    const end = at + RECORD_DIGEST_BYTES
    if (!expected.subarray(at, end).equals(found.subarray(at, end))) {
      return `${where} differ from record ${at / RECORD_DIGEST_BYTES} on (${counts})`
    }
  }
  return `${where} differ in length: ${counts}`
}
