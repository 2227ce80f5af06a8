import type { KafkaCluster } from '@kafka-backup/testkit'

/** The log end offset of every partition of some topics by `topic/partition`, asked by Kafka's own tool. */
export async function endOffsets(
  cluster: Pick<KafkaCluster, 'tools' | 'bootstrap'>,
  topics: readonly string[],
): Promise<Map<string, bigint>> {
  const run = await cluster.tools.run('org.apache.kafka.tools.GetOffsetShell', [
    '--bootstrap-server',
    cluster.bootstrap,
    '--topic',
    topics.map((topic) => topic.replaceAll('.', '\\.')).join('|'),
  ])
  const ends = new Map<string, bigint>()
  for (const line of run.stdout.split('\n')) {
    const match = /^(.+):(\d+):(\d+)$/.exec(line.trim())
    if (match && topics.includes(match[1]!)) ends.set(`${match[1]}/${match[2]}`, BigInt(match[3]!))
  }
  if (run.exitCode !== 0 || ends.size === 0) throw new Error(`no offsets:\n${run.stdout}${run.stderr}`)
  return ends
}
