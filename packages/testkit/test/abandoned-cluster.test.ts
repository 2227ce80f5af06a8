import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { isProcessAlive, waitUntil } from './process-state.ts'

const OWNER = fileURLToPath(new URL('cluster-owner.ts', import.meta.url))
const REMOVAL_TIMEOUT_MS = 20_000

for (const { signal, args } of [
  { signal: 'SIGKILL', args: ['--pause'] },
  { signal: 'SIGTERM', args: [] },
] as const) {
  test(`a test process ended by ${signal} leaves no broker and no folder behind`, async () => {
    const owner = spawn(process.execPath, [OWNER, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    try {
      const [line] = await once(createInterface(owner.stdout), 'line')
      const { pid, folder } = JSON.parse(line) as { pid: number; folder: string }
      assert.equal(await isProcessAlive(pid), true)
      assert.equal(existsSync(folder), true)

      owner.kill(signal)
      await waitUntil(async () => !(await isProcessAlive(pid)), REMOVAL_TIMEOUT_MS)
      await waitUntil(() => !existsSync(folder), REMOVAL_TIMEOUT_MS)
    } finally {
      owner.kill('SIGKILL')
    }
  })
}
