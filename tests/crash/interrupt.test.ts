import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { KafkaCluster } from '@kafka-backup/testkit'
import {
  type Archive,
  archivePath,
  assertExit,
  backupArgs,
  expectComplete,
  expectExit,
  renamed,
  restoreArgs,
} from '../harness/archive.ts'
import { throttleProgram } from '../harness/client-quota.ts'
import { expectEveryOffsetOnce, readCommits } from '../harness/committed-batches.ts'
import { endOffsets } from '../harness/end-offsets.ts'
import { type RunningProgram, startProgram } from '../harness/run-program.ts'
import { expectCopiesEqual } from '../harness/same-content.ts'
import { CRASH_TOPICS, MANY_COMMITS, startFilledCluster } from './source-data.ts'

const READ_BYTES_PER_SEC = 2_000_000
const POLL_MS = 5
const FIRST_COMMIT_MS = 60_000
// The second signal waits for nothing; a loaded machine still needs a moment to deliver it.
const AT_ONCE_MS = 2_000

let cluster: KafkaCluster
let ends: ReadonlyMap<string, bigint>
const finished: Archive[] = []

before(async () => {
  cluster = await startFilledCluster(0.6)
  ends = await endOffsets(cluster, CRASH_TOPICS)
  await throttleProgram(cluster, { readBytesPerSec: READ_BYTES_PER_SEC })
})

after(() => cluster?.close())

describe('a backup that is interrupted', () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`${signal} ends it with a commit of what is durable and exit code 130, and the next run goes on`, async () => {
      const archive = archiveOf(signal.toLowerCase())
      const program = startProgram(backupCommand(archive))
      await untilFirstCommit(program, archive)
      program.child.kill(signal)
      const end = await program.ended
      assertExit(end, 130)
      assert.match(end.stderr, /Stopping: .* is being committed/)
      assert.equal(end.json<{ outcome: string }>().outcome, 'interrupted')
      const commits = await readCommits(archive)
      assert.equal(commits.at(-1)?.run.outcome, 'interrupted')
      await expectNextRunCompletes(archive, commits.length)
    })
  }

  test('it says in words how to go on', async () => {
    const archive = archiveOf('words')
    const program = startProgram(backupCommand(archive).filter((arg) => !isJsonOption(arg)))
    await untilFirstCommit(program, archive)
    program.child.kill('SIGINT')
    const end = await program.ended
    assertExit(end, 130)
    assert.match(end.stdout, /^Interrupted /m)
    assert.match(end.stdout, /Run the same command again to go on where this run ended/)
  })

  test('before anything was read it leaves nothing that the next run cannot use', async () => {
    const archive = archiveOf('early')
    const program = startProgram(backupCommand(archive))
    while (!/Backup early/.test(program.output().stderr) && program.child.exitCode === null) await delay(1)
    program.child.kill('SIGTERM')
    assertExit(await program.ended, 130)
    await expectNextRunCompletes(archive, (await readCommits(archive)).length)
  })

  test('a second signal ends it at once with exit code 130, which is as safe', async () => {
    const archive = archiveOf('twice')
    const program = startProgram(backupCommand(archive))
    await untilFirstCommit(program, archive)
    program.child.kill('SIGINT')
    program.child.kill('SIGTERM')
    const sentMs = performance.now()
    assertExit(await program.ended, 130)
    assert.ok(performance.now() - sentMs < AT_ONCE_MS, 'it ends at once')
    const commits = await readCommits(archive)
    assert.equal(commits.at(-1)?.run.outcome, 'running', 'no time for a last commit')
    await expectNextRunCompletes(archive, commits.length)
  })

  test('what such runs wrote restores to the records of the source', async () => {
    const names = finished.map((archive) => renamed(CRASH_TOPICS, archive.backupId))
    for (const [at, archive] of finished.entries()) {
      await expectExit(0, restoreArgs(cluster, archive, names[at]!))
    }
    await expectCopiesEqual(cluster, names)
  })
})

async function untilFirstCommit(program: RunningProgram, archive: Archive): Promise<void> {
  const deadlineMs = performance.now() + FIRST_COMMIT_MS
  while (!existsSync(archivePath(archive, 'commits', '00000000000000000001.json'))) {
    assert.equal(program.child.exitCode, null, 'the backup is under way')
    assert.ok(performance.now() < deadlineMs, 'the first commit appears')
    await delay(POLL_MS)
  }
}

async function expectNextRunCompletes(archive: Archive, commitsBefore: number): Promise<void> {
  const end = await expectExit(0, backupCommand(archive))
  assert.equal(end.json<{ outcome: string }>().outcome, 'complete')
  assert.ok((await readCommits(archive)).length > commitsBefore, 'the next run continues the same log')
  await expectEveryOffsetOnce(archive, ends)
  await expectComplete(archive)
  finished.push(archive)
}

function isJsonOption(arg: string): boolean {
  return arg === '--output-format' || arg === 'json'
}

function archiveOf(backupId: string): Archive {
  return { folder: join(cluster.folder, 'repository'), backupId }
}

function backupCommand(archive: Archive): string[] {
  return [...backupArgs(cluster, archive, CRASH_TOPICS), ...MANY_COMMITS]
}
