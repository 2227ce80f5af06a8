import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import {
  ensureKafka,
  type KafkaCluster,
  openKafkaProxy,
  SourceDriver,
  startKafkaCluster,
} from '@kafka-backup/testkit'
import { type Archive, backupArgs, expectExit, restoreArgs } from '../harness/archive.ts'
import { kafkaHome, runScript } from '../harness/tool-scripts.ts'
import { until } from '../harness/until.ts'
import { type ConsumedRecord, consumeAs } from './consume-as.ts'

interface Report {
  readonly repeats: string
  readonly told_by: string
  readonly target_cluster_id: string
  readonly headers: readonly { readonly records_with: number; readonly records_without: number }[]
  readonly offsets: readonly {
    readonly group: string
    readonly source_partition: number
    readonly source_offset: string | null
    readonly target_topic: string | null
    readonly target_partition: number | null
    readonly target_offset: string | null
    readonly how: string
    readonly reason: string | null
  }[]
}

const TOPIC = 'orders'
/** What a shell, a CSV file and a JVM in the locale C get wrong, all in one. */
const CLASSIC = `it's "half", $(touch pwned) ünicode`
const KIP_848 = 'half-848'
/** In the middle of both partitions. */
const MIXED = 'mixed'
/** Behind aborted records at the end of a log, where no record is that could be restored. */
const AHEAD = 'ahead'
const HALF = 45
/** What {@link MIXED} has not read begins here, in each partition. */
const HALVES = [35n, 40n]
const PRODUCE = 0
const OFFSET_FETCH = 9
/** OffsetCommit, JoinGroup, Heartbeat, SyncGroup, AddOffsetsToTxn, TxnOffsetCommit, DeleteGroups, OffsetDelete, ConsumerGroupHeartbeat. */
const COMMITTING = [8, 11, 12, 14, 25, 28, 42, 47, 68]

let source: KafkaCluster
let target: KafkaCluster
let driver: SourceDriver
let home: string
/** Of a Kafka whose tool prints otherwise. */
let olderHome: string
let archive: Archive
let keptRestoreId: string
/** Everything that a consumer of committed records gets from the source, and what each group has read of it. */
let all: readonly string[]
const read = new Map<string, readonly string[]>()

before(async () => {
  ;[source, target] = await Promise.all([startKafkaCluster(), startKafkaCluster()])
  driver = new SourceDriver(source)
  home = await kafkaHome(target)
  olderHome = await kafkaHome({ folder: join(source.folder, 'older'), ...(await ensureKafka('3.9.1')) })
  archive = { folder: join(source.folder, 'repository'), backupId: 'daily' }
  await driver.createTopic(TOPIC, { replicas: 2 })
  await driver.write({ topic: TOPIC, partition: 0, label: 'old', records: 20 })
  await driver.write({ topic: TOPIC, partition: 1, label: 'b', records: 20 })
  await abortTransaction(1)
  await driver.write({ topic: TOPIC, partition: 1, label: 'c', records: 30 })
  await driver.write({ topic: TOPIC, partition: 0, label: 'd', records: 30 })
  await abortTransaction(0)
  await driver.write({ topic: TOPIC, partition: 0, label: 'e', records: 10 })
  // The copy begins at 0, so that no offset stays what it was.
  await driver.deleteRecords(TOPIC, new Map([[0, 15n]]))
  const seen = await consumeAs(source, { group: 'all', topic: TOPIC, records: 95, protocol: 'classic' })
  await abortTransaction(0)
  await until('the aborted records are marked', async () => (await driver.ends(TOPIC))[0] === 76n)
  await driver.commitGroup(AHEAD, { topic: TOPIC, partition: 0, offset: 76n })
  for (const [partition, offset] of HALVES.entries())
    await driver.commitGroup(MIXED, { topic: TOPIC, partition, offset })
  const isRead = ({ partition, offset }: ConsumedRecord) => offset < (HALVES[partition] ?? -1n)
  all = seen.map(({ content }) => content)
  read.set(
    MIXED,
    seen.filter(isRead).map(({ content }) => content),
  )
  await Promise.all(
    [CLASSIC, KIP_848].map(async (group) => read.set(group, await consume(source, { group, records: HALF }))),
  )
  await expectExit(0, backupArgs(source, archive, [TOPIC]))
})

after(async () => {
  await driver?.[Symbol.asyncDispose]()
  await Promise.all([source?.close(), target?.close()])
})

async function abortTransaction(partition: number): Promise<void> {
  const transaction = await driver.beginTransaction('aborting', 60_000)
  await transaction.write({ topic: TOPIC, partition, label: 'aborted', records: 7 })
  await transaction.end('abort')
}

