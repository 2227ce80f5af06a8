import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { openCluster } from '@kafka-backup/core'
import { fillTopics, type KafkaCluster, openKafkaProxy, startKafkaCluster } from '@kafka-backup/testkit'
import { readLedgers } from '../../packages/core/src/repository/restore-ledger.ts'
import { openFilesystem } from '../../packages/core/src/storage/filesystem/location.ts'
import { type Archive, assertExit, backupArgs, expectExit, restoreArgs } from '../harness/archive.ts'
import { createTopics } from '../harness/new-topics.ts'
import { retentionOf } from '../harness/retention.ts'
import { startProgram } from '../harness/run-program.ts'
import { until } from '../harness/until.ts'
import { expectRefused } from './evidence.ts'

const DAY_MS = 86_400_000
const RECORDS = 300
const YEAR_2020_MS = Date.UTC(2020, 0, 1)
const INCREMENTAL_ALTER_CONFIGS = 44
/** Records of these topics are old: a broker would delete them half a minute after its start, in the middle of some test. */
const WITHOUT_DELETION = {
  'log.retention.check.interval.ms': String(DAY_MS),
  'log.initial.task.delay.ms': String(DAY_MS),
}

let cluster: KafkaCluster
let archive: Archive

before(async () => {
  cluster = await startKafkaCluster({ properties: WITHOUT_DELETION })
  archive = { folder: join(cluster.folder, 'archive'), backupId: 'daily' }
  const short = { partitions: 1, config: { 'retention.ms': String(DAY_MS) } }
  const history = { partitions: 1, config: { 'retention.ms': '-1' } }
  await createTopics(cluster, {
    history,
    shelf: short,
    'broken-off': short,
    'put-back': short,
    late: history,
    crowded: short,
    gone: short,
    woken: short,
    'woken-late': short,
    released: short,
  })
  await fillTopics(cluster, [{ topic: 'history', records: RECORDS, beginTimestampMs: YEAR_2020_MS }])
  await expectExit(0, backupArgs(cluster, archive, ['history']))
})

after(() => cluster?.close())

test('puts back what a restore held that was killed and not gone on with', async () => {
  const args = [...restoreArgs(cluster, archive, new Map([['history', 'shelf']])), '--hold-retention']
  const program = startProgram([...args, '--rate-limit-records-per-sec', '20'])
  while ((await retentionOf(cluster, 'shelf')) !== '-1' && program.child.exitCode === null) await delay(20)
  program.child.kill('SIGKILL')
  await program.ended
  assert.equal(await retentionOf(cluster, 'shelf'), '-1')
  await expectExit(0, [...args, '--existing-topics', 'purge', '--yes'])
  assert.equal(await retentionOf(cluster, 'shelf'), String(DAY_MS))
})

test('says what stays held when a restore is interrupted', async () => {
  const args = [...restoreArgs(cluster, archive, new Map([['history', 'broken-off']])), '--hold-retention']
  const program = startProgram([...args, '--rate-limit-records-per-sec', '20'])
  while ((await retentionOf(cluster, 'broken-off')) !== '-1' && program.child.exitCode === null)
    await delay(20)
  program.child.kill('SIGINT')
  const { exitCode, stderr } = await program.ended
  assert.equal(exitCode, 130)
  const original = String(DAY_MS)
  assert.match(stderr, new RegExp(`Still held: retention.ms=-1 of topic broken-off \\(${original} before\\)`))
  const resumed = await expectExit(0, [...args, '--resume'])
  assert.doesNotMatch(resumed.stderr, /Still held/)
  assert.equal(await retentionOf(cluster, 'broken-off'), original)
})

test('a retention that somebody put back meanwhile is refused, or held again when that is wished', async () => {
  const args = [...restoreArgs(cluster, archive, new Map([['history', 'put-back']])), '--resume']
  const slow = ['--rate-limit-records-per-sec', '20']
  await interruptHeld([...args, '--hold-retention', ...slow], 'put-back')
  await cluster.tools.alterTopicConfig('put-back', { 'retention.ms': String(DAY_MS) })
  const says = [
    `topic put-back has retention.ms=${DAY_MS} and would delete restored records`,
    '--hold-retention',
  ]
  await refused(args, says)
  await interruptHeld([...args, '--hold-retention', ...slow], 'put-back')
  await expectExit(0, [...args, '--hold-retention'])
  assert.equal(await retentionOf(cluster, 'put-back'), String(DAY_MS))
})

test('a retention that was set while nobody went on is not held where the ledger does not know it', async () => {
  const args = [...restoreArgs(cluster, archive, new Map([['history', 'late']])), '--resume']
  const program = startProgram([...args, '--rate-limit-records-per-sec', '100'])
  while ((await endOf('late')) === 0n && program.child.exitCode === null) await delay(20)
  program.child.kill('SIGINT')
  assertExit(await program.ended, 130)
  await cluster.tools.alterTopicConfig('late', { 'retention.ms': String(DAY_MS) })
  await refused(args, [`topic late has retention.ms=${DAY_MS}`])
  const late = ['topic late would delete restored records by its retention.ms', 'begun without holding that']
  await refused([...args, '--hold-retention'], [...late, 'Set retention.ms of late to -1 until'])
})

