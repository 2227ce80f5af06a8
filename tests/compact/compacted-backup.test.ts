import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { type KafkaCluster, SourceDriver, startKafkaCluster } from '@kafka-backup/testkit'
import {
  type Archive,
  assertExit,
  expectComplete,
  expectExit,
  renamed,
  restoreArgs,
} from '../harness/archive.ts'
import { runProgram, startProgram } from '../harness/run-program.ts'
import { expectCopiesEqual } from '../harness/same-content.ts'
import {
  BUSY,
  backUpInBundles,
  backupArgsAt,
  continuousArgs,
  type Place,
  TOPICS,
  WIDE_PARTITIONS,
  writeRound,
} from './bundled-source.ts'
import { heldBatches, heldObjects, objectsThere } from './held-batches.ts'

const GRACE = ['--grace', '1h']

interface PlanDocument {
  readonly planned: Readonly<Record<'objects_in' | 'objects_out' | 'bundles_in' | 'reads' | 'writes', number>>
  readonly held_objects: number
}

interface ReportDocument extends PlanDocument {
  readonly commits: readonly string[]
  readonly objects_in: number
  readonly objects_out: number
  readonly deleted: { readonly objects: number }
  readonly damaged: readonly unknown[]
}

let cluster: KafkaCluster
let archive: Archive
let place: Place

before(async () => {
  cluster = await startKafkaCluster()
  archive = { folder: join(cluster.folder, 'repository'), backupId: 'live' }
  place = { args: placeArgs() }
  await backUpInBundles(cluster, place)
})

after(() => cluster?.close())

function placeArgs(): string[] {
  const repo = pathToFileURL(archive.folder).href
  return ['--repo', repo, '--backup-id', archive.backupId, '--output-format', 'json']
}

async function compact(...more: readonly string[]): Promise<ReportDocument> {
  return (await expectExit(0, ['compact', ...placeArgs(), ...more])).json<ReportDocument>()
}

async function restoreAs(suffix: string, ...more: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const names = renamed(TOPICS, suffix)
  await expectExit(0, [...restoreArgs(cluster, archive, names), ...more])
  return names
}

test('bundles become segments: fewer objects, the same bytes, and every state restores as before', async () => {
  const [batches, before] = [await heldBatches(archive), await objectsThere(archive)]
  const last = (await expectComplete(archive)).commits
  const plan = (await expectExit(0, ['compact', ...placeArgs(), '--dry-run'])).json<PlanDocument>()
  assert.deepEqual(await objectsThere(archive), before, 'a dry run changes nothing')
  const report = await compact(...GRACE)
  assert.deepEqual(report.planned, plan.planned)
  assert.deepEqual([report.objects_in, report.damaged], [plan.planned.objects_in, []])
  assert.ok(plan.planned.bundles_in > WIDE_PARTITIONS, `${plan.planned.bundles_in} bundles`)
  assert.ok(report.objects_out < report.objects_in, JSON.stringify(report))
  assert.deepEqual(await heldBatches(archive), batches, 'byte for byte')
  const held = await heldObjects(archive)
  assert.equal(held.length, plan.held_objects - report.objects_in + report.objects_out)
  assert.ok(held.every(({ parts }) => parts.length === 1))
  assert.equal((await objectsThere(archive)).length, before.length + report.objects_out, 'nothing is deleted')
  await expectComplete(archive)
  const copies = [
    await restoreAs('compacted'),
    // The state before it, as long as the grace lasts.
    await restoreAs('before', '--as-of-commit', String(last)),
  ]
  await expectCopiesEqual(cluster, copies)
  for (const verb of ['list', 'describe', 'status']) await expectExit(0, [verb, ...placeArgs()])
  await expectExit(0, ['repair', ...placeArgs(), '--dry-run'])
  const verify = [
    'verify',
    '--against-cluster',
    '--source',
    '--bootstrap-servers',
    cluster.bootstrap,
    ...placeArgs(),
  ]
  await expectExit(0, verify)
})

test('behind the grace what was replaced is deleted, an earlier state is refused, and the newest restores', async () => {
  const report = await compact('--grace', '0')
  assert.ok(report.deleted.objects > 0)
  const named = (await heldObjects(archive)).map(({ key }) => key).sort()
  assert.deepEqual(await objectsThere(archive), named)
  await expectComplete(archive)
  const early = [...restoreArgs(cluster, archive, renamed([BUSY], 'early')), ...['--as-of-commit', '3']]
  const refused = await runProgram(early)
  assertExit(refused, 5)
  assert.match(refused.stderr, /KB_PRUNED/)
  assert.match(refused.stderr, /moved to other segments by compact/)
  await expectCopiesEqual(cluster, [await restoreAs('deleted')])
})

test('a continuous backup and compactions at the same time do not disturb each other', async () => {
  await using driver = new SourceDriver(cluster)
  const running = startProgram(continuousArgs(cluster, place))
  let commits = 0
  for (let round = 0; round < 12; round++) {
    await writeRound(driver, 1_000 + round, round % 3 === 1)
    commits += (await compact('--grace', '0', '--unbundle')).commits.length
    assert.equal(running.child.exitCode, null, running.output().stderr)
  }
  running.child.kill('SIGTERM')
  assertExit(await running.ended, 130)
  assert.ok(commits >= 2, `${commits} compactions made a commit while the backup ran`)
  await expectExit(0, backupArgsAt(cluster, place))
  await compact('--grace', '0', '--unbundle')
  await expectComplete(archive)
  await expectCopiesEqual(cluster, [await restoreAs('raced')])
})
