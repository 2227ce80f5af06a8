import assert from 'node:assert/strict'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { openCluster } from '@kafka-backup/core'
import { fillTopics, type KafkaCluster, startKafkaCluster } from '@kafka-backup/testkit'
import {
  type Archive,
  archivePath,
  assertExit,
  backupArgs,
  expectExit,
  restoreArgs,
} from '../harness/archive.ts'
import { SHORT_QUOTA_WINDOWS, throttleProgram } from '../harness/client-quota.ts'
import { createTopics } from '../harness/new-topics.ts'
import { startProgram } from '../harness/run-program.ts'
import { expectCopiesEqual } from '../harness/same-content.ts'
import { until } from '../harness/until.ts'
import { expectError, expectRefused, type Refusal } from './evidence.ts'

const WITHOUT_LZ4 = fileURLToPath(new URL('./children/without-lz4.ts', import.meta.url))

let cluster: KafkaCluster
let archive: Archive

before(async () => {
  cluster = await startKafkaCluster({ properties: SHORT_QUOTA_WINDOWS })
  archive = { folder: join(cluster.folder, 'archive'), backupId: 'daily' }
  await createTopics(cluster, { orders: { partitions: 2 } })
  await fillTopics(cluster, [{ topic: 'orders', records: 4_000, batchBytes: 16_384 }])
  await expectExit(0, backupArgs(cluster, archive, ['orders']))
})

after(() => cluster?.close())

test('refuses an archive whose segments this program cannot read', async () => {
  const other = { ...archive, backupId: 'other' }
  await expectExit(0, [...backupArgs(cluster, other, ['orders']), '--compression', 'lz4'])
  await expectRefused(
    restoreArgs(cluster, other, new Map([['orders', 'orders-other']])),
    {
      exitCode: 4,
      code: 'KB_TRANSFORM_UNAVAILABLE',
      says: [/segment-\S+\.lz4: this program cannot read \.lz4/],
    },
    { folders: [archive.folder], clusters: [cluster] },
    { program: WITHOUT_LZ4 },
  )
})

test('knows its own unfinished restore, and goes on with it only by the same request', async () => {
  const names = new Map([['orders', 'orders-half']])
  const args = restoreArgs(cluster, archive, names)
  const small = ['--transaction-max-bytes', '65536', '--checkpoint-interval-secs', '0']
  const lift = await throttleProgram(cluster, { writeBytesPerSec: 200_000 })
  const program = startProgram([...args, ...small])
  const ledgers = archivePath(archive, 'restores')
  // Opened, begun, and some progress.
  await until('there is progress', async () => (await ledgerEntries(ledgers)) > 3)
  program.child.kill('SIGKILL')
  await program.ended
  await lift()
  await refused(args, {
    exitCode: 5,
    code: 'KB_TARGET_NOT_EMPTY',
    says: [
      /topic orders-half is not empty: it holds \d[\d,]* offsets? of restore \S+, which was not finished/,
      '--resume',
    ],
  })
  await refused([...args, '--existing-topics', 'append'], {
    exitCode: 5,
    code: 'KB_TARGET_NOT_EMPTY',
    says: [
      /topic orders-half holds (?:[\d,]+ )?records of restore \S+-0001 \(commit 1\), which was not finished; they would stand there twice/,
      /give the choice that it was begun with, and --resume.* --yes/,
    ],
  })
  // Of a window without a record nothing would stand there twice.
  const empty = [...args, '--existing-topics', 'append', '--from', '2100-01-01T00:00:00Z', '--dry-run']
  const { records, warnings } = (await expectExit(0, empty)).json<{ records: number; warnings: string[] }>()
  assert.equal(records, 0)
  assert.doesNotMatch(warnings.join(), /twice/)
  await refused([...args, '--resume', '--partitions', '0', '--from', '-7d'], {
    exitCode: 5,
    code: 'KB_TARGET_NOT_EMPTY',
    says: [
      /topic orders-half is not empty: it holds \d[\d,]* offsets?, and restore \S+-0001, which was not finished/,
      'another choice: --from (then: not given; now: -7d), --partitions (then: not given; now: 0)',
      /To go on with restore \S+-0001, give the choice that it was begun with, and --resume/,
    ],
  })
  await expectLeftOver(args)
  const end = await expectExit(0, [...args, '--resume'])
  assert.equal(end.json<{ resumed: boolean }>().resumed, true)
  await expectCopiesEqual(cluster, [names])
})

