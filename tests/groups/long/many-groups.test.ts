// Run it on an idle machine with: node --test tests/groups/long/many-groups.test.ts; GROUPS=100 for fewer.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { SourceDriver, startKafkaCluster } from '@kafka-backup/testkit'
import { mergeGroups } from '../../../packages/core/src/backup/merge-groups.ts'
import { encodeGroups } from '../../../packages/core/src/format/groups-document.ts'
import { openCluster } from '../../../packages/core/src/kafka/client-cluster.ts'
import { openAdvertisedProxy } from '../../../packages/core/test/kafka/advertised-proxy.ts'
import { backupArgs, expectExit, restoreArgs } from '../../harness/archive.ts'

const GROUPS = Number(process.env.GROUPS ?? 1_000)
const PARTITIONS = 50
const GROUPS_PER_REQUEST = 100
/** For every hundred groups: who coordinates them, their offsets, their states. */
const REQUESTS_PER_HUNDRED = 3
/** Once each: the list of the broker, and whether it has read what it took over (who coordinates, and how that stands). */
const REQUESTS_FOR_ALL = 3
const TIMEOUT_MS = 600_000
const RECORDS = 10
const REPORT_MAX_CPU_MS = 5_000
const REPORT_MAX_MB = 300
/** With what talks to a cluster. */
const ASKING_MAX_MB = 400
/** Has the program say at its end what it took. */
const SAY_USAGE = `process.on("exit",()=>{const u=process.resourceUsage();process.stderr.write("\\nused "+u.maxRSS+" "+u.userCPUTime)})`
const REQUEST_NAMES = new Map([
  [2, 'ListOffsets'],
  [3, 'Metadata'],
  [9, 'OffsetFetch'],
  [10, 'FindCoordinator'],
  [15, 'DescribeGroups'],
  [16, 'ListGroups'],
  [18, 'ApiVersions'],
])

test('many groups are read with a few requests for every hundred of them', {
  timeout: TIMEOUT_MS,
}, async (t) => {
  await using kafka = await startKafkaCluster()
  await using driver = new SourceDriver(kafka)
  await driver.createTopic('orders', { replicas: PARTITIONS })
  await driver.plantGroups('group-', { groups: GROUPS, topic: 'orders', partitions: PARTITIONS, offset: 7n })
  await using proxy = await openAdvertisedProxy(kafka.broker(1).port)
  const cluster = openCluster({ bootstrapServers: [`127.0.0.1:${proxy.port}`], clientId: 'test' })
  try {
    await cluster.topicNames()
    const askedBefore = proxy.requests.length
    const beganMs = performance.now()
    const { groups } = await cluster.consumerGroups([])
    const tookMs = performance.now() - beganMs
    const counts = Map.groupBy(
      proxy.requests.slice(askedBefore),
      ([key]) => REQUEST_NAMES.get(key) ?? `${key}`,
    )
    const requests = [...counts].map(([name, own]) => `${own.length} ${name}`)
    assert.equal(groups.length, GROUPS)
    assert.ok(groups.every(({ offsets }) => offsets?.length === PARTITIONS))
    const document = { backupId: 'b', writer: '9f2c11ab', readAtMs: 0n, clusterId: 'c' }
    const bytes = encodeGroups({ ...document, groups: mergeGroups(null, groups, Date.now()) }).length
    t.diagnostic(
      `${GROUPS} groups x ${PARTITIONS} partitions: ${Math.round(tookMs)} ms, ${requests.join(', ')}; ${bytes} bytes`,
    )
    const hundreds = Math.ceil(GROUPS / GROUPS_PER_REQUEST)
    const ofGroups = [9, 10, 15, 16].map((key) => counts.get(REQUEST_NAMES.get(key)!)?.length ?? 0)
    const total = ofGroups.reduce((sum, count) => sum + count, 0)
    assert.ok(total <= REQUESTS_FOR_ALL + hundreds * REQUESTS_PER_HUNDRED, `${total} requests`)
  } finally {
    await cluster.close()
  }
})

test('a report over many groups takes seconds, and fits in the memory of a small machine', {
  timeout: TIMEOUT_MS,
}, async (t) => {
  await using kafka = await startKafkaCluster()
  await using driver = new SourceDriver(kafka)
  await driver.createTopic('orders', { replicas: PARTITIONS })
  for (let partition = 0; partition < PARTITIONS; partition++)
    await driver.write({ topic: 'orders', partition, label: 'r', records: RECORDS })
  await driver.plantGroups('group-', { groups: GROUPS, topic: 'orders', partitions: PARTITIONS, offset: 7n })
  const archive = { folder: join(kafka.folder, 'repository'), backupId: 'daily' }
  await expectExit(0, backupArgs(kafka, archive, ['orders']))
  const headers = ['--include-original-offset-header']
  await expectExit(0, [...restoreArgs(kafka, archive, new Map([['orders', 'copy']])), ...headers])
  const place = ['--repo', pathToFileURL(archive.folder).href, '--backup-id', archive.backupId]
  const cluster = ['--bootstrap-servers', kafka.bootstrap]
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(SAY_USAGE)}` }
  for (const told of [[], ['--by-header', ...cluster], ['--by-timestamp', ...cluster]]) {
    const beganMs = performance.now()
    const format = ['--output-format', 'json']
    const end = await expectExit(0, ['offsets', 'report', ...place, ...told, ...format], { env })
    const tookMs = Math.round(performance.now() - beganMs)
    const { offsets } = end.json<{ readonly offsets: readonly { readonly target_offset: string }[] }>()
    assert.equal(offsets.length, GROUPS * PARTITIONS)
    // Records of one time are not told apart by it.
    const isExact = told[0] !== '--by-timestamp'
    const isRight = (offset: number) => (isExact ? offset === 7 : offset <= 7)
    assert.ok(offsets.every((row) => isRight(Number(row.target_offset))))
    const [, maxKib = 0, cpuUs = 0] = (/used (\d+) (\d+)/.exec(end.stderr) ?? []).map(Number)
    const [megabytes, cpuMs] = [Math.round(maxKib / 1024), Math.round(cpuUs / 1000)]
    t.diagnostic(
      `${told[0] ?? 'map'}: ${offsets.length} offsets in ${tookMs} ms (${cpuMs} ms of CPU), ${megabytes} MB at most`,
    )
    const mostMb = told.length === 0 ? REPORT_MAX_MB : ASKING_MAX_MB
    assert.ok(cpuMs > 0 && cpuMs < REPORT_MAX_CPU_MS && megabytes < mostMb)
  }
})
