import assert from 'node:assert/strict'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { type KafkaCluster, seededRandom, startKafkaCluster } from '@kafka-backup/testkit'
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
import { backUpInBundles, TOPICS } from './bundled-source.ts'
import { heldBatches, heldObjects, objectsThere } from './held-batches.ts'

const KILLS = Number(process.env.KILLS ?? 8)
const SEED = Number(process.env.SEED ?? 7)

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
    const program = startProgram(compactArgs(archive))
    await Promise.race([delay(wholeRunMs * (0.25 + 0.75 * random.fraction())), program.ended])
    program.child.kill('SIGKILL')
    const { signal } = await program.ended
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
  assert.ok(hits.before > 0, 'no kill hit a compaction before its commit')
  const names = renamed(TOPICS, 'killed')
  await expectExit(0, restoreArgs(cluster, last, names))
  await expectCopiesEqual(cluster, [names])
})
