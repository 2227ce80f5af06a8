import assert from 'node:assert/strict'
import type { KafkaCluster } from '@kafka-backup/testkit'

const PRINTED_FIELDS = ['timestamp', 'offset', 'key', 'headers', 'value'] as const
const IDLE_MS = 20_000

/** What Kafka's console consumer prints of some topics of one partition, sorted; lines of records, unless these hold line ends. */
export async function printedRecords(
  cluster: Pick<KafkaCluster, 'tools' | 'bootstrap' | 'version'>,
  topics: readonly string[],
  count: number,
): Promise<string[]> {
  // KIP-1147 renamed the flag.
  const flag = cluster.version.startsWith('3.') ? '--property' : '--formatter-property'
  const run = await cluster.tools.run('org.apache.kafka.tools.consumer.ConsoleConsumer', [
    ...['--bootstrap-server', cluster.bootstrap, '--from-beginning'],
    ...['--include', `^(${topics.join('|')})$`],
    ...['--max-messages', `${count}`, '--timeout-ms', `${IDLE_MS}`],
    ...PRINTED_FIELDS.flatMap((field) => [flag, `print.${field}=true`]),
  ])
  assert.equal(run.exitCode, 0, run.stderr)
  return run.stdout.trimEnd().split('\n').sort()
}
