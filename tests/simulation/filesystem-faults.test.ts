import { FileCalls, type FileFault, type FileFaultKind, watchFiles } from './faulty-files.ts'

import '../../packages/testkit/src/simulation/deterministic-builtins.ts'
import assert from 'node:assert/strict'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openTempFolder, seededRandom, type TempFolder } from '@kafka-backup/testkit'
import { isKafkaBackupError } from '../../packages/core/src/errors/kafka-backup-error.ts'
import { FilesystemBackend } from '../../packages/core/src/storage/filesystem/backend.ts'
import { checkArchive } from '../../packages/testkit/src/simulation/archive-checker.ts'
import { FaultPlan } from '../../packages/testkit/src/simulation/faults.ts'
import { historyOf } from '../../packages/testkit/src/simulation/history-options.ts'
import { SimulatedProcess } from '../../packages/testkit/src/simulation/simulated-process.ts'
import { BACKUP_ID, runSimulatedBackup } from '../../packages/testkit/src/simulation/simulated-run.ts'
import { SimulatedTopics } from '../../packages/testkit/src/simulation/simulated-topics.ts'
import { SimulatedWorld } from '../../packages/testkit/src/simulation/world.ts'

const RECORDS = 8
const EVENTS_MAX = 200_000
const NO_FAULT: FileFault = { call: Number.POSITIVE_INFINITY, kind: 'EIO' }
const KINDS: readonly FileFaultKind[] = ['dies_before', 'dies_after', 'ENOSPC', 'EIO']
const OPTIONS = { ...historyOf(1), segmentMaxBytes: 1_200, segmentMaxIntervalMs: 0, checkpointIntervalMs: 20 }
const TUNING = { ...OPTIONS, fetchMaxBytes: 600, frameMinBytes: 300, isCompressing: true, fetchVersion: 13 }

interface RunEnd {
  readonly kind: 'died' | 'failed' | 'ended'
  readonly outcome: string
  readonly calls: number
  readonly struck: string | null
}

let temp: TempFolder
const topics = newTopics()

before(async () => {
  temp = await openTempFolder('kafka-backup-faulty-files-')
})

after(() => temp?.close())

function newTopics(): SimulatedTopics {
  const made = new SimulatedTopics(1, () => 0)
  const { logs } = made.create('orders', 1)
  for (let number = 0; number < RECORDS; number++) {
    const value = Buffer.from(`record ${number} ${'.'.repeat(number * 30)}`)
    logs[0]!.append([{ timestamp: BigInt(number), key: null, value, headers: [] }])
  }
  return made
}

/** One run of the engine over real files, which meet the fault. */
async function backUp(folder: string, fault: FileFault, seed: number): Promise<RunEnd> {
  const calls = new FileCalls(fault, () => process.crash('at a call to the file system'))
  const world = new SimulatedWorld(() => calls.isUnderWay)
  const process = new SimulatedProcess(world, { name: 'run', random: seededRandom(seed) })
  const { clock, random } = process
  let end: { kind: 'failed' | 'ended'; outcome: string } | null = null
  watchFiles(calls)
  runSimulatedBackup({
    options: TUNING,
    process,
    topics,
    openBackend: () => new FilesystemBackend(folder, { clock, random }),
    faults: FaultPlan.none(seededRandom(seed)),
    random: seededRandom(seed),
    stop: new AbortController().signal,
    isChosen: () => true,
    isContinuous: false,
    observe: () => undefined,
  }).then(
    ({ report }) => {
      end = { kind: 'ended', outcome: report.outcome }
    },
    (error: unknown) => {
      const isOurs = isKafkaBackupError(error) && error.category === 'storage'
      end = { kind: 'failed', outcome: isOurs ? error.code : String((error as Error).stack) }
    },
  )
  await world.run(() => process.isDead || end !== null, EVENTS_MAX)
  watchFiles(null)
  await calls.bury()
  return { ...(end ?? { kind: 'died', outcome: '' }), calls: calls.count, struck: calls.struck }
}

/** Every object of the repository, as it lies there. */
async function objectsIn(folder: string): Promise<Map<string, { readonly bytes: Buffer }>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const objects = files.map(
    async (path) => [path.slice(folder.length + 1), { bytes: await readFile(path) }] as const,
  )
  return new Map(await Promise.all(objects))
}

async function expectSound(folder: string, where: string): Promise<void> {
  const objects = await objectsIn(folder)
  const findings = checkArchive({
    objects,
    backupId: BACKUP_ID,
    topics,
    isComplete: true,
    hasSplitRuns: false,
  })
  assert.deepEqual(findings, [], where)
}

test('each call to the file system may fail, or be the last one of the process', async (t) => {
  const folderOf = (name: string) => join(temp.path, name)
  const whole = await backUp(folderOf('whole'), NO_FAULT, 1)
  assert.deepEqual([whole.kind, whole.outcome], ['ended', 'complete'])
  await expectSound(folderOf('whole'), 'without a fault')
  const ends = new Map<string, number>()
  const struck = new Set<string>()
  for (const kind of KINDS) {
    for (let call = 1; call <= whole.calls; call++) {
      const where = `${kind} at call ${call}`
      const folder = folderOf(`${kind}-${call}`)
      const first = await backUp(folder, { call, kind }, 1)
      if (first.struck) struck.add(first.struck)
      const isDeath = kind === 'dies_before' || kind === 'dies_after'
      assert.equal(first.kind === 'died', isDeath && first.struck !== null, where)
      if (first.kind === 'failed') assert.match(first.outcome, /^KB_/, where)
      const second = await backUp(folder, NO_FAULT, 2)
      assert.deepEqual([second.kind, second.outcome], ['ended', 'complete'], `the run after ${where}`)
      await expectSound(folder, where)
      const way = `${kind} ${first.kind} ${first.outcome}`.trim()
      ends.set(way, (ends.get(way) ?? 0) + 1)
      await rm(folder, { recursive: true })
    }
  }
  t.diagnostic(`${whole.calls} calls (${[...struck].sort().join(', ')})`)
  t.diagnostic([...ends].map(([way, count]) => `${way}: ${count}`).join('; '))
  for (const name of ['open', 'writev', 'sync', 'link', 'close'])
    assert.ok(struck.has(name), `${name} was struck`)
})