test('what is added behind a restore that was killed can be read when it says that it is complete', async () => {
  const place = { topic: 'orders-added', partition: 0 }
  const args = [...restoreArgs(cluster, archive, new Map([['orders', place.topic]])), '--partitions', '0']
  const slow = ['--rate-limit-records-per-sec', '100']
  const killed = startProgram([...args, '--offsets', 'orders/0:0-999', ...slow])
  const client = openCluster({ bootstrapServers: cluster.bootstrapServers, clientId: 'test-evidence' })
  const offsetOf = async (kind: 'high_watermark' | 'last_stable') =>
    (await client.listOffsets(kind, [place]).catch(() => new Map())).get('orders-added/0') ?? 0n
  try {
    await until('something is written', async () => (await offsetOf('high_watermark')) > 0n)
    killed.child.kill('SIGKILL')
    await killed.ended
    assert.equal(await offsetOf('last_stable'), 0n, 'it left a transaction open')
    const added = [...args, '--offsets', 'orders/0:1000-', '--existing-topics', 'append', '--yes']
    const { warnings } = (await expectExit(0, [...added, '--dry-run'])).json<Summary>()
    const left =
      /restore \S+-0001 has a transaction open in orders-added\/0 from offset 0 on; it is aborted first/
    assert.match(warnings.join('\n'), left)
    await expectExit(0, [...added, '--verify'])
    assert.equal(await offsetOf('last_stable'), await offsetOf('high_watermark'))
  } finally {
    await client.close()
  }
})

test('a restore that was begun among the records of others is gone on with among them', async () => {
  const args = [...restoreArgs(cluster, archive, new Map([['orders', 'shared-on']])), '--partitions', '0']
  const killed = startProgram([
    ...[...args, '--existing-topics', 'append'],
    ...['--rate-limit-records-per-sec', '100'],
  ])
  const client = openCluster({ bootstrapServers: cluster.bootstrapServers, clientId: 'test-evidence' })
  const place = { topic: 'shared-on', partition: 0 }
  try {
    await until('something is written', async () => {
      const ends = await client.listOffsets('high_watermark', [place]).catch(() => new Map())
      return (ends.get('shared-on/0') ?? 0n) > 0n
    })
    killed.child.kill('SIGKILL')
    await killed.ended
  } finally {
    await client.close()
  }
  await fillTopics(cluster, [{ topic: 'shared-on', records: 5, partition: 0 }])
  await expectExit(0, [...args, '--resume'])
})

for (const [who, topic] of [
  ['whoever goes on', 'orders-purged'],
  ['the same process', 'orders-purging'],
] as const)
  test(`what a purge deleted and a killed broker brought back is deleted again by ${who}`, async () => {
    await createTopics(cluster, { [topic]: { partitions: 2 } })
    await fillTopics(cluster, [{ topic, records: 30, partition: 0 }])
    const choice = [
      ...restoreArgs(cluster, archive, new Map([['orders', topic]])),
      ...['--offsets', 'orders/0:0-299', '--partitions', '0'],
    ]
    const args = [...choice, '--existing-topics', 'purge', '--yes']
    const program = startProgram([...args, '--rate-limit-records-per-sec', '100'])
    await until('something is written', async () => (await offsetOf('high_watermark', topic)) > 40n)
    assert.equal(await offsetOf('log_start', topic), 30n)
    if (who === 'whoever goes on') {
      program.child.kill('SIGKILL')
      await program.ended
    }
    await forgetDeletions()
    if (who === 'whoever goes on') {
      const says = ['orders-purged/0 below offset 30', '--existing-topics purge']
      await refused([...choice, '--resume'], { exitCode: 5, code: 'KB_TARGET_NOT_EMPTY', says })
      await expectExit(0, [...args, '--resume', '--verify'])
    } else assertExit(await program.ended, 0)
    assert.equal(await offsetOf('log_start', topic), 30n)
  })

