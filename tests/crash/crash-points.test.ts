import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { openParts, Registry, validateBackup } from '@kafka-backup/core'
import { isKafkaBackupError } from '@kafka-backup/core/errors'
import { type KafkaCluster, missingS3Server, type S3Server, startS3Server } from '@kafka-backup/testkit'
import { type Archive, assertExit } from '../harness/archive.ts'
import {
  expectEveryOffsetOnce,
  expectManifestNamesCommitted,
  partitionDigests,
  readCommits,
} from '../harness/committed-batches.ts'
import { endOffsets } from '../harness/end-offsets.ts'
import { type ProgramEnd, runProgram, startProgram } from '../harness/run-program.ts'
import type { CrashLane, CrashPoint, PassedEdges } from './crash-point.ts'
import {
  inTwoCommits,
  LARGE_TOPIC,
  POINT_SETTINGS,
  SMALL_TOPIC,
  startPointSource,
} from './crash-point-source.ts'
import { openFolderLane } from './folder-lane.ts'
import { createPointBucket, openS3Lane } from './s3-lane.ts'

/** Runs side by side; most of the time they wait for the next checkpoint. */
const LANES = Number(process.env.LANES ?? 4)

/** A machine that is busy cuts segments into smaller ones, and a point that a run did not come by is tried again. */
const LATE_TRIES = 3

const FOLDER_WHENS: readonly CrashPoint['when'][] =
  process.env.POINTS === 'all' ? ['before', 'after'] : ['before']

/** What a run has to die at, however its calls are numbered: the last ones by number lie behind the end of many runs. */
const FOLDER_KINDS = ['link commits', 'link topics', 'rename manifest.json']
const S3_PLACES = ['before', 'after'].flatMap((when) =>
  ['PUT commits', 'PUT manifest.json', 'PUT topics', 'POST topics (upload)'].map(
    (place) => `${when} ${place}`,
  ),
)

const transforms = new Registry().use(openParts).freeze().transformsById()

/** What a backup of some topics has to hold in the end. */
interface Expected {
  readonly topics: readonly string[]
  readonly ends: ReadonlyMap<string, bigint>
  readonly digests: ReadonlyMap<string, string>
}

let cluster: KafkaCluster

before(async () => {
  cluster = await startPointSource()
})

after(() => cluster?.close())

function backUp(lane: CrashLane, archive: Archive, topics: readonly string[], bootstrap: string) {
  const { args, env } = lane.place(archive)
  const source = ['--bootstrap-servers', bootstrap, '--topics', topics.join(','), ...POINT_SETTINGS]
  return {
    args: ['backup', ...source, ...args, '--backup-id', archive.backupId, '--output-format', 'json'],
    env: { ...env, XDG_STATE_HOME: join(cluster.folder, 'state') },
  }
}

/** One run that dies at the point, or at none. */
async function strike(
  lane: CrashLane,
  archive: Archive,
  topics: readonly string[],
  point: CrashPoint | null,
): Promise<{ end: ProgramEnd; edges: PassedEdges }> {
  const aim = lane.aim(archive, point)
  const { args, env } = backUp(lane, archive, topics, lane.kafka.bootstrap)
  const program = startProgram(args, { env: { ...env, ...aim.env } })
  aim.watch(program)
  const end = await inTwoCommits(lane.kafka, archive, program)
  return { end, edges: await aim.end() }
}

/** Whatever a dead run has left behind, nothing of it is damaged. */
async function expectUndamaged(
  lane: CrashLane,
  archive: Archive,
  verdicts: readonly string[],
): Promise<void> {
  const storage = lane.openStorage(archive)
  try {
    const { backupId } = archive
    const report = await validateBackup({ storage, backupId, transforms, isDeep: true })
    const wrong = report.findings.filter(({ severity }) => severity !== 'note')
    assert.deepEqual(wrong, [])
    assert.ok(verdicts.includes(report.verdict), report.verdict)
    assert.equal(report.commits, (await readCommits(archive)).length)
  } catch (error) {
    if (!isKafkaBackupError(error, 'KB_BACKUP_NOT_FOUND')) throw error
    assert.deepEqual(await readCommits(archive), [])
  } finally {
    await storage.close()
  }
}

/** A plain run makes the backup whole: every offset once, with the bytes of the source. */
async function expectMadeWhole(lane: CrashLane, archive: Archive, expected: Expected): Promise<void> {
  const { args, env } = backUp(lane, archive, expected.topics, cluster.bootstrap)
  assertExit(await runProgram(args, { env }), 0)
  await expectUndamaged(lane, archive, ['complete'])
  assert.ok((await readCommits(archive)).length > 0, 'there are commits')
  await expectEveryOffsetOnce(archive, expected.ends)
  assert.deepEqual(await partitionDigests(archive), expected.digests)
  await expectManifestNamesCommitted(archive)
}

