import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Broker } from './broker-process.ts'
import type { KafkaCluster } from './kafka-cluster.ts'

const FIRST_SEGMENT = '00000000000000000000.log'
// Everything that a broker derives from the log, or knows about the one that was there before.
const DERIVED_FILE = /\.(?:log|index|timeindex|txnindex|snapshot)$|^leader-epoch-checkpoint$/
const CLEAN_SHUTDOWN_MARK = '.kafka_cleanshutdown'
const LOG_STARTS = 'log-start-offset-checkpoint'
const RECOVERY_POINTS = 'recovery-point-offset-checkpoint'

/** Batches of any format, from offset 0 on, that are to be the whole log of an existing partition. */
export interface PlantedLog {
  readonly topic: string
  readonly partition: number
  readonly bytes: Buffer
}

/**
 * Replaces the logs of partitions: for what no producer of today writes, or would write twice. The broker, the only one of its cluster, is
 * stopped for it and started again; it recovers the logs as after a crash, which checks every batch.
 */
export async function plantLogs(
  cluster: Pick<KafkaCluster, 'brokers'>,
  logs: readonly PlantedLog[],
): Promise<void> {
  const [broker, ...others] = cluster.brokers
  if (!broker || others.length > 0) throw new Error('a log is planted into a cluster of one broker')
  await broker.stop()
  for (const log of logs) {
    const folder = folderOf(broker, log)
    for (const name of await readdir(folder)) {
      if (DERIVED_FILE.test(name)) await rm(join(folder, name))
    }
    await writeFile(join(folder, FIRST_SEGMENT), log.bytes)
  }
  await forgetLogStarts(broker, logs)
  await forgetCleanState(broker)
  await broker.start()
  for (const log of logs) {
    const kept = await readFile(join(folderOf(broker, log), FIRST_SEGMENT))
    if (kept.equals(log.bytes)) continue
    const name = `${log.topic}/${log.partition}`
    throw new Error(`broker ${broker.id} kept ${kept.length} of ${log.bytes.length} bytes of ${name}`)
  }
}

/** {@link plantLogs} for one partition. */
export async function plantLog(
  cluster: Pick<KafkaCluster, 'brokers'>,
  topic: string,
  partition: number,
  bytes: Buffer,
): Promise<void> {
  await plantLogs(cluster, [{ topic, partition, bytes }])
}

function folderOf({ logDir }: Broker, { topic, partition }: PlantedLog): string {
  return join(logDir, `${topic}-${partition}`)
}

/** The file has a version, the number of entries, and lines `topic partition offset`. */
async function forgetLogStarts(broker: Broker, logs: readonly PlantedLog[]): Promise<void> {
  const file = join(broker.logDir, LOG_STARTS)
  const [version = '0', , ...entries] = (await readFile(file, 'utf8')).trimEnd().split('\n')
  const names = new Set(logs.map(({ topic, partition }) => `${topic} ${partition}`))
  const kept = entries.filter((entry) => !names.has(entry.split(' ').slice(0, 2).join(' ')))
  await writeFile(file, `${[version, kept.length, ...kept].join('\n')}\n`)
}

/** Without these the broker trusts no log and recovers each from its beginning. */
async function forgetCleanState(broker: Broker): Promise<void> {
  for (const name of [CLEAN_SHUTDOWN_MARK, RECOVERY_POINTS]) {
    await rm(join(broker.logDir, name), { force: true })
  }
}
