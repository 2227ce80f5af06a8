import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type KafkaCluster, seededRandom } from '@kafka-backup/testkit'
import { type Archive, assertExit, backupArgs, expectComplete } from '../harness/archive.ts'
import { throttleProgram } from '../harness/client-quota.ts'
import { expectEveryOffsetOnce, readCommits } from '../harness/committed-batches.ts'
import { endOffsets } from '../harness/end-offsets.ts'
import { type ProgramEnd, startProgram } from '../harness/run-program.ts'
import { CRASH_TOPICS, MANY_COMMITS, startFilledCluster } from './source-data.ts'

const ROUNDS = Number(process.env.ROUNDS ?? 5)
const SEED = Number(process.env.SEED ?? 6)
const READ_BYTES_PER_SEC = 4_000_000
const STAGGER_MAX_MS = 300

let cluster: KafkaCluster

before(async () => {
  cluster = await startFilledCluster(0.4)
  await throttleProgram(cluster, { readBytesPerSec: READ_BYTES_PER_SEC })
})

after(() => cluster?.close())

/**
 * A scheduler that starts a backup twice is the common way to two writers. No lease keeps them apart, only the exclusive
 * creation of the next commit: one of them loses it, stops, and what it wrote stays unnamed.
 */
test(`of two backups at the same time one goes on and the other stops, ${ROUNDS} times`, async (t) => {
  const ends = await endOffsets(cluster, CRASH_TOPICS)
  const random = seededRandom(SEED)
  let conflicts = 0
  for (let round = 1; round <= ROUNDS; round++) {
    const archive = { folder: join(cluster.folder, 'repository'), backupId: `round-${round}` }
    const runs = await runTwice(archive, random.below(STAGGER_MAX_MS))
    const losers = runs.filter((end) => end.exitCode !== 0)
    for (const loser of losers) expectLost(loser)
    assert.ok(losers.length < 2, 'one of the two gets through')
    conflicts += losers.length
    await expectOneWriter(archive, losers.length)
    await expectEveryOffsetOnce(archive, ends)
    await expectComplete(archive)
  }
  t.diagnostic(`${conflicts} of ${ROUNDS} rounds ended in a conflict; seed ${SEED}`)
  assert.ok(conflicts > 0, 'the two overlapped at least once')
})

async function runTwice(archive: Archive, staggerMs: number): Promise<ProgramEnd[]> {
  const first = startProgram(backupCommand(archive))
  await delay(staggerMs)
  const second = startProgram(backupCommand(archive))
  return Promise.all([first.ended, second.ended])
}

function expectLost(loser: ProgramEnd): void {
  assertExit(loser, 5)
  assert.equal(loser.json<{ error: { code: string } }>().error.code, 'KB_COMMIT_CONFLICT')
  assert.match(loser.stderr, /^Refused: another run \([0-9a-f]+\) wrote commit \d+ of backup /m)
}

/** After a conflict no commit of the log is by the loser: its first one already met the winner's. */
async function expectOneWriter(archive: Archive, losers: number): Promise<void> {
  const commits = await readCommits(archive)
  assert.equal(commits.at(-1)?.run.outcome, 'complete')
  if (losers > 0) assert.equal(commits.filter(({ run }) => run.outcome === 'complete').length, 1)
}

function backupCommand(archive: Archive): string[] {
  return [...backupArgs(cluster, archive, CRASH_TOPICS), ...MANY_COMMITS]
}
