import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type KafkaCluster, seededRandom } from '@kafka-backup/testkit'
import { type Archive, backupArgs, expectExit, renamed, restoreArgs } from '../harness/archive.ts'
import { throttleProgram } from '../harness/client-quota.ts'
import { endOffsets } from '../harness/end-offsets.ts'
import { startProgram } from '../harness/run-program.ts'
import { expectCopiesEqual } from '../harness/same-content.ts'
import { CRASH_TOPICS, startFilledCluster } from './source-data.ts'

const KILLS = Number(process.env.KILLS ?? 2)
const SEED = Number(process.env.SEED ?? 5)
const WRITE_BYTES_PER_SEC = 1_500_000
const POLL_MS = 5
const KILL_WITHIN_MS = 1_500

let cluster: KafkaCluster
let archive: Archive
let liftQuota: () => Promise<void>

before(async () => {
  cluster = await startFilledCluster(0.5)
  archive = { folder: join(cluster.folder, 'repository'), backupId: 'daily' }
  await expectExit(0, backupArgs(cluster, archive, CRASH_TOPICS))
  liftQuota = await throttleProgram(cluster, { writeBytesPerSec: WRITE_BYTES_PER_SEC })
})

after(() => cluster?.close())

/**
 * A restore keeps no state of its own, so a second one cannot know what the first one wrote: adding to it would double
 * records. It must refuse, say which topics are in the way, and succeed once they are gone.
 */
test('what a killed restore left is refused, and the restore succeeds when it is deleted', async (t) => {
  const random = seededRandom(SEED)
  const mappings = Array.from({ length: KILLS }, (_, at) => renamed(CRASH_TOPICS, `try-${at + 1}`))
  for (const names of mappings) await killRestore(names, random.below(KILL_WITHIN_MS))
  await liftQuota()
  const targets = mappings.flatMap((names) => [...names.values()])
  const written = await endOffsets(cluster, targets)
  const occupied: string[] = []
  for (const names of mappings) occupied.push(...(await expectRefused(names, written)))
  t.diagnostic(`filled in part: ${occupied.join(', ')}`)
  assert.deepEqual(await endOffsets(cluster, targets), written, 'what was refused changed nothing')
  await deleteTopics(occupied)
  for (const names of mappings) await expectExit(0, restoreArgs(cluster, archive, names))
  await expectCopiesEqual(cluster, mappings)
})

/** Kills the restore `afterMs` after its first record is in the target. */
async function killRestore(names: ReadonlyMap<string, string>, afterMs: number): Promise<void> {
  const program = startProgram([...restoreArgs(cluster, archive, names)])
  let hasEnded = false
  const ended = program.ended.finally(() => {
    hasEnded = true
  })
  while (!hasEnded && !(await hasRecords([...names.values()]))) await delay(POLL_MS)
  await Promise.race([delay(afterMs), ended])
  program.child.kill('SIGKILL')
  assert.equal((await ended).signal, 'SIGKILL', 'the restore is under way when it is killed')
}

/** The first segment file of some partition is no longer empty. */
async function hasRecords(topics: readonly string[]): Promise<boolean> {
  const found = topics.map(async (topic) => {
    const files = await cluster
      .broker(1)
      .logSegmentFiles(topic, 0)
      .catch(() => [])
    return files.some((file) => statSync(file).size > 0)
  })
  return (await Promise.all(found)).some(Boolean)
}

/** The topics of `names` that hold something: the refusal names each of them and changes none. */
async function expectRefused(
  names: ReadonlyMap<string, string>,
  written: ReadonlyMap<string, bigint>,
): Promise<string[]> {
  const occupied = [...names.values()].filter((topic) =>
    [...written].some(([name, end]) => name.startsWith(`${topic}/`) && end > 0n),
  )
  assert.ok(occupied.length > 0, 'the killed restore wrote something')
  const refused = await expectExit(5, restoreArgs(cluster, archive, names))
  assert.equal(refused.json<{ error: { code: string } }>().error.code, 'KB_TARGET_NOT_EMPTY')
  for (const topic of occupied) assert.match(refused.stderr, new RegExp(`topic ${topic} .*holds \\d+`))
  assert.match(refused.stderr, /nothing was written/)
  assert.match(refused.stderr, /delete/i)
  return occupied
}

/** One JVM for all of them. */
async function deleteTopics(topics: readonly string[]): Promise<void> {
  const run = await cluster.tools.run('org.apache.kafka.tools.TopicCommand', [
    '--bootstrap-server',
    cluster.bootstrap,
    '--delete',
    '--topic',
    topics.join('|'),
  ])
  assert.equal(run.exitCode, 0, run.stderr)
}
