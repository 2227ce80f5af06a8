import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { SeededRandom } from '@kafka-backup/testkit'
import { type Archive, archivePath } from '../harness/archive.ts'
import { readCommits } from '../harness/committed-batches.ts'
import type { ProgramEnd, RunningProgram } from '../harness/run-program.ts'

/** When to kill: at any moment of the run, a blink after a commit appeared, or after the one that ends the run. */
export type KillAim = 'any moment' | 'next commit' | 'last commit'

/** What the kill really hit. `too late`: the run had ended by itself. */
export type KillPhase = 'before the first commit' | 'between commits' | 'during the end' | 'too late'

/** A killed run. */
export interface KilledRun {
  readonly phase: KillPhase
  readonly end: ProgramEnd
}

// Behind its last commit a run has only the manifest to write.
const BLINK_MS = { 'next commit': 5, 'last commit': 6 } as const
const POLL_MS = 1

/** Kills a backup that was just started, by SIGKILL, and finds out what was hit. `wholeRunMs` bounds the random moments. */
export async function killRun(
  program: RunningProgram,
  archive: Archive,
  shot: { readonly aim: KillAim; readonly wholeRunMs: number; readonly random: SeededRandom },
): Promise<KilledRun> {
  const { aim, wholeRunMs, random } = shot
  const before = (await readCommits(archive)).length
  let hasEnded = false
  const ended = program.ended.finally(() => {
    hasEnded = true
  })
  if (aim === 'any moment') await Promise.race([delay(wholeRunMs * (0.1 + 0.6 * random.fraction())), ended])
  else {
    await untilCommit(archive, before + 1, { isLast: aim === 'last commit', isOver: () => hasEnded })
    await delay(random.below(BLINK_MS[aim]))
  }
  program.child.kill('SIGKILL')
  const end = await ended
  return { phase: end.signal === 'SIGKILL' ? await phaseHit(archive, before) : 'too late', end }
}

async function phaseHit(archive: Archive, before: number): Promise<KillPhase> {
  const added = (await readCommits(archive)).slice(before)
  const last = added.at(-1)
  if (!last) return 'before the first commit'
  return last.run.outcome === 'running' ? 'between commits' : 'during the end'
}

async function untilCommit(
  archive: Archive,
  first: number,
  { isLast, isOver }: { isLast: boolean; isOver: () => boolean },
): Promise<void> {
  let number = first
  while (!isOver()) {
    const path = archivePath(archive, 'commits', `${String(number).padStart(20, '0')}.json`)
    if (!existsSync(path)) await delay(POLL_MS)
    else if (!isLast || !(await isRunning(path))) return
    else number++
  }
}

async function isRunning(commitPath: string): Promise<boolean> {
  const commit = JSON.parse(await readFile(commitPath, 'utf8')) as { run: { outcome: string } }
  return commit.run.outcome === 'running'
}
