import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { collect, expectBytes } from '../../../testkit/src/conformance/storage-subject.ts'
import { FilesystemBackend } from '../../src/storage/filesystem/backend.ts'
import { canRun, childScript, runTraced } from './child-process.ts'
import { numberedBytes } from './children/numbered-object.ts'
import { temporaryNames, withSandbox } from './sandbox.ts'

const KILL_COUNT = 20
const RACE_COUNT = 100
const ACKNOWLEDGED_FIRST = 5
const MAX_BYTES = 1024 * 1024
const HAS_STRACE = canRun('strace', ['-V'])

describe('filesystem backend and kill -9', () => {
  it('shows no part of an object after 20 kills at odd moments, and all that was acknowledged', async (t) => {
    await withSandbox(async ({ root }) => {
      const acknowledged = new Set<number>()
      const verified = new Set<string>()
      for (let kill = 0; kill < KILL_COUNT; kill++) {
        for (const number of await writeUntilKilled(root, kill)) acknowledged.add(number)
        await expectWholeObjects(root, acknowledged, verified)
      }
      const leftovers = await temporaryNames(root)
      t.diagnostic(`${acknowledged.size} objects acknowledged, ${leftovers.length} unfinished files left`)
      assert.ok(acknowledged.size > KILL_COUNT, 'the children had time to write')
      // Without an unfinished file, no kill has hit a write and this test has shown nothing.
      assert.ok(leftovers.length > 0, 'kills hit writes')
    })
  })

  it('shows no part of an object when killed at each step of a write', async (t) => {
    if (!HAS_STRACE) {
      t.diagnostic('strace is not installed: kills at exact system calls are not tested, only at odd moments')
      t.skip('strace is not installed')
      return
    }
    const steps = ['writev', 'unlink', '?link,linkat']
    // Above the root, root (.tmp), the file, root (a), a (b), and b with the object.
    for (let when = 1; when <= 6; when++) steps.push(`fsync:when=${when}`)
    let killCount = 0
    for (const step of steps) {
      await withSandbox(async ({ root }) => {
        const fault = ['-e', `inject=${step}:signal=SIGKILL`]
        const child = await runTraced(fault, 'one-write.ts', [root, 'stream', 'a/b/c', '3000000'])
        if (child.signal === 'SIGKILL') killCount++
        await expectAllOrNothing(root, 'a/b/c', 3_000_000)
      })
    }
    assert.equal(killCount, steps.length, 'each step was reached')
  })

  it('has one winner for each key among four racing processes', async (t) => {
    await withSandbox(async ({ root, backend }) => {
      const names = ['a', 'b', 'c', 'd']
      const racers = names.map((name) => openRacer(root, name))
      try {
        const winCounts = names.map(() => 0)
        for (let round = 0; round < RACE_COUNT; round++) {
          const answers = await Promise.all(racers.map((racer) => racer.race(round)))
          const winner = answers.indexOf('won')
          const expected = names.map((_, at) => (at === winner ? 'won' : 'lost'))
          assert.deepEqual(answers, expected, `one winner in round ${round}`)
          const bytes = await backend.read(`commits/${round}`, MAX_BYTES)
          expectBytes(bytes, Buffer.from(names[winner]?.repeat(2_000) ?? ''))
          winCounts[winner] = (winCounts[winner] ?? 0) + 1
        }
        t.diagnostic(`wins: ${winCounts.join(', ')}`)
        // With one winner of all rounds, the processes would not have raced.
        assert.ok(winCounts.filter((count) => count > 0).length > 1)
      } finally {
        await Promise.all(racers.map((racer) => racer.close()))
      }
    })
  })
})

interface Racer {
  race(number: number): Promise<string>
  close(): Promise<void>
}

function openRacer(root: string, name: string): Racer {
  const child = spawn(process.execPath, [childScript('racer.ts'), root, name], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const answers = createInterface(child.stdout)[Symbol.asyncIterator]()
  return {
    race: async (number) => {
      child.stdin.write(`${number}\n`)
      const { value } = await answers.next()
      return value ?? 'gone'
    },
    close: async () => {
      const closed = once(child, 'close')
      child.stdin.end()
      await closed
    },
  }
}

async function writeUntilKilled(root: string, kill: number): Promise<number[]> {
  const script = childScript('endless-writer.ts')
  const child = spawn(process.execPath, [script, root, String(kill * 100_000)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines: string[] = []
  const reader = createInterface(child.stdout)
  reader.on('line', (line) => lines.push(line))
  // "ready", and so many objects: on a busy machine the first may take longer than the pause.
  while (lines.length < 1 + (kill % ACKNOWLEDGED_FIRST)) await once(reader, 'line')
  // Spread over about the time of a dozen writes, at steps that no loop of the child has.
  await delay(3 + ((kill * 37) % 101))
  const exited = once(child, 'close')
  child.kill('SIGKILL')
  await exited
  return lines.filter((line) => line !== 'ready').map(Number)
}

/** Checks all objects that are not in `verified`, which are those of the last child, and adds them. */
async function expectWholeObjects(
  root: string,
  acknowledged: ReadonlySet<number>,
  verified: Set<string>,
): Promise<void> {
  const backend = new FilesystemBackend(root)
  const missing = new Set(acknowledged)
  for (const { key } of await collect(backend.list(''))) {
    missing.delete(Number(/\d+$/.exec(key)?.[0]))
    if (verified.has(key)) continue
    assert.ok((await backend.read(key, MAX_BYTES)).equals(numberedBytes(key)), `${key} is whole`)
    verified.add(key)
  }
  assert.deepEqual([...missing], [], 'nothing that was acknowledged is missing')
}

async function expectAllOrNothing(root: string, key: string, byteCount: number): Promise<void> {
  const backend = new FilesystemBackend(root)
  const entry = await backend.stat(key)
  if (entry) {
    expectBytes(await backend.read(key, byteCount), Buffer.alloc(byteCount, 'x'))
  } else {
    assert.deepEqual(await collect(backend.list('')), [])
    await backend.put(key, Buffer.from('the next run'))
  }
}