test('a purge gives up the restore of another choice whose records it deletes', async () => {
  const args = [...restoreArgs(cluster, archive, new Map([['history', 'crowded']])), '--hold-retention']
  const program = startProgram([...args, '--rate-limit-records-per-sec', '100'])
  while ((await endOf('crowded')) === 0n && program.child.exitCode === null) await delay(20)
  program.child.kill('SIGKILL')
  await program.ended
  const other = ['--offsets', 'history/0:50-', '--existing-topics', 'purge', '--yes', '--verify']
  await expectExit(0, [...args, ...other])
  assert.equal(await retentionOf(cluster, 'crowded'), String(DAY_MS))
})

test('puts back nothing on a topic that was deleted since a killed restore held it', async () => {
  const args = [...restoreArgs(cluster, archive, new Map([['history', 'gone']])), '--hold-retention']
  const program = startProgram([...args, '--rate-limit-records-per-sec', '20'])
  while ((await retentionOf(cluster, 'gone')) !== '-1' && program.child.exitCode === null) await delay(20)
  program.child.kill('SIGKILL')
  await program.ended
  assert.equal(await retentionOf(cluster, 'gone'), '-1')
  await cluster.tools.deleteTopic('gone')
  await expectExit(0, [...args, '--resume'])
  assert.equal(await retentionOf(cluster, 'gone'), '-1')
})

test('a release says how what the restore held is put back, and the tool of Kafka does it', async () => {
  const args = [...restoreArgs(cluster, archive, new Map([['history', 'released']])), '--hold-retention']
  await interruptHeld([...args, '--rate-limit-records-per-sec', '20'], 'released')
  const place = ['--repo', pathToFileURL(archive.folder).href, '--backup-id', archive.backupId]
  const { heldSettings: held, ...ledger } = await ledgerOf('released')
  assert.deepEqual(held, [{ topic: 'released', name: 'retention.ms', held: '-1', original: String(DAY_MS) }])
  const release = ['prune', ...place, '--release-restore', ledger.restoreId, '--output-format', 'json']
  const document = (await expectExit(0, release)).json<{
    readonly cluster_id: string
    readonly put_back: readonly { readonly topic: string; readonly command: string }[]
  }>()
  assert.equal(document.cluster_id, cluster.clusterId)
  assert.equal(await retentionOf(cluster, 'released'), '-1')
  const [line, ...more] = document.put_back
  assert.deepEqual([line?.topic, more], ['released', []])
  const [tool, ...words] = (line?.command ?? '').replace('HOST:PORT', cluster.bootstrap).split(' ')
  assert.equal(tool, 'kafka-configs.sh')
  await cluster.tools.run('kafka.admin.ConfigCommand', words)
  // The controller has it; the broker hears of it a moment later.
  const original = String(DAY_MS)
  await until('the retention is back', async () => (await retentionOf(cluster, 'released')) === original)
})

for (const [successor, topic, more] of [
  ['the one that went on with it', 'woken', ['--resume']],
  ['the one that was begun in its place', 'woken-late', []],
] as const)
  test(`a process that wakes after ${successor} has finished holds nothing`, async () => {
    await using proxy = await openKafkaProxy(cluster)
    proxy.setFate(({ apiKey }) => (apiKey === INCREMENTAL_ALTER_CONFIGS ? 'hold' : 'pass'))
    const names = new Map([['history', topic]])
    const slow = { bootstrap: proxy.bootstrap }
    const sleeper = startProgram([...restoreArgs(slow, archive, names), '--hold-retention', '--resume'])
    while (proxy.count(INCREMENTAL_ALTER_CONFIGS) === 0 && sleeper.child.exitCode === null) await delay(20)
    await expectExit(0, [...restoreArgs(cluster, archive, names), '--hold-retention', ...more])
    assert.equal(await retentionOf(cluster, topic), String(DAY_MS))
    proxy.setFate(() => 'pass')
    proxy.release()
    assertExit(await sleeper.ended, 5)
    assert.equal(await retentionOf(cluster, topic), String(DAY_MS))
  })

/** In the middle of its records, when it holds. */
async function interruptHeld(args: readonly string[], topic: string): Promise<void> {
  const program = startProgram(args)
  const isThere = async () => (await retentionOf(cluster, topic)) === '-1' && (await endOf(topic)) > 0n
  while (!(await isThere()) && program.child.exitCode === null) await delay(20)
  program.child.kill('SIGINT')
  assertExit(await program.ended, 130)
}

function refused(args: readonly string[], says: readonly string[]) {
  const refusal = { exitCode: 5, code: 'KB_TARGET_UNSUITABLE', says }
  return expectRefused(args, refusal, { folders: [archive.folder], clusters: [cluster] })
}

async function endOf(topic: string): Promise<bigint> {
  const client = openCluster({ bootstrapServers: cluster.bootstrapServers, clientId: 'test-evidence' })
  try {
    const ends = await client.listOffsets('high_watermark', [{ topic, partition: 0 }])
    return ends.get(`${topic}/0`) ?? 0n
  } finally {
    await client.close()
  }
}

/** Of the restore into this topic that was begun last. */
async function ledgerOf(topic: string) {
  const storage = openFilesystem(pathToFileURL(archive.folder))
  const ledgers = await readLedgers(storage, archive.backupId).finally(() => storage.close())
  const own = ledgers.findLast(({ begun }) => begun?.topics.some(({ name }) => name === topic))
  assert.ok(own)
  return { restoreId: own.restoreId, heldSettings: own.opened.heldSettings }
}
