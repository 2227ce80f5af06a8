import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { findFreePorts } from '../free-port.ts'
import { OwnedProcess } from '../owned-process.ts'
import { openTempFolder, type TempFolder } from '../temp-folder.ts'
import { ensureGoProgram, type GoProgram, missingGo } from './go-program.ts'

/** A server that speaks the JSON protocol of Google Cloud Storage without credentials, with its data in memory. */
export interface GcsServer extends AsyncDisposable {
  readonly endpoint: string
  createBucket(name: string, options?: { readonly isVersioned?: boolean }): Promise<void>
  close(): Promise<void>
}

const SERVER: GoProgram = {
  name: 'fake-gcs-server',
  packagePath: 'github.com/fsouza/fake-gcs-server',
  version: '1.56.1',
}
const START_ATTEMPTS = 5
const READY_TIMEOUT_MS = 30_000
const STOP_TIMEOUT_MS = 10_000
const PROBE_INTERVAL_MS = 50

/** Why no such server can be started here, for `skip`; false when one can. */
export function missingGcsServer(): string | false {
  const reason = missingGo()
  return reason === undefined ? false : `needs Go to build the server of Google Cloud Storage: ${reason}`
}

/** Builds fake-gcs-server if this machine has none yet, and starts it on a free port. */
export async function startGcsServer(): Promise<GcsServer> {
  const binary = await ensureGoProgram(SERVER)
  const folder = await openTempFolder('kb-gcs-server-')
  try {
    return await startIn(folder, binary)
  } catch (error) {
    await folder.close()
    throw error
  }
}

async function startIn(folder: TempFolder, binary: string): Promise<GcsServer> {
  for (let attempt = 1; ; attempt++) {
    const [port = 0] = await findFreePorts(1)
    const server = launch(binary, folder.path, port)
    const endpoint = `http://127.0.0.1:${port}`
    if (await isReady(server, endpoint)) {
      const close = async () => {
        server.signal('SIGTERM')
        if (!(await server.waitForEnd(STOP_TIMEOUT_MS))) server.signal('SIGKILL')
        await server.ended
        await folder.close()
      }
      const createBucket: GcsServer['createBucket'] = (name, options) => makeBucket(endpoint, name, options)
      return { endpoint, createBucket, close, [Symbol.asyncDispose]: close }
    }
    server.signal('SIGKILL')
    await server.ended
    if (attempt === START_ATTEMPTS) {
      const log = await readFile(join(folder.path, 'server.log'), 'utf8')
      throw new Error(`fake-gcs-server did not start in ${START_ATTEMPTS} attempts:\n${log}`)
    }
  }
}

async function makeBucket(
  endpoint: string,
  name: string,
  options: { readonly isVersioned?: boolean } = {},
): Promise<void> {
  const answer = await fetch(`${endpoint}/storage/v1/b?project=tests`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name, versioning: { enabled: options.isVersioned ?? false } }),
  })
  if (!answer.ok) throw new Error(`could not make the bucket ${name}: ${await answer.text()}`)
  await answer.body?.cancel()
}

function launch(binary: string, folder: string, port: number): OwnedProcess {
  const output = openSync(join(folder, 'server.log'), 'a')
  try {
    const server = new OwnedProcess({
      program: binary,
      args: [
        ...['-scheme', 'http', '-host', '127.0.0.1', '-port', String(port), '-backend', 'memory'],
        ...['-public-host', `127.0.0.1:${port}`, '-external-url', `http://127.0.0.1:${port}`],
        ...['-log-level', 'warn'],
      ],
      output,
    })
    server.unref()
    return server
  } finally {
    closeSync(output)
  }
}

/** False when the process ended, as it does when another took its port. */
async function isReady(server: OwnedProcess, endpoint: string): Promise<boolean> {
  const deadline = Date.now() + READY_TIMEOUT_MS
  while (server.isRunning && Date.now() < deadline) {
    try {
      const signal = AbortSignal.timeout(READY_TIMEOUT_MS)
      await (await fetch(`${endpoint}/_internal/healthcheck`, { signal })).body?.cancel()
      return server.isRunning
    } catch {
      await delay(PROBE_INTERVAL_MS)
    }
  }
  return false
}
