import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { missingS3Server } from '../src/index.ts'
import { waitUntil } from './process-state.ts'

const OWNER = fileURLToPath(new URL('s3-server-owner.ts', import.meta.url))
const REMOVAL_TIMEOUT_MS = 20_000

for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
  test(`a test process ended by ${signal} leaves no S3 server and no folder behind`, {
    skip: missingS3Server(),
  }, async () => {
    const owner = spawn(process.execPath, [OWNER], { stdio: ['ignore', 'pipe', 'inherit'] })
    try {
      const [line] = await once(createInterface(owner.stdout), 'line')
      const { endpoint, rootFolder } = JSON.parse(line) as { endpoint: string; rootFolder: string }
      assert.equal(await answers(endpoint), true)
      assert.equal(existsSync(rootFolder), true)

      owner.kill(signal)
      await waitUntil(async () => !(await answers(endpoint)), REMOVAL_TIMEOUT_MS)
      await waitUntil(() => !existsSync(rootFolder), REMOVAL_TIMEOUT_MS)
    } finally {
      owner.kill('SIGKILL')
    }
  })
}

async function answers(endpoint: string): Promise<boolean> {
  return fetch(endpoint, { headers: { connection: 'close' } }).then(
    () => true,
    () => false,
  )
}
