// Run it on an idle machine with: node --test tests/groups/long/many-groups.test.ts; GROUPS=100 for fewer.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SourceDriver, startKafkaCluster } from '@kafka-backup/testkit'
import { mergeGroups } from '../../../packages/core/src/backup/merge-groups.ts'
import { encodeGroups } from '../../../packages/core/src/format/groups-document.ts'
import { openCluster } from '../../../packages/core/src/kafka/client-cluster.ts'
import { openAdvertisedProxy } from '../../../packages/core/test/kafka/advertised-proxy.ts'

const GROUPS = Number(process.env.GROUPS ?? 1_000)
const PARTITIONS = 50
const GROUPS_PER_REQUEST = 100
/** For every hundred groups: who coordinates them, their offsets, their states. */
const REQUESTS_PER_HUNDRED = 3
const TIMEOUT_MS = 600_000
const REQUEST_NAMES = new Map([
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
    assert.ok(total <= 1 + hundreds * REQUESTS_PER_HUNDRED, `${total} requests`)
  } finally {
    await cluster.close()
  }
})