/** Runs that nobody kills: what is expected of the others, and how many edges there are. */
async function undisturbed(lane: CrashLane, topics: readonly string[]) {
  const archive = lane.archive('undisturbed')
  const { end, edges } = await strike(lane, archive, topics, null)
  assertExit(end, 0)
  const commits = await readCommits(archive)
  assert.ok(commits.length >= 2, 'there is something to go on with, and more to come')
  const ends = await endOffsets(cluster, topics)
  await expectUndamaged(lane, archive, ['complete'])
  await expectEveryOffsetOnce(archive, ends)
  // Compared with the brokers by the program itself; all others are compared with this one.
  const { args, env } = lane.place(archive)
  const source = ['--bootstrap-servers', cluster.bootstrap, '--backup-id', archive.backupId]
  assertExit(await runProgram(['verify', '--against-cluster', '--source', ...source, ...args], { env }), 0)
  return { expected: { topics, ends, digests: await partitionDigests(archive) }, edges }
}

/** Kills a run at each of the points, and sees what is left and what the next run makes of it. Returns the places of the deaths. */
async function strikeAll(lanes: readonly CrashLane[], points: readonly CrashPoint[], expected: Expected) {
  const waiting = points.map((point) => ({ point, triesLeft: LATE_TRIES }))
  const places: string[] = []
  let [late, number] = [0, 1]
  await Promise.all(
    lanes.map(async (lane) => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const { point, triesLeft } = next
        const { at, when } = point
        const archive = lane.archive(`${when}-${number++}`)
        const { end, edges } = await strike(lane, archive, expected.topics, point)
        const kind = point.kind ?? edges[when][at - 1]
        const where = `killed ${when} edge ${at}, ${kind}`
        if (end.signal === 'SIGKILL') places.push(`${when} ${kind}`)
        else {
          assertExit(end, 0)
          if (triesLeft > 1) waiting.push({ point, triesLeft: triesLeft - 1 })
          else late++
        }
        try {
          await expectUndamaged(lane, archive, ['complete', 'incomplete'])
          await expectMadeWhole(lane, archive, expected)
        } catch (cause) {
          waiting.length = 0
          throw new Error(`${where}: ${(cause as Error).message}`, { cause })
        }
      }
    }),
  )
  return { places, late }
}

/** All edges by number. */
function numberedPoints({ before }: PassedEdges, whens: readonly CrashPoint['when'][]): CrashPoint[] {
  return whens.flatMap((when) => before.map((_, at) => ({ at: at + 1, when, kind: null })))
}

/** All edges by kind and number within it: requests that are under way side by side come in one order or the other. */
function kindPoints({ before }: PassedEdges): CrashPoint[] {
  const counts = Map.groupBy(before, (kind) => kind)
  return (['before', 'after'] as const).flatMap((when) =>
    [...counts].flatMap(([kind, edges]) => edges.map((_, at) => ({ at: at + 1, when, kind }))),
  )
}

function openLanes(open: () => Promise<CrashLane>): Promise<CrashLane[]> {
  return Promise.all(Array.from({ length: LANES }, open))
}

/** Frames and pieces of files are cut a little differently each time: some points lie behind the end of their run. */
function expectReached(places: readonly string[], late: number, required: readonly string[]): void {
  assert.ok(late <= places.length / 4, `${late} runs ended before their point, ${places.length} died`)
  for (const place of required) assert.ok(places.includes(place), `a run died ${place}`)
}

function counted(places: readonly string[]): string {
  const counts = Map.groupBy(places.toSorted(), (place) => place)
  return [...counts].map(([place, hits]) => `${hits.length} ${place}`).join(', ')
}

test('a backup into a folder may be killed at each call that changes a file', async (t) => {
  const lanes = await openLanes(() => openFolderLane(cluster))
  try {
    const { expected, edges } = await undisturbed(lanes[0]!, [SMALL_TOPIC])
    assert.ok(!edges.before.some((edge) => edge.startsWith('thread')), 'threads change nothing there')
    const ofKinds = FOLDER_KINDS.map((kind): CrashPoint => ({ at: 1, when: 'before', kind }))
    const points = [...ofKinds, ...numberedPoints(edges, FOLDER_WHENS)]
    const { places, late } = await strikeAll(lanes, points, expected)
    expectReached(
      places,
      late,
      FOLDER_KINDS.map((kind) => `before ${kind}`),
    )
    t.diagnostic(`${points.length} points: ${counted(places)}; ${late} ended before they were reached`)
  } finally {
    for (const lane of lanes) await lane[Symbol.asyncDispose]()
  }
})

describe('on S3', { skip: missingS3Server() }, () => {
  let server: S3Server

  before(async () => {
    server = await startS3Server()
    await createPointBucket(server)
  })

  after(() => server?.close())

  test('a backup may be killed before each request and before its answer', async (t) => {
    const lanes = await openLanes(() => openS3Lane(cluster, server))
    try {
      const { expected, edges } = await undisturbed(lanes[0]!, [SMALL_TOPIC, LARGE_TOPIC])
      const points = kindPoints(edges)
      const { places, late } = await strikeAll(lanes, points, expected)
      expectReached(places, late, S3_PLACES)
      t.diagnostic(`${points.length} points: ${counted(places)}; ${late} ended before they were reached`)
    } finally {
      for (const lane of lanes) await lane[Symbol.asyncDispose]()
    }
  })
})
