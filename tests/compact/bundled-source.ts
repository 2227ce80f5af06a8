import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type KafkaCluster, SourceDriver } from '@kafka-backup/testkit'
import { assertExit, expectExit } from '../harness/archive.ts'
import { startProgram } from '../harness/run-program.ts'
import { until } from '../harness/until.ts'

/** Partitions with little to say; those of {@link BUSY} have more than a frame at once. */
export const WIDE = 'wide'
export const WIDE_PARTITIONS = 12
export const BUSY = 'busy'
export const TOPICS = [WIDE, BUSY] as const
const ROUNDS = Number(process.env.ROUNDS ?? 26)
const RECORDS = 5

/** Where a backup is, as options and variables of the program. */
export interface Place {
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/**
 * A continuous backup of two topics that were written to meanwhile, round after round, by transactions of which every third is aborted: so each
 * checkpoint has its bundle. It is stopped, and a run to the end follows.
 */
export async function backUpInBundles(cluster: KafkaCluster, place: Place): Promise<void> {
  await using driver = new SourceDriver(cluster)
  await driver.createTopic(WIDE, { replicas: WIDE_PARTITIONS })
  await driver.createTopic(BUSY, { replicas: 2 })
  const figures = join(cluster.folder, 'figures', 'run.prom')
  await mkdir(dirname(figures), { recursive: true })
  const running = startProgram([...continuousArgs(cluster, place), '--metrics-file', figures], place)
  let records = 0
  for (let round = 0; round < ROUNDS; round++) {
    const isAborted = round % 3 === 1
    records += await writeRound(driver, round, isAborted)
    if (isAborted) continue
    await until(`round ${round} is in the backup`, async () => {
      if (running.child.exitCode !== null) throw new Error(running.output().stderr)
      return (await recordsIn(figures)) >= records
    })
  }
  running.child.kill('SIGTERM')
  assertExit(await running.ended, 130)
  await expectExit(0, backupArgsAt(cluster, place), place)
}

export function backupArgsAt({ bootstrap }: KafkaCluster, { args }: Place): string[] {
  return ['backup', '--bootstrap-servers', bootstrap, '--topics', TOPICS.join(','), ...args]
}

export function continuousArgs(cluster: KafkaCluster, place: Place): string[] {
  const pace = ['--checkpoint-interval-secs', '1', '--segment-max-interval-ms', '500']
  return [...backupArgsAt(cluster, place), '--continuous', ...pace]
}

/** One transaction over everything. Returns how many records of it are committed. */
export async function writeRound(driver: SourceDriver, round: number, isAborted: boolean): Promise<number> {
  const transaction = await driver.beginTransaction(WIDE, 60_000)
  for (let partition = 0; partition < WIDE_PARTITIONS; partition++) {
    await transaction.write({ topic: WIDE, partition, label: `wide-${round}`, records: RECORDS })
  }
  await transaction.end(isAborted ? 'abort' : 'commit')
  const isBusy = round % 5 === 0
  if (isBusy) await driver.write({ topic: BUSY, label: `busy-${round}`, records: 1_500, valueBytes: 1_000 })
  return (isAborted ? 0 : WIDE_PARTITIONS * RECORDS) + (isBusy ? 1_500 : 0)
}

async function recordsIn(figures: string): Promise<number> {
  const text = existsSync(figures) ? await readFile(figures, 'utf8') : ''
  return Number(/^kafka_backup_records_total\{.*\} (.+)$/m.exec(text)?.[1] ?? 0)
}
