import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Broker } from './broker-process.ts'
import type { KafkaCluster } from './kafka-cluster.ts'

const FIRST_SEGMENT = '00000000000000000000.log'
// Everything that a broker derives from the log, or knows about the one that was there before.
const DERIVED_FILE = /\.(?:log|index|timeindex|txnindex|snapshot)$|^leader-epoch-checkpoint$/
const CLEAN_SHUTDOWN_MARK = '.kafka_cleanshutdown'
const RECOVERY_POINTS = 'recovery-point-offset-checkpoint'

/**
 * Makes `bytes`, batches of any format from offset 0 on, the whole log of an existing partition: for what no producer of
 * today writes. The broker, the only one of its cluster, is stopped for it and started again; it recovers the log as after
 * a crash, which checks every batch.
 */
export async function plantLog(
  cluster: Pick<KafkaCluster, 'brokers'>,
  topic: string,
  partition: number,
  bytes: Buffer,
): Promise<void> {
  const [broker, ...others] = cluster.brokers
  if (!broker || others.length > 0) throw new Error('a log is planted into a cluster of one broker')
  await broker.stop()
  const folder = join(broker.logDir, `${topic}-${partition}`)
  for (const name of await readdir(folder)) {
    if (DERIVED_FILE.test(name)) await rm(join(folder, name))
  }
  await writeFile(join(folder, FIRST_SEGMENT), bytes)
  await forgetCleanState(broker)
  await broker.start()
  const kept = await readFile(join(folder, FIRST_SEGMENT))
  if (kept.equals(bytes)) return
  throw new Error(`broker ${broker.id} kept ${kept.length} of ${bytes.length} bytes of ${topic}/${partition}`)
}

/** Without these the broker trusts no log and recovers each from its beginning. */
async function forgetCleanState(broker: Broker): Promise<void> {
  for (const name of [CLEAN_SHUTDOWN_MARK, RECOVERY_POINTS]) {
    await rm(join(broker.logDir, name), { force: true })
  }
}
