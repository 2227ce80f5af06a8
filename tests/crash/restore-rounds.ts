import { join } from 'node:path'
import {
  type FillJob,
  fillTopics,
  type KafkaCluster,
  type KafkaProxy,
  type KafkaVersion,
  openKafkaProxy,
  type RequestFate,
  type SeededRandom,
  startKafkaCluster,
} from '@kafka-backup/testkit'
import { type Archive, backupArgs, expectExit, restoreArgs } from '../harness/archive.ts'
import { createTopics } from '../harness/new-topics.ts'
import { type ProgramEnd, type RunningProgram, startProgram } from '../harness/run-program.ts'

/** Sources of the rounds; all records are years old, so brokers forget who wrote them as soon as they may. */
export const ROUND_TOPICS = ['orders', 'payments', 'clicks'] as const

const PARTITIONS = 2
const YEARS_AGO_MS = Date.UTC(2021, 2, 4)
const JOBS: readonly FillJob[] = [
  { topic: 'orders', records: 1_600, seed: 1, maxHeaders: 3, tombstoneEvery: 40, nullKeyEvery: 25 },
  { topic: 'payments', records: 900, seed: 2, transactions: { recordsPerTransaction: 70, abortEvery: 3 } },
  { topic: 'clicks', records: 3_000, valueBytes: 200, seed: 3, compression: 'lz4', outOfOrderEvery: 9 },
]
/** Many commits and ledger entries for little data. */
const SMALL_TRANSACTIONS = ['--transaction-max-bytes', '131072', '--checkpoint-interval-secs', '0'] as const

/** Kafka's request keys that change something in a restore. */
export const REQUEST = {
  ...{ produce: 0, initProducerId: 22, addPartitions: 24, endTransaction: 26 },
  ...{ deleteRecords: 21, writeMarkers: 27 },
} as const

/** A cluster with a backup of its own topics, and a proxy that the restores go through. */
export interface RoundBench extends AsyncDisposable {
  readonly cluster: KafkaCluster
  readonly proxy: KafkaProxy
  readonly archive: Archive
}

export async function openRoundBench(version: KafkaVersion): Promise<RoundBench> {
  const cluster = await startKafkaCluster({ version })
  try {
    await createTopics(
      cluster,
      Object.fromEntries(
        ROUND_TOPICS.map((topic) => [topic, { partitions: PARTITIONS, config: { 'retention.ms': '-1' } }]),
      ),
    )
    await fillTopics(
      cluster,
      JOBS.map((job) => ({ ...job, batchBytes: 16_384, beginTimestampMs: YEARS_AGO_MS })),
    )
    const archive = { folder: join(cluster.folder, 'repository'), backupId: 'daily' }
    await expectExit(0, backupArgs(cluster, archive, ROUND_TOPICS))
    const proxy = await openKafkaProxy(cluster)
    return {
      cluster,
      proxy,
      archive,
      async [Symbol.asyncDispose]() {
        await proxy[Symbol.asyncDispose]()
        await cluster.close()
      },
    }
  } catch (error) {
    await cluster.close()
    throw error
  }
}

/** The restore of one round, through the proxy; the same command goes on with it. */
export function roundArgs(bench: RoundBench, names: ReadonlyMap<string, string>): string[] {
  return [...restoreArgs(bench.proxy, bench.archive, names), '--resume', ...SMALL_TRANSACTIONS]
}

/** Where a process is hit: at the n-th request of a kind that it sends (from 0), and what the broker gets of it. */
export interface Shot {
  readonly apiKey: number
  readonly number: number
  readonly fate: Exclude<RequestFate, 'pass'>
}

/**
 * Starts the restore and calls `hit` at the moment of the shot. Resolves with the ended process, or with the process that `hit`
 * left alive. A process that ends before the shot was not hit.
 */
export async function shoot(
  bench: RoundBench,
  names: ReadonlyMap<string, string>,
  shot: Shot,
  hit: (program: RunningProgram) => Promise<void> | void,
  more: readonly string[] = [],
): Promise<{ readonly program: RunningProgram; readonly wasHit: boolean }> {
  const begin = bench.proxy.count(shot.apiKey)
  let onHit: () => void = () => undefined
  const struck = new Promise<void>((resolve) => {
    onHit = resolve
  })
  let wasHit = false
  let program: RunningProgram | undefined
  bench.proxy.setFate(
    ({ apiKey, number }) => {
      if (wasHit || apiKey !== shot.apiKey || number - begin !== shot.number) return 'pass'
      wasHit = true
      return shot.fate
    },
    async () => {
      if (program) await hit(program)
      onHit()
    },
  )
  program = startProgram([...roundArgs(bench, names), ...more])
  await Promise.race([struck, program.ended])
  if (wasHit) await struck
  bench.proxy.setFate(() => 'pass')
  return { program, wasHit }
}

/** Kills the restore with SIGKILL at the shot, and the broker too if that is wanted; the broker is started again. */
export async function killAt(
  bench: RoundBench,
  names: ReadonlyMap<string, string>,
  shot: Shot,
  withBroker: boolean,
  more: readonly string[] = [],
): Promise<ProgramEnd> {
  const broker = bench.cluster.broker(1)
  const kill = async ({ child }: RunningProgram): Promise<void> => {
    child.kill('SIGKILL')
    if (withBroker) await broker.kill()
  }
  const { program, wasHit } = await shoot(bench, names, shot, kill, more)
  const end = await program.ended
  if (wasHit && withBroker) await broker.start()
  return end
}

/** A shot by chance: mostly at Produce. */
export function randomShot(random: SeededRandom): Shot {
  const fates = ['break before', 'break inside', 'break after'] as const
  const fate = fates[random.below(fates.length)] ?? 'break before'
  const kind = random.below(8)
  if (kind === 0) return { apiKey: REQUEST.endTransaction, number: random.below(4), fate }
  if (kind === 1) return { apiKey: REQUEST.addPartitions, number: random.below(4), fate }
  if (kind === 2) return { apiKey: REQUEST.initProducerId, number: 0, fate }
  return { apiKey: REQUEST.produce, number: random.below(25), fate }
}
