import type { KafkaCluster } from '@kafka-backup/testkit'

/** Most bytes a second that each broker serves to, or takes from, the program. */
export interface ClientQuota {
  readonly readBytesPerSec?: number
  readonly writeBytesPerSec?: number
}

/** Windows of quotas this short make them bite within a second; for the properties of a cluster. */
export const SHORT_QUOTA_WINDOWS = { 'quota.window.num': '2', 'quota.window.size.seconds': '1' } as const

const CLIENT_ID = 'kafka-backup'

/**
 * Lets the brokers throttle the program, and nobody else, so that small data keeps it busy for seconds on any machine and a
 * signal hits it in the middle. The function it returns lifts the quota.
 */
export async function throttleProgram(
  cluster: Pick<KafkaCluster, 'tools' | 'bootstrap'>,
  quota: ClientQuota,
): Promise<() => Promise<void>> {
  const rates = Object.entries({
    consumer_byte_rate: quota.readBytesPerSec,
    producer_byte_rate: quota.writeBytesPerSec,
  }).filter(([, rate]) => rate !== undefined)
  await alterClient(cluster, ['--add-config', rates.map(([name, rate]) => `${name}=${rate}`).join(',')])
  return () => alterClient(cluster, ['--delete-config', rates.map(([name]) => name).join(',')])
}

async function alterClient(
  cluster: Pick<KafkaCluster, 'tools' | 'bootstrap'>,
  change: readonly string[],
): Promise<void> {
  const entity = ['--entity-type', 'clients', '--entity-name', CLIENT_ID]
  const args = ['--bootstrap-server', cluster.bootstrap, '--alter', ...entity, ...change]
  const run = await cluster.tools.run('kafka.admin.ConfigCommand', args)
  if (run.exitCode !== 0) throw new Error(`the quota was not changed:\n${run.stdout}${run.stderr}`)
}
