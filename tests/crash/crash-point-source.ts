import { existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fillTopics, type KafkaCluster, type KafkaProxy, startKafkaCluster } from '@kafka-backup/testkit'
import { type Archive, archivePath } from '../harness/archive.ts'
import { createTopics } from '../harness/new-topics.ts'
import type { ProgramEnd, RunningProgram } from '../harness/run-program.ts'

/** Two partitions, and one whose segment is too large for one request to an object store. */
export const SMALL_TOPIC = 'orders'
export const LARGE_TOPIC = 'photos'

const FETCH = 1
/** What is read by these requests is in the first commit, all the rest in the second. */
const FETCHES_BEFORE_COMMIT = 2
const POLL_MS = 10

/** Small segments, one connection: every run comes by the same edges, in nearly the same order. */
export const POINT_SETTINGS = [
  ...['--compression', 'none', '--checkpoint-interval-secs', '1', '--segment-max-interval-ms', '100'],
  ...['--fetch-max-bytes', '262144', '--connections-per-broker', '1'],
] as const

/** A broker with both topics. */
export async function startPointSource(): Promise<KafkaCluster> {
  const cluster = await startKafkaCluster()
  try {
    await createTopics(cluster, { [SMALL_TOPIC]: { partitions: 2 }, [LARGE_TOPIC]: { partitions: 1 } })
    await fillTopics(cluster, [
      { topic: SMALL_TOPIC, records: 900, seed: 1, maxHeaders: 3, batchBytes: 16_384 },
      { topic: LARGE_TOPIC, records: 140, seed: 2, valueBytes: 65_536, batchBytes: 131_072 },
    ])
    return cluster
  } catch (error) {
    await cluster.close()
    throw error
  }
}

/** Lets a run read a part and wait until that is committed, then lets it read the rest. Resolves with its end. */
export async function inTwoCommits(
  kafka: KafkaProxy,
  archive: Archive,
  program: RunningProgram,
): Promise<ProgramEnd> {
  let fetches = 0
  let isReadOn = false
  kafka.setFate(({ apiKey }) =>
    apiKey === FETCH && !isReadOn && fetches++ >= FETCHES_BEFORE_COMMIT ? 'hold' : 'pass',
  )
  const first = archivePath(archive, 'commits', `${'1'.padStart(20, '0')}.json`)
  let hasEnded = false
  const ended = program.ended.finally(() => {
    hasEnded = true
  })
  while (!hasEnded && !existsSync(first)) await Promise.race([delay(POLL_MS), ended])
  isReadOn = true
  kafka.release()
  const end = await ended
  kafka.breakConnections()
  return end
}
