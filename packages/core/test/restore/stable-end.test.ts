import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { waitForStableEnds } from '../../src/restore/stable-end.ts'
import { SleepyClock } from '../storage/sleepy-clock.ts'

const PLACE = { topic: 'orders', partition: 0 }
const NAME = 'orders/0'
/** What docs/restore.md promises. */
const REST_MS = 5_000
const ASK_MS = 500

/** At a time: the end of the log, and what of it is replicated. */
type EndsAt = (nowMs: number) => { readonly logEnd: bigint; readonly replicated: bigint }

describe('the ends of logs before they are believed', () => {
  test('have to stand still for five seconds, also where nothing was under way', async () => {
    const waitedMs = await waitedFor(() => ({ logEnd: 7n, replicated: 7n }))
    assert.ok(waitedMs >= REST_MS && waitedMs <= REST_MS + ASK_MS, `${waitedMs} ms`)
  })

  test('have to stand still for five seconds after they moved last', async () => {
    const waitedMs = await waitedFor((nowMs) => {
      const end = nowMs < 4_000 ? 7n : nowMs < 8_900 ? 8n : 9n
      return { logEnd: end, replicated: end }
    })
    assert.ok(waitedMs >= 8_900 + REST_MS && waitedMs <= 8_900 + REST_MS + 2 * ASK_MS, `${waitedMs} ms`)
  })

  test('are not believed while a part of the log is not replicated', async () => {
    const waitedMs = await waitedFor((nowMs) => ({ logEnd: 9n, replicated: nowMs < 20_000 ? 7n : 9n }))
    assert.ok(waitedMs >= 20_000 + REST_MS, `${waitedMs} ms`)
  })

  test('that never come to rest are a failure that may pass', async () => {
    const growing: EndsAt = (nowMs) => ({ logEnd: BigInt(nowMs), replicated: BigInt(nowMs) })
    const failure = await waitedFor(growing).catch((error) => error)
    assert.ok(isKafkaBackupError(failure, 'KB_BROKER_TRANSIENT'), String(failure))
    assert.match(failure.message, /did not come to rest within 120 seconds/)
  })
})

async function waitedFor(endsAt: EndsAt): Promise<number> {
  const clock = new SleepyClock()
  const partition = { partition: 0, leader: 1, leaderEpoch: 3, replicas: 1, inSyncReplicas: 1 }
  const topic = { name: 'orders', topicId: null, isInternal: false, replicationFactor: 1 }
  // Only what is asked; anything else would fail.
  const cluster = {
    describe: async () => ({
      clusterId: 'c',
      brokers: new Map(),
      topics: [{ ...topic, partitions: [partition] }],
    }),
    epochEnds: async () =>
      new Map([[NAME, { leaderEpoch: 3, endOffset: endsAt(clock.monotonicMs()).logEnd }]]),
    listOffsets: async () => new Map([[NAME, endsAt(clock.monotonicMs()).replicated]]),
  } satisfies Partial<Cluster>
  await waitForStableEnds(cluster as unknown as Cluster, [PLACE], {
    clock,
    signal: new AbortController().signal,
  })
  return clock.monotonicMs()
}