/** Key and value of what a group reads: up to so many records, or all that there are for it when it waits for one more. */
async function consume(
  cluster: KafkaCluster,
  { group, records, topic = TOPIC }: { group: string; records: number; topic?: string },
): Promise<string[]> {
  const protocol = group === KIP_848 ? 'consumer' : 'classic'
  const seen = await consumeAs(cluster, { group, topic, records, protocol })
  return seen.map(({ content }) => content)
}

function placeArgs(): string[] {
  return ['--repo', pathToFileURL(archive.folder).href, '--backup-id', archive.backupId]
}

async function restore(name: string, ...more: string[]): Promise<string> {
  const args = restoreArgs(target, archive, new Map([[TOPIC, name]]))
  const end = await expectExit(0, [...args, ...more])
  return end.json<{ readonly restore_id: string }>().restore_id
}

async function reportOf(restoreId: string): Promise<Report> {
  return askReport(0, ['--restore', restoreId])
}

async function askReport(exitCode: number, args: readonly string[]): Promise<Report> {
  const report = ['offsets', 'report', ...placeArgs(), ...args, '--output-format', 'json']
  return (await expectExit(exitCode, report)).json<Report>()
}

let scripts = 0

/** Writes a script and runs it, as its file is. */
async function runReset(cluster: KafkaCluster, ...more: string[]) {
  return runScript(await writeReset(cluster, ...more), home)
}

async function writeReset(cluster: KafkaCluster, ...more: string[]): Promise<string> {
  const file = join(source.folder, `reset-${++scripts}.sh`)
  const where = ['--bootstrap-servers', cluster.bootstrap, '--output', file]
  await expectExit(0, ['offset-reset', 'script', ...placeArgs(), ...where, ...more])
  return file
}

/** How often each record was read before and after; what a group would skip is missing. */
function timesRead(records: readonly string[]): Map<string, number> {
  const times = new Map(all.map((record) => [record, 0]))
  for (const record of records) times.set(record, (times.get(record) ?? Number.NaN) + 1)
  return times
}

test('groups go on in another cluster, under another name, where a script has set them', async () => {
  assert.equal(new Set(all).size, 95)
  const restoreId = await restore('orders-dr')
  const report = await reportOf(restoreId)
  const own = report.offsets.filter(({ group }) => group === CLASSIC)
  assert.ok(own.length > 0)
  for (const { how, target_topic: topic, source_offset: before, target_offset: now } of own) {
    assert.deepEqual([topic, how === 'unmapped'], ['orders-dr', false])
    assert.notEqual(now, null)
    assert.ok(BigInt(now ?? -1) <= BigInt(before ?? -1))
  }
  assert.equal(report.repeats, '0')

  const trying = await runReset(target, '--restore', restoreId, '--groups', CLASSIC)
  assert.equal(trying.exitCode, 0, trying.stdout + trying.stderr)
  assert.match(trying.stdout, /^Groups tried: 1. Not as planned: 0.\nNothing was changed/m)
  assert.doesNotMatch(await target.tools.consumerGroups(['--list']), /half/)

  const both = ['--groups', CLASSIC, '--groups', KIP_848]
  const setting = await runReset(target, '--restore', restoreId, ...both, '--execute')
  assert.equal(setting.exitCode, 0, setting.stdout + setting.stderr)
  assert.match(setting.stdout, /^Groups set: 2. Not as planned: 0.$/m)
  const rests = await Promise.all(
    [CLASSIC, KIP_848].map((group) => consume(target, { group, records: 96, topic: 'orders-dr' })),
  )
  for (const [at, group] of [CLASSIC, KIP_848].entries()) {
    const rest = rests[at] ?? []
    assert.equal(rest.length, 95 - HALF, group)
    const times = timesRead([...(read.get(group) ?? []), ...rest])
    assert.deepEqual(new Set(times.values()), new Set([1]), `${group}: each record once`)
  }
  assert.deepEqual(await readdir(home), ['bin'])
})

test('offsets that a restore has kept stay as they were, but behind the end of the copy', async () => {
  keptRestoreId = await restore(TOPIC, '--keep-offsets')
  const { offsets } = await reportOf(keptRestoreId)
  const ahead = offsets.find(({ group }) => group === AHEAD)
  assert.deepEqual([ahead?.how, ahead?.source_offset], ['end', '76'])
  const mixed = offsets.filter(({ group }) => group === MIXED)
  assert.deepEqual(
    mixed.map((row) => [row.how, row.target_offset]),
    [
      ['unchanged', '35'],
      ['unchanged', '40'],
    ],
  )
  const groups = ['--groups', AHEAD, '--groups', CLASSIC]
  const setting = await runReset(target, '--restore', keptRestoreId, ...groups, '--execute')
  assert.equal(setting.exitCode, 0, setting.stdout + setting.stderr)
  const rest = await consume(target, { group: CLASSIC, records: 96 })
  const times = timesRead([...(read.get(CLASSIC) ?? []), ...rest])
  assert.deepEqual(new Set(times.values()), new Set([1]))
})

