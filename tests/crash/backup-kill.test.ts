import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type KafkaCluster, seededRandom } from '@kafka-backup/testkit'
import {
  type Archive,
  assertExit,
  backupArgs,
  expectComplete,
  expectExit,
  renamed,
  restoreArgs,
} from '../harness/archive.ts'
import { throttleProgram } from '../harness/client-quota.ts'
import { expectEveryOffsetOnce, expectManifestNamesCommitted } from '../harness/committed-batches.ts'
import { endOffsets } from '../harness/end-offsets.ts'
import { startProgram } from '../harness/run-program.ts'
import { expectCopiesEqual } from '../harness/same-content.ts'
import { type KillAim, type KillPhase, killRun } from './kill-moment.ts'
import { CRASH_TOPICS, MANY_COMMITS, startFilledCluster } from './source-data.ts'

const KILLS = Number(process.env.KILLS ?? 60)
const SEED = Number(process.env.SEED ?? 4)
const READ_BYTES_PER_SEC = 4_000_000
// A lineage is one backup id: killed runs until it is done or had this many, the last killed at its end, then a whole run.
const SHOTS_PER_LINEAGE = 6
// A restore says nothing about offsets that reading every batch of the archive does not; it is the proof of the content.
const RESTORED_MAX = 3
const TOO_LATE_FACTOR = 0.8

let cluster: KafkaCluster

before(async () => {
  cluster = await startFilledCluster(1)
  await throttleProgram(cluster, { readBytesPerSec: READ_BYTES_PER_SEC })
})

after(() => cluster?.close())

/**
 * The promise of the commit log, against the real thing: whatever moment a run dies at, the next one goes on behind the last
 * commit, and in the end every offset is in the archive exactly once. What dead runs left behind is in nobody's way.
 */
test(`a backup that is killed ${KILLS} times at random moments holds every offset exactly once`, async (t) => {
  const shot = { wholeRunMs: await measureWholeRun(), random: seededRandom(SEED) }
  const ends = await endOffsets(cluster, CRASH_TOPICS)
  const hits = new Map<KillPhase, number>()
  const lineages: Archive[] = []
  let orphans = 0
  // Where orphans are rare, more kills have to find one.
  for (let kills = 0; kills < KILLS || (orphans === 0 && kills < 2 * KILLS); ) {
    const archive = archiveOf(`lineage-${lineages.length + 1}`)
    lineages.push(archive)
    const phases = await killLineage(archive, shot)
    for (const phase of phases) hits.set(phase, (hits.get(phase) ?? 0) + 1)
    kills += phases.filter((phase) => phase !== 'too late').length
    await expectExit(0, backupCommand(archive))
    await expectEveryOffsetOnce(archive, ends)
    await expectManifestNamesCommitted(archive)
    orphans += (await expectComplete(archive)).orphans.objects
  }
  const summary = [...hits].map(([phase, count]) => `${count} ${phase}`).join(', ')
  t.diagnostic(`a whole run takes ${Math.round(shot.wholeRunMs)} ms; kills: ${summary}; seed ${SEED}`)
  t.diagnostic(`${lineages.length} backups, ${orphans} orphans of dead runs beside what is committed`)
  assert.ok(hits.has('before the first commit') && hits.has('between commits'), `kills hit only: ${summary}`)
  assert.ok(orphans > 0, 'no kill left an orphan: they hit too little of the writing')
  await expectRestoredEqual(lineages.slice(0, RESTORED_MAX))
})

/** Kills runs on one backup id until one of them finished its work. */
async function killLineage(
  archive: Archive,
  shot: { wholeRunMs: number; readonly random: ReturnType<typeof seededRandom> },
): Promise<KillPhase[]> {
  const phases: KillPhase[] = []
  for (let number = 1; number <= SHOTS_PER_LINEAGE; number++) {
    const aim: KillAim = number === SHOTS_PER_LINEAGE ? 'last commit' : anyAim(shot.random.fraction())
    const { phase, end } = await killRun(startProgram(backupCommand(archive)), archive, { aim, ...shot })
    phases.push(phase)
    if (phase === 'too late') {
      assertExit(end, 0)
      // The run that was measured may have shared the machine with more than these do.
      if (aim === 'any moment') shot.wholeRunMs *= TOO_LATE_FACTOR
    }
    if (phase === 'too late' || phase === 'during the end') break
  }
  return phases
}

function anyAim(fraction: number): KillAim {
  return fraction < 0.6 ? 'any moment' : 'next commit'
}

async function expectRestoredEqual(lineages: readonly Archive[]): Promise<void> {
  const names = lineages.map((archive) => renamed(CRASH_TOPICS, archive.backupId))
  for (const [at, archive] of lineages.entries()) {
    await expectExit(0, restoreArgs(cluster, archive, names[at]!))
  }
  await expectCopiesEqual(cluster, names)
}

async function measureWholeRun(): Promise<number> {
  const beganMs = performance.now()
  await expectExit(0, backupCommand(archiveOf('whole')))
  return performance.now() - beganMs
}

function archiveOf(backupId: string): Archive {
  return { folder: join(cluster.folder, 'repository'), backupId }
}

/**
 * Every other backup has small segments, closed at each checkpoint. In the others they fill up and stay uncommitted for a
 * while, so that kills make orphans of them.
 */
function backupCommand(archive: Archive): string[] {
  const isFilling = Number(archive.backupId.at(-1)) % 2 === 0
  const style = isFilling ? ['--compression', 'none', '--segment-max-interval-ms', '2000'] : []
  return [...backupArgs(cluster, archive, CRASH_TOPICS), ...MANY_COMMITS, ...style]
}
