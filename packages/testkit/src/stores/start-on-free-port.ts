import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { findFreePorts } from '../free-port.ts'
import { OwnedProcess, type OwnedProcessOptions } from '../owned-process.ts'
import type { TempFolder } from '../temp-folder.ts'

/** How a store's server is started, and how one sees that it is ready. */
export interface StoreServer {
  /** For messages. */
  readonly name: string
  /** Its own; it is removed when the server is closed, or does not start. */
  readonly folder: TempFolder
  readonly readyTimeoutMs: number
  command(port: number): Omit<OwnedProcessOptions, 'output'>
  /** One look; a rejection is a no. */
  isReady(port: number): Promise<boolean>
}

const START_ATTEMPTS = 5
const ANSWER_TIMEOUT_MS = 30_000
const STOP_TIMEOUT_MS = 10_000
const PROBE_INTERVAL_MS = 50

/** Path of what the server prints. */
export function serverLog(folder: TempFolder): string {
  return join(folder.path, 'server.log')
}

/** Starts a server on a free port; another port is tried when somebody else took the first one meanwhile. */
export async function startOnFreePort(
  server: StoreServer,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const { name, folder } = server
  try {
    for (let attempt = 1; ; attempt++) {
      const [port = 0] = await findFreePorts(1)
      const process = launch(server, port)
      if (await waitUntilReady(server, process, port)) {
        return { port, close: () => stop(process, folder) }
      }
      process.signal('SIGKILL')
      await process.ended
      if (attempt === START_ATTEMPTS) {
        const log = await readFile(serverLog(folder), 'utf8')
        throw new Error(`${name} did not start in ${START_ATTEMPTS} attempts:\n${log}`)
      }
    }
  } catch (error) {
    await folder.close()
    throw error
  }
}

function launch({ folder, command }: StoreServer, port: number): OwnedProcess {
  const output = openSync(serverLog(folder), 'w')
  try {
    const process = new OwnedProcess({ ...command(port), output })
    process.unref()
    return process
  } finally {
    closeSync(output)
  }
}

async function stop(process: OwnedProcess, folder: TempFolder): Promise<void> {
  process.signal('SIGTERM')
  if (!(await process.waitForEnd(STOP_TIMEOUT_MS))) process.signal('SIGKILL')
  await process.ended
  await folder.close()
}

/** False when the process ended, as it does when another took its port. */
async function waitUntilReady(server: StoreServer, process: OwnedProcess, port: number): Promise<boolean> {
  const deadline = Date.now() + server.readyTimeoutMs
  while (process.isRunning && Date.now() < deadline) {
    if (await server.isReady(port).catch(() => false)) return process.isRunning
    await delay(PROBE_INTERVAL_MS)
  }
  return false
}

/** Any answer will do, such as the refusal of a request without a signature. */
export async function answersHttp(url: string): Promise<boolean> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) })
  await answer.body?.cancel()
  return true
}
