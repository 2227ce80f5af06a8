import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  fillTopics,
  type KafkaCluster,
  type KafkaVersion,
  openKafkaProxy,
  startKafkaCluster,
} from '@kafka-backup/testkit'
import { fillerBatch } from '../../packages/core/src/restore/filler-batch.ts'
import { RawProducer } from '../fidelity/raw-producer.ts'
import { type Archive, backupArgs, expectExit, renamed } from '../harness/archive.ts'
import { createTopics } from '../harness/new-topics.ts'
import type { RunningProgram } from '../harness/run-program.ts'
import { deleteBelow, endsOf, expectSameOffsets } from '../harness/same-offsets.ts'
import { appendStrayMarkers } from '../harness/stray-markers.ts'
import { killAt, REQUEST, type RoundBench, roundArgs, type Shot, shoot } from './restore-rounds.ts'

const START = 3_200_003n
const TOPICS = ['moved', 'payments'] as const
const KEEP = ['--keep-offsets'] as const
const YEARS_AGO_MS = Date.UTC(2021, 2, 4)

/** In the order in which a restore comes by: filler, its deletion, then records among markers. */
const SHOTS: readonly (Shot & { readonly withBroker: boolean })[] = [
  { apiKey: REQUEST.produce, number: 0, fate: 'break after', withBroker: false },
  { apiKey: REQUEST.produce, number: 1, fate: 'break inside', withBroker: false },
  { apiKey: REQUEST.deleteRecords, number: 0, fate: 'break after', withBroker: false },
  { apiKey: REQUEST.writeMarkers, number: 0, fate: 'break after', withBroker: true },
  { apiKey: REQUEST.writeMarkers, number: 3, fate: 'break inside', withBroker: false },
  { apiKey: REQUEST.produce, number: 5, fate: 'break after', withBroker: true },
]

/** A restore that keeps offsets dies at each kind of request that it sends, and goes on each time. */
export function defineOffsetKills(version: KafkaVersion): void {
  describe(`a restore that keeps offsets and dies, on Kafka ${version}`, () => {
    let bench: RoundBench

    before(async () => {
      bench = await openBench(version)
    })

    after(() => bench?.[Symbol.asyncDispose]())

    test('kill -9 in filler, deletion, markers and records leaves every record at its offset', async (t) => {
      const names = renamed(TOPICS, 'killed')
      const hits: string[] = []
      for (const { withBroker, ...shot } of SHOTS) {
        const end = await killAt(bench, names, shot, withBroker, KEEP)
        hits.push(`${shot.apiKey}:${end.signal ?? `exit ${end.exitCode} ${end.stderr}`}`)
      }
      t.diagnostic(hits.join(', '))
      assert.equal(
        hits.filter((hit) => hit.endsWith('SIGKILL')).length,
        SHOTS.length,
        'each one hit a restore under way',
      )
      await expectExit(0, [...roundArgs(bench, names), ...KEEP, '--verify'])
      // A broker writes down where logs begin once a minute: killed before that, it has forgotten it, at the source too.
      await deleteBelow(bench.cluster, 'moved', START)
      await expectSameOffsets(bench.cluster, names)
    })

    test('a batch that came to another offset stops the restore that goes on, before it writes more there', async () => {
      const names = new Map([['payments', 'payments-shifted']])
      const target = 'payments-shifted'
      const shot: Shot = { apiKey: REQUEST.produce, number: 9, fate: 'hold' }
      const hit = async ({ child }: RunningProgram): Promise<void> => {
        child.kill('SIGSTOP')
        await appendStrayMarkers(bench.cluster, target, [0, 1])
      }
      const { program, wasHit } = await shoot(bench, names, shot, hit, KEEP)
      assert.ok(wasHit)
      bench.proxy.release()
      await delay(1_000)
      program.child.kill('SIGKILL')
      await program.ended
      const before = await endsOf(bench.cluster, target)
      const end = await expectExit(5, [...roundArgs(bench, names), ...KEEP])
      const { error } = end.json<{ error: { code: string; context: { partition: number } } }>()
      assert.equal(error.code, 'KB_TARGET_CHANGED')
      assert.match(end.stderr, /what had offset \d+ comes to offset \d+ here/)
      // In the other partition the marker may have taken the place of a hole; it goes on by itself.
      const place = `${target}/${error.context.partition}`
      assert.equal(
        (await endsOf(bench.cluster, target)).get(place),
        before.get(place),
        'nothing more was written',
      )
    })

    test('lost answers to filler, markers and records are survived by one process', async () => {
      const names = renamed(TOPICS, 'broken')
      const begin = [REQUEST.produce, REQUEST.writeMarkers].map(
        (key) => [key, bench.proxy.count(key)] as const,
      )
      const wanted = new Map<number, readonly number[]>([
        [REQUEST.produce, [1]],
        [REQUEST.writeMarkers, [8]],
      ])
      bench.proxy.setFate(({ apiKey, number }) => {
        const first = begin.find(([key]) => key === apiKey)?.[1] ?? 0
        return wanted.get(apiKey)?.includes(number - first) ? 'break after' : 'pass'
      })
      const end = await expectExit(0, [...roundArgs(bench, names), ...KEEP])
      bench.proxy.setFate(() => 'pass')
      // Both may fall into the same attempt.
      assert.ok(end.json<{ recoveries: number }>().recoveries >= 1, 'it had to recover')
      await expectSameOffsets(bench.cluster, names)
    })
  })
}

async function openBench(version: KafkaVersion): Promise<RoundBench> {
  const cluster = await startKafkaCluster({ version })
  try {
    const archive: Archive = { folder: join(cluster.folder, 'repository'), backupId: 'daily' }
    await prepareSources(cluster)
    await expectExit(0, backupArgs(cluster, archive, TOPICS))
    const proxy = await openKafkaProxy(cluster)
    return {
      ...{ cluster, proxy, archive },
      async [Symbol.asyncDispose]() {
        await proxy[Symbol.asyncDispose]()
        await cluster.close()
      },
    }
  } catch (error) {
    await cluster.close()
    throw error
  }
}

async function prepareSources(cluster: KafkaCluster): Promise<void> {
  const config = { 'retention.ms': '-1' }
  await createTopics(cluster, { moved: { partitions: 1, config }, payments: { partitions: 2, config } })
  using producer = await RawProducer.open(cluster)
  for (const records of [1_000_000, 1_000_000, 1_000_000, 200_000])
    await producer.send('moved', fillerBatch(records, Date.now()))
  const transactions = { recordsPerTransaction: 60, abortEvery: 3 }
  const common = { transactions, beginTimestampMs: YEARS_AGO_MS, batchBytes: 16_384 }
  await fillTopics(cluster, [
    { topic: 'moved', records: 900, seed: 1, ...common },
    { topic: 'payments', records: 2_400, seed: 2, maxHeaders: 2, ...common },
  ])
  await deleteBelow(cluster, 'moved', START)
}