test('keeps to its limits, and notices what somebody else adds behind its last record', async () => {
  await createTopics(cluster, { 'orders-paced': { partitions: 2 } })
  const limits = ['--rate-limit-records-per-sec', '800', '--max-concurrent-partitions-per-topic', '1']
  const args = restoreArgs(cluster, archive, new Map([['orders', 'orders-paced']]))
  const program = startProgram([...args, ...limits, '--mode', 'idempotent'])
  const { partition, tookMs } = await firstFinished('orders', 'orders-paced')
  assert.ok(tookMs > 1_000, `a partition of about 2,000 records took ${tookMs} ms at 800 a second`)
  // The other partition must not be finished before the record is there.
  program.child.kill('SIGSTOP')
  await fillTopics(cluster, [{ topic: 'orders-paced', records: 1, partition }])
  program.child.kill('SIGCONT')
  expectError(await program.ended, {
    exitCode: 5,
    code: 'KB_TARGET_CHANGED',
    says: [new RegExp(`orders-paced/${partition} ends at offset \\d+, expected \\d+: something else wrote`)],
  })
})

test('says what a finished restore does not contain, and writes no record a second time unasked', async () => {
  const names = new Map([['orders', 'orders-grown']])
  const args = restoreArgs(cluster, archive, names)
  const until = [...args, '--to', 'now']
  const first = (await expectExit(0, until)).json<Summary>()
  // Newer than the moment that --to now was.
  await fillTopics(cluster, [{ topic: 'orders', records: 100, seed: 8 }])
  await expectExit(0, backupArgs(cluster, archive, ['orders']))
  const outside = (await expectExit(0, [...until, '--resume'])).json<Summary>()
  assert.deepEqual(outside.newer_commit, { commit: '2', adds: false })
  const late = { beginTimestampMs: Date.now() - 3_600_000 }
  await fillTopics(cluster, [{ topic: 'orders', records: 100, seed: 9, ...late }])
  await expectExit(0, backupArgs(cluster, archive, ['orders']))
  for (const asked of [['--resume'], ['--resume', '--dry-run']]) {
    const again = (await expectExit(0, [...until, ...asked])).json<Summary>()
    assert.deepEqual([again.already_finished, again.restore_id], [true, first.restore_id])
    assert.deepEqual(again.newer_commit, { commit: '3', adds: true })
    assert.deepEqual(again.kept_times, { from: null, to: 'now' })
  }
  const { stdout } = await expectExit(0, [...until, '--resume', '--output-format', 'table'])
  assert.match(
    stdout,
    /had finished already[\s\S]* commit 3 now, this restore is of commit 1 and does not contain/,
  )
  assert.match(stdout, /to restore commit 3: into other topics with --topic-mapping/)
  assert.match(stdout, /--to now is 20\S+, as when this restore was begun/)
  const append = ['--existing-topics', 'append']
  const twice = `${first.restore_id} (commit 1), which finished at`
  // The same command again, and one that takes the newer records too.
  for (const command of [until, args]) {
    await refused([...command, ...append], {
      exitCode: 5,
      code: 'KB_TARGET_NOT_EMPTY',
      says: ['topic orders-grown holds 4,000 records of restore', twice, 'would stand there twice', '--yes'],
    })
  }
  const agreed = (await expectExit(0, [...args, ...append, '--yes', '--dry-run'])).json<Summary>()
  assert.match(
    agreed.warnings.join(),
    /orders-grown holds 4,000 records of restore .* would stand there twice/,
  )
  // What came since is in nobody's way.
  const end = first.partitions.find(({ partition }) => partition === 0)?.records
  const newer = ['--partitions', '0', '--offsets', `orders/0:${end}-`, '--dry-run']
  assert.deepEqual((await expectExit(0, [...args, ...append, ...newer])).json<Summary>().warnings, [])
})