test('an application that keeps its offsets itself goes on without a script where a restore has kept them', async () => {
  const isolation = 'read_committed'
  const readings = HALVES.map((beginOffset, partition) => {
    const job = { topic: TOPIC, partition, beginOffset, isolation } as const
    return target.tools.consoleConsumer({
      ...job,
      maxRecords: 96,
      idleMs: 5_000,
      properties: { 'print.key': 'true' },
    })
  })
  const rest = (await Promise.all(readings)).flat()
  const times = timesRead([...(read.get(MIXED) ?? []), ...rest])
  assert.deepEqual(new Set(times.values()), new Set([1]))
})

test('records that were spread anew are read again as often as the report says, and none is skipped', async () => {
  const restoreId = await restore('orders-spread', '--repartition', 'orders-spread=3')
  const { offsets, repeats } = await reportOf(restoreId)
  const lanes = offsets.filter(({ group }) => group === MIXED).map((row) => row.target_partition)
  assert.deepEqual(new Set(lanes), new Set([0, 1, 2]))
  assert.ok(BigInt(repeats) > 0n)
  const setting = await runReset(target, '--restore', restoreId, '--groups', MIXED, '--execute')
  assert.equal(setting.exitCode, 0, setting.stdout + setting.stderr)
  const rest = await consume(target, { group: MIXED, records: 96, topic: 'orders-spread' })
  const times = [...timesRead([...(read.get(MIXED) ?? []), ...rest]).values()]
  assert.ok(
    times.every((count) => count >= 1),
    'none is skipped',
  )
  const plan = ['offset-reset', 'plan', ...placeArgs(), '--restore', restoreId, '--output-format', 'json']
  const { repeats: byLane } = (await expectExit(0, [...plan, '--groups', MIXED])).json<{
    readonly repeats: readonly { readonly records: string }[]
  }>()
  const promised = byLane.reduce((sum, { records }) => sum + Number(records), 0)
  assert.equal(times.filter((count) => count === 2).length, promised)
})

test('headers of the records say what the offset map says, and times skip nothing', async () => {
  const restoreId = await restore('orders-headed', '--include-original-offset-header')
  const exact = await reportOf(restoreId)
  const where = ['--bootstrap-servers', target.bootstrap]
  const byHeader = await askReport(0, ['--by-header', ...where, '--restore', restoreId])
  assert.deepEqual(byHeader.offsets, exact.offsets)
  assert.ok(exact.offsets.length >= 5)
  assert.deepEqual(
    [byHeader.told_by, byHeader.target_cluster_id, byHeader.headers],
    ['headers', target.clusterId, [{ topic: 'orders-headed', records_with: 95, records_without: 0 }]],
  )

  const names = ['--topic-mapping', 'orders=orders-headed']
  const byNames = await askReport(0, ['--by-header', ...where, ...names])
  assert.deepEqual(byNames.offsets, exact.offsets)

  const byTime = await askReport(0, ['--by-timestamp', ...where, ...names])
  assert.equal(byTime.offsets.length, exact.offsets.length)
  for (const [at, row] of byTime.offsets.entries()) {
    const known = exact.offsets[at]
    const said = `${row.group}, ${row.source_partition}`
    assert.equal(row.target_partition, known?.target_partition, said)
    assert.equal(row.how === 'end', known?.how === 'end', said)
    if (row.how !== 'end')
      assert.ok(BigInt(row.target_offset ?? -1) <= BigInt(known?.target_offset ?? -1), said)
  }
  assert.ok(byTime.offsets.some(({ how, target_offset: offset }) => how === 'by_timestamp' && offset !== '0'))

  const group = ['--groups', KIP_848, '--execute']
  const setting = await runReset(target, '--by-header', ...names, ...group)
  assert.equal(setting.exitCode, 0, setting.stdout + setting.stderr)
  const rest = await consume(target, { group: KIP_848, records: 96, topic: 'orders-headed' })
  const times = timesRead([...(read.get(KIP_848) ?? []), ...rest])
  assert.deepEqual(new Set(times.values()), new Set([1]))
})

