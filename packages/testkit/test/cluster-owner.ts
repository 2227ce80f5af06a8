// Started by abandoned-cluster.test.ts: owns a cluster with a paused broker and never closes it.
import { startKafkaCluster } from '../src/index.ts'

const cluster = await startKafkaCluster()
if (process.argv.includes('--pause')) cluster.broker(1).pause()
process.stdout.write(`${JSON.stringify({ pid: cluster.broker(1).pid, folder: cluster.folder })}\n`)
setInterval(() => {}, 60_000)
