import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { type KafkaCluster, seededRandom, startKafkaCluster } from '@kafka-backup/testkit'
import {
  type Archive,
  archivePath,
  assertExit,
  expectComplete,
  expectExit,
  renamed,
  restoreArgs,
} from '../harness/archive.ts'
import { readCommits } from '../harness/committed-batches.ts'
import { runProgram, startProgram } from '../harness/run-program.ts'
import { expectCopiesEqual } from '../harness/same-content.ts'
import { backUpInBundles, TOPICS } from './bundled-source.ts'
import { heldBatches, heldObjects, objectsThere } from './held-batches.ts'

const KILLS = Number(process.env.KILLS ?? 8)
const SEED = Number(process.env.SEED ?? 7)
const AIMS = ['any moment', 'while it writes', 'behind the commit'] as const
type Aim = (typeof AIMS)[number]
const BLINK_MS = { 'while it writes': 60, 'behind the commit': 8 }

let cluster: KafkaCluster
let original: Archive

before(async () => {
  cluster = await startKafkaCluster()
  original = { folder: join(cluster.folder, 'repository'), backupId: 'live' }
  await backUpInBundles(cluster, { args: placeOf(original) })
})

after(() => cluster?.close())

function placeOf({ folder, backupId }: Archive): string[] {
  return ['--repo', pathToFileURL(folder).href, '--backup-id', backupId, '--output-format', 'json']
}

function compactArgs(archive: Archive): string[] {
  return ['compact', ...placeOf(archive), '--grace', '0']
}

async function copyOf(name: string): Promise<Archive> {
  const folder = join(cluster.folder, name)
  await cp(original.folder, folder, { recursive: true })
  return { folder, backupId: original.backupId }
}

/** Kills a compaction at a moment of the whole run, while it writes segments, or when its commit is there. */
async function killed(archive: Archive, aim: Aim, fraction: () => number, wholeRunMs: number) {
  const objects = (await objectsThere(archive)).length
  const commits = (await readCommits(archive)).length
  const program = startProgram(compactArgs(archive))
  const isReached = {
    'any moment': async () => true,
    'while it writes': async () => (await objectsThere(archive)).length > objects,
    'behind the commit': async () => existsSync(commitPath(archive, commits + 1)),
  }[aim]
  while (program.child.exitCode === null && !(await isReached())) await delay(1)
  const waitMs = aim === 'any moment' ? wholeRunMs * (0.2 + 0.5 * fraction()) : BLINK_MS[aim] * fraction()
  await Promise.race([delay(waitMs), program.ended])
  program.child.kill('SIGKILL')
  return program.ended
}

function commitPath(archive: Archive, number: number): string {
  return archivePath(archive, 'commits', `${String(number).padStart(20, '0')}.json`)
}

/**
 * Whatever moment a compaction dies at, the backup is as before or as after, byte for byte, and the next compaction ends what it began.
 */
test(`a compaction that is killed ${KILLS} times at random moments loses nothing`, async (t) => {
  const [batches, objects] = [await heldBatches(original), (await heldObjects(original)).length]
  const whole = await copyOf('whole')
  const beganMs = performance.now()
  await expectExit(0, compactArgs(whole))
  const wholeRunMs = performance.now() - beganMs
  const compacted = (await heldObjects(whole)).length
  const random = seededRandom(SEED)
  const hits = { before: 0, after: 0, late: 0 }
  let last = whole
  for (let kill = 1; kill <= KILLS; kill++) {
    const archive = await copyOf(`killed-${kill}`)
    const aim = AIMS[kill % AIMS.length] ?? 'any moment'
    const { signal } = await killed(archive, aim, () => random.fraction(), wholeRunMs)
    const held = (await heldObjects(archive)).length
    assert.ok(held === objects || held === compacted, `${held} objects`)
    hits[signal === null ? 'late' : held === objects ? 'before' : 'after']++
    assert.deepEqual(await heldBatches(archive), batches, `kill ${kill}`)
    await expectComplete(archive)
    assertExit(await runProgram(compactArgs(archive)), 0)
    assert.deepEqual(await heldBatches(archive), batches)
    const { orphans } = await expectComplete(archive)
    assert.equal(
      (await objectsThere(archive)).length,
      compacted + orphans.objects,
      'nothing waits to be deleted',
    )
    last = archive
  }
  t.diagnostic(
    `${JSON.stringify(hits)} of the commit; a whole run takes ${Math.round(wholeRunMs)} ms; seed ${SEED}`,
  )
  assert.ok(hits.before > 0 && hits.after > 0, 'kills hit only one side of the commit')
  const names = renamed(TOPICS, 'killed')
  await expectExit(0, restoreArgs(cluster, last, names))
  await expectCopiesEqual(cluster, [names])
})
