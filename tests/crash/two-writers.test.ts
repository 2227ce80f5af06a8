import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type KafkaCluster, seededRandom } from '@kafka-backup/testkit'
import { runBackup } from '../../packages/core/src/backup/backup-run.ts'
import type { BackupTuning } from '../../packages/core/src/backup/backup-tuning.ts'
import { prepareBackup } from '../../packages/core/src/backup/prepare-backup.ts'
import type { RunProgress } from '../../packages/core/src/events/run-event.ts'
import { zstdTransform } from '../../packages/core/src/format/zstd-transform.ts'
import { openCluster } from '../../packages/core/src/kafka/client-cluster.ts'
import { commitKey } from '../../packages/core/src/repository/key-layout.ts'
import { openBackup } from '../../packages/core/src/repository/open-backup.ts'
import { systemClock } from '../../packages/core/src/runtime/clock.ts'
import { systemRandom } from '../../packages/core/src/runtime/random.ts'
import { FilesystemBackend } from '../../packages/core/src/storage/filesystem/backend.ts'
import type { StorageBackend } from '../../packages/core/src/storage/storage-backend.ts'
import { altered } from '../../packages/core/test/verify/altered-backend.ts'
import { type Archive, assertExit, backupArgs, expectComplete } from '../harness/archive.ts'
import { throttleProgram } from '../harness/client-quota.ts'
import { expectEveryOffsetOnce, readCommits } from '../harness/committed-batches.ts'
import { endOffsets } from '../harness/end-offsets.ts'
import { type ProgramEnd, runProgram, startProgram } from '../harness/run-program.ts'
import { until } from '../harness/until.ts'
import { CRASH_TOPICS, MANY_COMMITS, startFilledCluster } from './source-data.ts'

const ROUNDS = Number(process.env.ROUNDS ?? 5)
const SEED = Number(process.env.SEED ?? 6)
const READ_BYTES_PER_SEC = 4_000_000
/** Slow enough that a run is still there when it renews its lease. */
const SLOW_BYTES_PER_SEC = 100_000
const STAGGER_MAX_MS = 300

/** A segment is closed, and committed, as soon as there is something in it. */
const BUSY: BackupTuning = {
  ...{ segmentMaxBytes: 1_048_576, segmentMaxIntervalMs: 0, checkpointIntervalMs: 20 },
  ...{ fetchMaxBytes: 262_144, fetchMaxWaitMs: 500, connectionsPerBroker: 1, rackId: '' },
  ...{ transactionWaitMs: 0, deletionWarningMs: 0, isCompressing: true, isCheckpointingOnStop: true },
}

let cluster: KafkaCluster

before(async () => {
  cluster = await startFilledCluster(0.4)
  await throttleProgram(cluster, { readBytesPerSec: READ_BYTES_PER_SEC })
})

after(() => cluster?.close())

/**
 * A scheduler that starts a backup twice is the common way to two writers. Without leases only the exclusive creation of the
 * next commit keeps them apart: one of them loses it, stops, and what it wrote stays unnamed.
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

test('a second backup is refused at its start, and one after a killed run is not', async () => {
  const archive = { folder: join(cluster.folder, 'repository'), backupId: 'leased' }
  await throttleProgram(cluster, { readBytesPerSec: SLOW_BYTES_PER_SEC })
  const first = startProgram([...backupArgs(cluster, archive, CRASH_TOPICS), ...MANY_COMMITS])
  await until('the first has a commit', async () => (await readCommits(archive)).length > 0)
  const refused = await runProgram(backupArgs(cluster, archive, CRASH_TOPICS))
  first.child.kill('SIGKILL')
  await first.ended
  await throttleProgram(cluster, { readBytesPerSec: READ_BYTES_PER_SEC })
  assertExit(refused, 5)
  assert.equal(refused.json<{ error: { code: string } }>().error.code, 'KB_LEASE_HELD')
  assert.match(
    refused.stderr,
    new RegExp(`process ${first.child.pid} on .* has been writing to backup "leased"`),
  )
  assert.match(refused.stderr, /Nothing was written/)
  const next = await runProgram(backupArgs(cluster, archive, CRASH_TOPICS))
  assertExit(next, 0)
  assert.doesNotMatch(
    next.stderr,
    /Another run may be at work/,
    'a killed process of this machine is known as such',
  )
  await expectComplete(archive)
})

// Found by a busy machine: the failure of a checkpoint was lost when the reading ended before it.
test('a backup that loses a commit when it has read everything stops with the conflict', async () => {
  const archive = { folder: join(cluster.folder, 'repository'), backupId: 'outrun' }
  const storage = new FilesystemBackend(archive.folder)
  let isRead = () => {}
  const read = new Promise<void>((resolve) => {
    isRead = resolve
  })
  const held = altered(storage, {
    put: async (key, bytes, options) => {
      if (key === commitKey(archive.backupId, 1n)) {
        await read
        assertExit(await runProgram(backupArgs(cluster, archive, CRASH_TOPICS)), 0)
      }
      return storage.put(key, bytes, options)
    },
  })
  const running = runHere(held, archive, ({ doneOffsets, totalOffsets }) => {
    if (doneOffsets === totalOffsets) isRead()
  })
  await assert.rejects(running, { code: 'KB_COMMIT_CONFLICT' })
  await expectComplete(archive)
})

/** A backup in this process, with checkpoints as often as they can be. */
async function runHere(
  storage: StorageBackend,
  { backupId }: Archive,
  onProgress: (progress: RunProgress) => void,
): Promise<void> {
  const { signal } = new AbortController()
  const source = openCluster({ bootstrapServers: cluster.bootstrapServers, clientId: 'kafka-backup' })
  try {
    const state = await openBackup(storage, backupId, { signal })
    const choice = { topics: CRASH_TOPICS, isChosen: () => true, isolation: 'read_committed' } as const
    const plan = await prepareBackup(source, state, choice, systemClock, signal)
    await runBackup({
      ...{ plan, state, storage, cluster: source, clientId: 'kafka-backup', program: 'test' },
      bootstrapServers: cluster.bootstrapServers,
      transform: zstdTransform(1),
      tuning: BUSY,
      ...{ clock: systemClock, random: systemRandom, signal },
      observe: (event) => event.type === 'progressed' && onProgress(event.progress),
    })
  } finally {
    await source.close()
  }
}

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
  return [...backupArgs(cluster, archive, CRASH_TOPICS), ...MANY_COMMITS, '--lease', 'false']
}
