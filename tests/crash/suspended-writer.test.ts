import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type KafkaCluster, seededRandom } from '@kafka-backup/testkit'
import { type Archive, archivePath, assertExit, backupArgs, expectComplete } from '../harness/archive.ts'
import { throttleProgram } from '../harness/client-quota.ts'
import { expectEveryOffsetOnce, readCommits } from '../harness/committed-batches.ts'
import { endOffsets } from '../harness/end-offsets.ts'
import { type ProgramEnd, runProgram, startProgram } from '../harness/run-program.ts'
import { until } from '../harness/until.ts'
import { CRASH_TOPICS, MANY_COMMITS, startFilledCluster } from './source-data.ts'

const ROUNDS = Number(process.env.ROUNDS ?? 8)
const SEED = Number(process.env.SEED ?? 11)
const READ_BYTES_PER_SEC = 1_500_000
/** From the first object or commit of a run to the moment at which it is suspended. */
const SUSPENDED_AFTER_MAX_MS = 900

/** What the suspended run had done. */
type Moment = 'before the first commit' | 'between commits' | 'after the last commit'

let cluster: KafkaCluster

before(async () => {
  cluster = await startFilledCluster(0.4)
  await throttleProgram(cluster, { readBytesPerSec: READ_BYTES_PER_SEC })
})

after(() => cluster?.close())

/**
 * A laptop that was closed, a virtual machine that was paused: the run wakes when another one has gone on and finished. It has
 * no lease here, which would only tell it earlier.
 */
test(`a suspended writer that wakes after another has committed changes nothing, ${ROUNDS} times`, async (t) => {
  const ends = await endOffsets(cluster, CRASH_TOPICS)
  const random = seededRandom(SEED)
  const moments = new Map<Moment, number>()
  for (let round = 1; round <= ROUNDS; round++) {
    const archive = { folder: join(cluster.folder, 'repository'), backupId: `round-${round}` }
    const first = startProgram(backupCommand(archive))
    const isLate = random.fraction() < 0.6
    const moment = await suspend(first, archive, { isLate, afterMs: random.below(SUSPENDED_AFTER_MAX_MS) })
    moments.set(moment, (moments.get(moment) ?? 0) + 1)
    assertExit(await runProgram(backupCommand(archive)), 0)
    const log = await readLog(archive)
    first.child.kill('SIGCONT')
    expectStopped(await first.ended, moment)
    assert.deepEqual(await readLog(archive), log, `the woken run of round ${round} changed the log`)
    await expectEveryOffsetOnce(archive, ends)
    await expectComplete(archive)
  }
  t.diagnostic(
    `suspended: ${[...moments].map(([moment, count]) => `${count} ${moment}`).join(', ')}; seed ${SEED}`,
  )
  assert.ok(moments.has('between commits'), 'a run was suspended between its commits at least once')
})

/** Suspends a run that has begun to write, or, when `isLate`, to commit. */
async function suspend(
  { child, ended }: ReturnType<typeof startProgram>,
  archive: Archive,
  { isLate, afterMs }: { readonly isLate: boolean; readonly afterMs: number },
): Promise<Moment> {
  const begun = isLate
    ? async () => (await readCommits(archive)).length > 0
    : async () => existsSync(archivePath(archive, 'topics'))
  await until('the run has begun', begun)
  await Promise.race([delay(afterMs), ended])
  child.kill('SIGSTOP')
  const last = (await readCommits(archive)).at(-1)
  if (!last) return 'before the first commit'
  return last.run.outcome === 'running' ? 'between commits' : 'after the last commit'
}

/** Who had work left is told that another run has done it; who had none ends as it would have. */
function expectStopped(end: ProgramEnd, moment: Moment): void {
  if (moment === 'after the last commit') assertExit(end, 0)
  else {
    assertExit(end, 5)
    assert.equal(end.json<{ error: { code: string } }>().error.code, 'KB_COMMIT_CONFLICT')
  }
}

/** Every commit, byte for byte. */
async function readLog(archive: Archive): Promise<ReadonlyMap<string, string>> {
  const folder = archivePath(archive, 'commits')
  const names = (await readdir(folder)).sort()
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const)),
  )
}

function backupCommand(archive: Archive): string[] {
  return [...backupArgs(cluster, archive, CRASH_TOPICS), ...MANY_COMMITS, '--lease', 'false']
}
