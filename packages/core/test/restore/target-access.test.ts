import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { PartitionDescription } from '../../src/kafka/cluster.ts'
import { refuseShape, type SyncRule } from '../../src/restore/preflight/target-access.ts'
import type { TopicRestorePlan } from '../../src/restore/restore-plan.ts'

const TOPIC: TopicRestorePlan = {
  sourceTopic: 'orders',
  sourceTopics: ['orders'],
  targetTopic: 'copy',
  partitionCount: 1,
  largestBatchBytes: 100,
  minTimestampMs: 0n,
  isMinExact: true,
  maxTimestampMs: 0n,
  configOverrides: new Map(),
}
const LEADER = 1
const CAPPED = new Set([LEADER])
const UNCAPPED = new Set([LEADER + 1])

/** What three versions of Kafka did with acks=all, in and outside of transactions: 3.6.2 (uncapped), 3.9.1 and 4.2.1 (capped). */
const TRIED = [
  { replicas: 1, inSync: 1, minInSync: 2, isCapped: true, isTaken: true },
  { replicas: 1, inSync: 1, minInSync: 2, isCapped: false, isTaken: false },
  { replicas: 2, inSync: 2, minInSync: 3, isCapped: true, isTaken: true },
  { replicas: 2, inSync: 2, minInSync: 3, isCapped: false, isTaken: false },
  { replicas: 2, inSync: 1, minInSync: 3, isCapped: true, isTaken: false },
  { replicas: 3, inSync: 3, minInSync: 4, isCapped: true, isTaken: true },
  { replicas: 3, inSync: 2, minInSync: 4, isCapped: true, isTaken: false },
  { replicas: 3, inSync: 2, minInSync: 3, isCapped: true, isTaken: false },
  { replicas: 3, inSync: 2, minInSync: 3, isCapped: false, isTaken: false },
  { replicas: 3, inSync: 2, minInSync: 2, isCapped: true, isTaken: true },
  { replicas: 3, inSync: 2, minInSync: 2, isCapped: false, isTaken: true },
] as const

describe('replicas that a target topic needs in sync', () => {
  for (const { replicas, inSync, minInSync, isCapped, isTaken } of TRIED) {
    const what = `${inSync} of ${replicas} in sync, min.insync.replicas=${minInSync}, ${isCapped ? 'capped' : 'not capped'}`
    test(`${what}: ${isTaken ? 'taken' : 'refused'}`, () => {
      const refusals = refuse([partition({ replicas, inSyncReplicas: inSync })], {
        minInSync,
        cappingBrokers: isCapped ? CAPPED : UNCAPPED,
      })
      assert.equal(refusals.length, isTaken ? 0 : 1)
      for (const { message } of refusals) {
        const needed = isCapped ? Math.min(minInSync, replicas) : minInSync
        assert.match(
          message,
          new RegExp(`has ${inSync} of ${replicas} replicas? in sync and needs ${needed}$`),
        )
      }
    })
  }

  test('advises to wait where waiting helps, and to change the setting where it does not', () => {
    const [behind] = refuse([partition({ replicas: 3, inSyncReplicas: 1 })], rule(2))
    assert.match(behind?.remedy ?? '', /^Wait until all brokers are up/)
    const never = { minInSync: 2, cappingBrokers: UNCAPPED }
    const [short] = refuse([partition({ replicas: 1, inSyncReplicas: 1 })], never)
    assert.match(short?.remedy ?? '', /^Set min\.insync\.replicas of the topic to no more/)
  })

  test('a partition without a leader is told as that, and only once', () => {
    const [refusal, ...others] = refuse([partition({ leader: -1, inSyncReplicas: 0, replicas: 1 })], rule(1))
    assert.deepEqual(others, [])
    assert.equal(refusal?.message, 'takes no records at present: partition 0 has no leader')
  })

  test('names three partitions and counts the others', () => {
    const many = Array.from({ length: 7 }, (_, at) => partition({ partition: at, inSyncReplicas: 1 }))
    const [refusal] = refuse(many, rule(2))
    assert.match(
      refusal?.message ?? '',
      /partition 0 has .*; partition 1 has .*; partition 2 has [^;]*; and 4 more$/,
    )
  })
})

function rule(minInSync: number): SyncRule {
  return { minInSync, cappingBrokers: CAPPED }
}

function partition(given: Partial<PartitionDescription>): PartitionDescription {
  return { partition: 0, leader: LEADER, leaderEpoch: 0, replicas: 3, inSyncReplicas: 3, ...given }
}

function refuse(partitions: readonly PartitionDescription[], syncRule: SyncRule) {
  const found = { name: 'copy', topicId: null, isInternal: false, replicationFactor: 3, partitions }
  return refuseShape(TOPIC, found, syncRule)
}