test('what headers cannot tell, and what is asked wrongly, is said', async () => {
  const report = ['offsets', 'report', ...placeArgs()]
  const where = ['--bootstrap-servers', target.bootstrap]
  const bare = await expectExit(3, [
    ...report,
    ...where,
    '--by-header',
    '--topic-mapping',
    'orders=orders-dr',
  ])
  assert.match(
    bare.stdout,
    /^orders-dr: its records have no header x-original-offset; restore with include_original_offset_header$/m,
  )
  for (const [args, message] of [
    [['--by-header', '--by-timestamp', ...where], /--by-header and --by-timestamp are two answers/],
    [['--by-header'], /say where the target cluster is: --bootstrap-servers/],
    [['--topic-mapping', 'orders=copy'], /--topic-mapping is for --by-header and --by-timestamp/],
    [where, /no cluster is asked for it/],
    [['--by-header', ...where, '--topic-mapping', 'orders=nowhere'], /topic "nowhere" is not in the cluster/],
    [['--by-timestamp', ...where, '--topic-mapping', 'orders'], /--topic-mapping "orders": must be old=new/],
    [['--by-header', ...where, '--restore', 'x-0001'], /knows no restore x-0001/],
  ] as const) {
    const { stderr } = await expectExit(2, [...report, ...args])
    assert.match(stderr, message)
  }
  const plan = ['offset-reset', 'plan', ...placeArgs(), '--by-header', ...where, '--strategy', 'to-latest']
  assert.match((await expectExit(2, plan)).stderr, /say where from-mapping finds records/)
})

test('a group with members is left alone, whatever its protocol', async () => {
  const living = ['living-classic', 'living-consumer']
  await driver.joinGroup('living-classic', TOPIC, 'classic')
  await driver.joinGroup('living-consumer', TOPIC, 'consumer')
  await until('both have committed', async () => {
    await expectExit(0, ['snapshot-groups', '--bootstrap-servers', source.bootstrap, ...placeArgs()])
    const plan = ['offset-reset', 'plan', ...placeArgs(), '--strategy', 'as-of', '--output-format', 'json']
    const { groups } = (await expectExit(0, plan)).json<{
      readonly groups: readonly { readonly group: string }[]
    }>()
    return living.every((name) => groups.some(({ group }) => group === name))
  })
  const asOf = ['--strategy', 'as-of', '--groups', ...living, '--execute']
  const file = await writeReset(source, ...asOf)
  for (const tool of [home, olderHome]) {
    const refused = await runScript(file, tool)
    assert.equal(refused.exitCode, 1, refused.stdout + refused.stderr)
    assert.equal(
      refused.stderr.match(/^Not set: the group is Stable. Stop its consumers first.$/gm)?.length,
      2,
    )
    assert.match(refused.stdout, /^Groups set: 0. Not as planned: 2.$/m)
  }
  for (const group of living) await driver.leaveGroup(group)
  const accepted = await runReset(source, ...asOf)
  assert.equal(accepted.exitCode, 0, accepted.stdout + accepted.stderr)
})

test("Kafka's tool understands the words of the other strategies", async () => {
  for (const [strategy, to, offset] of [
    ['to-offset', '17', '17'],
    ['to-timestamp', '2000-01-01T00:00:00Z', '15'],
  ] as const) {
    const words = ['--strategy', strategy, '--to', to, '--groups', KIP_848]
    const tried = await runReset(source, ...words, '--restore', keptRestoreId)
    assert.equal(tried.exitCode, 0, tried.stdout + tried.stderr)
    assert.match(tried.stdout, new RegExp(`orders +0 +${offset}$`, 'm'))
  }
})

test('the tool of an older Kafka tells otherwise of a group that is not there, and is understood', async () => {
  const file = await writeReset(target, '--restore', keptRestoreId, '--groups', 'all')
  const tried = await runScript(file, olderHome)
  assert.equal(tried.exitCode, 0, tried.stdout + tried.stderr)
  assert.match(tried.stdout, /^Groups tried: 1. Not as planned: 0.$/m)
})

test('no request that commits an offset leaves the program', async () => {
  await using sourceProxy = await openKafkaProxy(source)
  await using targetProxy = await openKafkaProxy(target)
  await driver.write({ topic: TOPIC, partition: 0, label: 'f', records: 5 })
  await expectExit(0, backupArgs(sourceProxy, archive, [TOPIC]))
  await expectExit(0, ['snapshot-groups', '--bootstrap-servers', sourceProxy.bootstrap, ...placeArgs()])
  const watched = await expectExit(0, restoreArgs(targetProxy, archive, new Map([[TOPIC, 'watched']])))
  const { restore_id: restoreId } = watched.json<{ readonly restore_id: string }>()
  await expectExit(0, [
    'verify',
    '--against-cluster',
    '--bootstrap-servers',
    targetProxy.bootstrap,
    ...placeArgs(),
    '--restore',
    restoreId,
  ])
  const proxies = [sourceProxy, targetProxy]
  const asked = (key: number) => proxies.reduce((sum, proxy) => sum + proxy.count(key), 0)
  assert.ok(asked(PRODUCE) > 0 && asked(OFFSET_FETCH) > 0, 'the proxies see what is asked')
  for (const key of COMMITTING) assert.equal(asked(key), 0, `request ${key}`)
})
