import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { fillTopics, type KafkaCluster, SourceDriver, startKafkaCluster } from '@kafka-backup/testkit'
import { MANY_COMMITS } from '../crash/source-data.ts'
import {
  type Archive,
  archivePath,
  assertExit,
  backupArgs,
  expectComplete,
  expectExit,
  restoreArgs,
} from '../harness/archive.ts'
import { SHORT_QUOTA_WINDOWS, throttleProgram } from '../harness/client-quota.ts'
import { readCommits } from '../harness/committed-batches.ts'
import { createTopics } from '../harness/new-topics.ts'
import { assertSameRecords, recordDigests } from '../harness/record-digests.ts'
import { runProgram, startProgram } from '../harness/run-program.ts'
import { readTopics } from '../harness/same-content.ts'
import { until } from '../harness/until.ts'

const DIES_AT_DELETE = fileURLToPath(new URL('./children/killed-at-delete.ts', import.meta.url))
const PARTITIONS = 2
const RECORDS = 1_000
const RUNS = 4

let cluster: KafkaCluster

interface PruneDocument {
  readonly commit: string | null
  readonly segments: number
  readonly deleted: { readonly objects: number }
  readonly documents: readonly { readonly kind: string; readonly objects: number; readonly bytes: number }[]
  readonly pinned: readonly { readonly restore_id: string; readonly objects: number }[]
}

interface Description {
  readonly partitions: readonly { readonly held_from_offset: string; readonly next_offset: string }[]
}

before(async () => {
  cluster = await startKafkaCluster({ properties: SHORT_QUOTA_WINDOWS })
})

after(() => cluster?.close())

function archiveOf(topic: string): Archive {
  return { folder: join(cluster.folder, 'repository'), backupId: topic }
}

/** A topic that grows before each of the runs. */
async function backedUp(topic: string, runs = RUNS): Promise<Archive> {
  await createTopics(cluster, { [topic]: { partitions: PARTITIONS } })
  const archive = archiveOf(topic)
  for (let run = 0; run < runs; run++) await grow(archive, run)
  return archive
}

async function grow(archive: Archive, run: number): Promise<void> {
  const [topic] = [archive.backupId]
  await fillTopics(cluster, [{ topic, records: RECORDS, seed: run + 1, batchBytes: 16_384 }])
  await expectExit(0, backupArgs(cluster, archive, [topic]))
}

function verbArgs(verb: string, { folder, backupId }: Archive, ...more: readonly string[]): string[] {
  const repo = pathToFileURL(folder).href
  return [verb, '--repo', repo, '--backup-id', backupId, '--output-format', 'json', ...more]
}

async function prune(archive: Archive, ...more: readonly string[]): Promise<PruneDocument> {
  return (await expectExit(0, verbArgs('prune', archive, '--yes', '--grace', '0', ...more))).json()
}

/** First offset that is held, and the next one, by partition. */
async function held(archive: Archive): Promise<(readonly [from: number, next: number])[]> {
  const { partitions } = (await expectExit(0, verbArgs('describe', archive))).json<Description>()
  return partitions.map((entry) => [Number(entry.held_from_offset), Number(entry.next_offset)] as const)
}

/** The copy has what the source has from these offsets on. The topic is not transactional: records and offsets are the same in number. */
async function expectSuffix(topic: string, copy: string, from: readonly number[]): Promise<void> {
  const contents = await readTopics(cluster, [topic, copy])
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const source = await recordDigests(contents, topic, partition)
    const found = await recordDigests(contents, copy, partition)
    assertSameRecords(found, source.slice(from[partition]), `${copy}/${partition}`)
  }
}

test('what is left after a prune is restored, and what is gone is said or refused', async () => {
  const topic = 'daily'
  const archive = await backedUp(topic)
  const before = await held(archive)
  const report = await prune(archive, '--keep', '2')
  assert.ok(report.segments >= 4 && report.deleted.objects === report.segments, JSON.stringify(report))
  const left = await held(archive)
  assert.deepEqual(
    left.map(([, next]) => next),
    before.map(([, next]) => next),
  )
  assert.ok(left.every(([from, next]) => from > 0 && from < next))
  await expectComplete(archive)
  const restore = (copy: string) => restoreArgs(cluster, archive, new Map([[topic, copy]]))
  const whole = (await expectExit(0, restore('daily-left'))).json<{ pruned: { wanted: boolean }[] }>()
  assert.deepEqual(
    whole.pruned.map(({ wanted }) => wanted),
    [false, false],
  )
  await expectSuffix(
    topic,
    'daily-left',
    left.map(([from]) => from),
  )
  const below = await expectExit(3, [...restore('daily-window'), '--from', '2000-01-01T00:00:00Z'])
  assert.match(below.stdout, /"wanted": true/)
  const refused = await runProgram([...restore('daily-early'), '--as-of-commit', '1'])
  assertExit(refused, 5)
  assert.match(refused.stderr, /KB_PRUNED/)
  assert.match(refused.stderr, /Nothing was written/)
  await grow(archive, RUNS)
  await expectComplete(archive)
  assert.deepEqual(
    (await held(archive)).map(([from]) => from),
    left.map(([from]) => from),
  )
})

