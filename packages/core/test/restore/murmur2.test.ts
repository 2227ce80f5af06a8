import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ensureKafka, KAFKA_VERSIONS, runTool } from '@kafka-backup/testkit'
import { partitionOfKey } from '../../src/restore/murmur2.ts'
import { prng } from '../protocol/prng.ts'

const HASH_KEYS = fileURLToPath(new URL('../../../testkit/kafka/HashKeys.java', import.meta.url))

for (const version of KAFKA_VERSIONS) {
  test(`a key goes where the producer of Kafka ${version} sends it`, async () => {
    const random = prng(42)
    const keys = Array.from({ length: 5_000 }, (_, at) => random.bytes(at < 100 ? at : random.below(60)))
    const cases = keys.map((key, at) => ({ key, partitions: [1, 2, 12, 2_147_483_647][at % 4] ?? 1 }))
    const input = cases.map(({ key, partitions }) => `${partitions} ${key.toString('hex')}\n`).join('')
    const { stdout, stderr } = await runTool(await ensureKafka(version), HASH_KEYS, [], { input })
    const expected = stdout.trim().split('\n').map(Number)
    assert.equal(expected.length, cases.length, stderr)
    assert.deepEqual(
      cases.map(({ key, partitions }) => partitionOfKey(key, partitions)),
      expected,
    )
  })
}
