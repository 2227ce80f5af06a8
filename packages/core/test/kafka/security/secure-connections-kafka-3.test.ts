import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { RENEWING_SESSION_MS, startSecureCluster } from '@kafka-backup/testkit'
import { fetchOne } from '../real-broker.ts'
import { accountOf, linkToListener, readThroughEveryListener } from './secured-links.ts'

test('Kafka 3.9 lets in through every listener, and renews sessions', async () => {
  await using secured = await startSecureCluster({ version: '3.9.1' })
  const { tools } = secured.cluster
  await tools.createTopic('secured', { partitions: 1 })
  await tools.producerPerformance({ topic: 'secured', records: 600, payload: { bytesPerRecord: 100 } })
  const renewed = await linkToListener(secured, 'RENEWING', { sasl: accountOf('SCRAM-SHA-256') })
  const idle = pause(RENEWING_SESSION_MS + 300)
  await readThroughEveryListener(secured, 'secured')
  await idle
  await fetchOne(renewed, 11, ['secured', 0, 0n])
  renewed.connection.close()
})