test('a restore under way keeps what it reads, also when it dies, and gets it all', async () => {
  const topic = 'pinned'
  const archive = await backedUp(topic)
  const lift = await throttleProgram(cluster, { writeBytesPerSec: 400_000 })
  const args = restoreArgs(cluster, archive, new Map([[topic, 'pinned-copy']]))
  const small = ['--transaction-max-bytes', '65536', '--checkpoint-interval-secs', '0']
  const program = startProgram([...args, ...small])
  const ledgers = archivePath(archive, 'restores')
  await until('the restore has written something', async () => {
    const [id] = await readdir(ledgers).catch(() => [])
    return id !== undefined && (await readdir(join(ledgers, id))).length >= 4
  })
  program.child.kill('SIGSTOP')
  const [id] = await readdir(ledgers)
  const report = await prune(archive, '--keep', '1')
  assert.deepEqual(
    [report.deleted.objects, report.pinned.map((pin) => [pin.restore_id, pin.objects])],
    [0, [[id, report.segments]]],
  )
  assert.ok(report.segments > 0)
  program.child.kill('SIGKILL')
  await program.ended
  await lift()
  assert.equal((await prune(archive)).deleted.objects, 0, 'it may go on')
  const resumed = (await expectExit(0, [...args, '--resume'])).json<{ resumed: boolean }>()
  assert.equal(resumed.resumed, true)
  await expectSuffix(topic, 'pinned-copy', [0, 0])
  assert.equal((await prune(archive)).deleted.objects, report.segments)
  await expectComplete(archive)
})

test('a prune that is killed between its commit and any of its deletions is finished by the next', async () => {
  const topic = 'killed'
  const archive = await backedUp(topic)
  let deleted = 0
  let segments = 0
  for (const at of [1, 3]) {
    const args = verbArgs('prune', archive, '--yes', '--grace', '0', '--keep', String(4 - at))
    const end = await runProgram(args, { program: DIES_AT_DELETE, env: { DIES_AT_DELETE: String(at) } })
    assert.equal(end.signal, 'SIGKILL', `${end.stdout}${end.stderr}`)
    // Whatever is gone, a commit said so before.
    await expectComplete(archive)
  }
  const plan = (
    await expectExit(0, verbArgs('prune', archive, '--dry-run', '--keep', '1', '--grace', '0'))
  ).json<{
    segments: number
    deletable: { objects: number }
  }>()
  assert.equal(plan.segments, 0, 'the commits were made')
  deleted = plan.deletable.objects
  assert.ok(deleted > 0, 'and something is left to delete')
  const report = await prune(archive)
  segments = report.deleted.objects
  assert.equal(segments, deleted)
  await expectComplete(archive)
  const copy = restoreArgs(cluster, archive, new Map([[topic, 'killed-copy']]))
  await expectExit(0, copy)
  await expectSuffix(
    topic,
    'killed-copy',
    (await held(archive)).map(([from]) => from),
  )
})

test('documents of groups that were superseded go, and who asks for them is told so', async () => {
  const topic = 'read-by-many'
  const archive = await backedUp(topic, 1)
  await using driver = new SourceDriver(cluster)
  for (const offset of [10n, 20n, 30n, 40n]) {
    await driver.plantGroups('reader-', { groups: 60, topic, partitions: PARTITIONS, offset })
    await expectExit(0, backupArgs(cluster, archive, [topic]))
  }
  const commits = (await readCommits(archive))
    .filter(({ artifacts }) => artifacts.some(({ kind }) => kind === 'groups'))
    .map(({ number }) => number)
  const folder = archivePath(archive, 'artifacts', 'groups')
  const stored = await readdir(folder)
  assert.ok(stored.length === 4 && stored.every((name) => name.endsWith('.json.zst')), stored.join())
  const groupsAsOf = (commit: string | undefined) =>
    verbArgs('describe', archive, '--groups', '--as-of-commit', String(commit))
  const before = (await expectExit(0, groupsAsOf(commits[2]))).stdout
  const report = await prune(archive, '--keep', '1')
  assert.deepEqual(
    [report.segments, report.documents.map(({ kind, objects }) => [kind, objects]), report.deleted.objects],
    [0, [['groups', 2]], 2],
  )
  assert.deepEqual(await readdir(folder), stored.slice(2))
  assert.equal(
    (await expectExit(0, groupsAsOf(commits[2]))).stdout,
    before,
    'as the runs that are kept found it',
  )
  const asked = [groupsAsOf(commits[1]), verbArgs('offsets', archive, '--as-of-commit', String(commits[1]))]
  asked[1]?.splice(1, 0, 'report')
  for (const args of asked) {
    const refused = await runProgram(args)
    assertExit(refused, 5)
    assert.match(refused.stderr, /KB_PRUNED/)
    assert.match(refused.stderr, /document of groups as of commit/)
  }
  const left = (
    await expectExit(0, verbArgs('prune', archive, '--dry-run', '--keep', '1'))
  ).json<PruneDocument>()
  assert.deepEqual(left.documents, [], 'the newest stays, and what counted when the kept run began')
  await expectComplete(archive)
})

test('a backup and prunes at the same time do not disturb each other', async () => {
  const topic = 'raced'
  const archive = await backedUp(topic, 2)
  await fillTopics(cluster, [{ topic, records: 4_000, seed: 9, batchBytes: 16_384 }])
  const lift = await throttleProgram(cluster, { readBytesPerSec: 1_000_000 })
  const program = startProgram([...backupArgs(cluster, archive, [topic]), ...MANY_COMMITS])
  let prunes = 0
  while (program.child.exitCode === null && program.child.signalCode === null) {
    if ((await prune(archive, '--max-bytes', '1')).commit !== null) prunes++
  }
  await lift()
  assertExit(await program.ended, 0)
  assert.ok(prunes >= 2, `${prunes} prunes made a commit while the backup ran`)
  await expectComplete(archive)
  await expectExit(0, restoreArgs(cluster, archive, new Map([[topic, 'raced-copy']])))
  const from = (await held(archive)).map(([first]) => first)
  assert.ok(from.every((offset) => offset > 0))
  await expectSuffix(topic, 'raced-copy', from)
})