interface Summary {
  readonly restore_id: string
  readonly already_finished: boolean
  readonly newer_commit: unknown
  readonly kept_times: unknown
  readonly warnings: readonly string[]
  readonly partitions: readonly { readonly partition: number; readonly records: number }[]
}

/** Watches a restore of two partitions until one is complete; until then the other one must not have begun. */
async function firstFinished(source: string, target: string) {
  const client = openCluster({ bootstrapServers: cluster.bootstrapServers, clientId: 'test-evidence' })
  const endsOf = async (topic: string) => {
    const places = [0, 1].map((partition) => ({ topic, partition }))
    const ends = await client.listOffsets('high_watermark', places)
    return places.map(({ partition }) => Number(ends.get(`${topic}/${partition}`)))
  }
  try {
    const totals = await endsOf(source)
    let beganMs: number | undefined
    for (;;) {
      const ends = await endsOf(target)
      const partition = ends.findIndex((end, at) => end === totals[at])
      if (ends.some((end) => end > 0)) beganMs ??= performance.now()
      if (partition >= 0) return { partition, tookMs: performance.now() - (beganMs ?? 0) }
      assert.ok(ends.includes(0), `both partitions are written at a time: ${ends.join(' and ')}`)
      await delay(20)
    }
  } finally {
    await client.close()
  }
}

/** The dry run of going on tells what is written, and what is left; the limit of records is what takes the time. */
async function expectLeftOver(args: readonly string[]): Promise<void> {
  const slow = ['--resume', '--dry-run', '--rate-limit-records-per-sec', '10']
  const { stdout, stderr } = await expectExit(0, [...args, ...slow])
  const plan = JSON.parse(stdout) as Record<'records' | 'written_records' | 'left_records', number>
  assert.equal(plan.records, 4_000)
  assert.ok(plan.written_records > 0 && plan.written_records < 4_000, `${plan.written_records}`)
  assert.equal(plan.left_records, 4_000 - plan.written_records)
  const { estimated_duration_ms: estimatedMs } = JSON.parse(stdout) as { estimated_duration_ms: number }
  assert.equal(estimatedMs, plan.left_records * 100, stderr)
  const text = (await expectExit(0, [...args, ...slow, '--output-format', 'table'])).stdout
  const left = plan.left_records.toLocaleString('en-US')
  assert.match(text, new RegExp(`left to do: at most ${left} records; at least [\\d,]+ records are written`))
  assert.match(text, /at the limit of 10 records a second \(restore\.rate_limit_records_per_sec\)/)
}

async function ledgerEntries(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => [])
  return names.filter((name) => name.endsWith('.json')).length
}

function refused(args: readonly string[], refusal: Refusal) {
  return expectRefused(args, refusal, { folders: [archive.folder], clusters: [cluster] })
}

/** Of partition 0. */
async function offsetOf(kind: 'high_watermark' | 'log_start', topic: string): Promise<bigint> {
  const client = openCluster({ bootstrapServers: cluster.bootstrapServers, clientId: 'test-evidence' })
  try {
    return (await client.listOffsets(kind, [{ topic, partition: 0 }])).get(`${topic}/0`) ?? 0n
  } finally {
    await client.close()
  }
}

/** Kills the broker, and has it as if that was before it wrote down where logs begin, which it does once a minute. */
async function forgetDeletions(): Promise<void> {
  const broker = cluster.broker(1)
  await broker.kill()
  await rm(join(broker.logDir, 'log-start-offset-checkpoint'), { force: true })
  await broker.start()
}
