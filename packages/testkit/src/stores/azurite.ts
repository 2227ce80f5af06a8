import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { findFreePorts } from '../free-port.ts'
import { OwnedProcess } from '../owned-process.ts'
import { openTempFolder, type TempFolder } from '../temp-folder.ts'

/** A real server that speaks the protocol of Azure Blob Storage, with one account. */
export interface AzureServer extends AsyncDisposable {
  /** Of the account, which is part of the path: `http://127.0.0.1:PORT/ACCOUNT`. */
  readonly endpoint: string
  readonly account: string
  /** Base64, as Azure gives it out. */
  readonly accountKey: string
  close(): Promise<void>
}

/** How Azurite is started. Both files are PEM. */
export interface AzureServerOptions {
  /** Encrypts, and takes bearer tokens besides the key; it checks all of a token but its signature. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string }
}

const PROGRAM = createRequire(import.meta.url).resolve('azurite/dist/src/blob/main.js')
const ACCOUNT = 'kafkabackuptests'
const KEY_BYTES = 64
const START_ATTEMPTS = 5
const READY_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 10_000
const PROBE_INTERVAL_MS = 50

/** Starts Azurite on a free port, with its data in a folder of its own. */
export async function startAzureServer(options: AzureServerOptions = {}): Promise<AzureServer> {
  const folder = await openTempFolder('kb-azure-server-')
  try {
    return await startIn(folder, options)
  } catch (error) {
    await folder.close()
    throw error
  }
}

async function startIn(folder: TempFolder, { tls }: AzureServerOptions): Promise<AzureServer> {
  const accountKey = Buffer.from(crypto.getRandomValues(new Uint8Array(KEY_BYTES))).toString('base64')
  for (let attempt = 1; ; attempt++) {
    const [port = 0] = await findFreePorts(1)
    const encryption = tls ? ['--cert', tls.certFile, '--key', tls.keyFile, '--oauth', 'basic'] : []
    const server = launch(folder.path, port, accountKey, encryption)
    if (await isReady(server, folder.path)) {
      const close = async () => {
        server.signal('SIGTERM')
        if (!(await server.waitForEnd(STOP_TIMEOUT_MS))) server.signal('SIGKILL')
        await server.ended
        await folder.close()
      }
      const endpoint = `${tls ? 'https' : 'http'}://127.0.0.1:${port}/${ACCOUNT}`
      return { endpoint, account: ACCOUNT, accountKey, close, [Symbol.asyncDispose]: close }
    }
    server.signal('SIGKILL')
    await server.ended
    if (attempt === START_ATTEMPTS) {
      const log = await readFile(logOf(folder.path), 'utf8')
      throw new Error(`Azurite did not start in ${START_ATTEMPTS} attempts:\n${log}`)
    }
  }
}

function launch(
  folder: string,
  port: number,
  accountKey: string,
  encryption: readonly string[],
): OwnedProcess {
  const output = openSync(logOf(folder), 'w')
  try {
    const server = new OwnedProcess({
      program: process.execPath,
      args: [
        ...[
          PROGRAM,
          '--blobHost',
          '127.0.0.1',
          '--blobPort',
          String(port),
          '--location',
          join(folder, 'data'),
        ],
        // It would ask the internet, and refuse versions of the protocol that are newer than itself.
        ...['--silent', '--disableTelemetry', '--skipApiVersionCheck', ...encryption],
      ],
      // Not on the command line, which every process of the machine can read.
      env: { AZURITE_ACCOUNTS: `${ACCOUNT}:${accountKey}` },
      output,
    })
    server.unref()
    return server
  } finally {
    closeSync(output)
  }
}

function logOf(folder: string): string {
  return join(folder, 'server.log')
}

/** False when the process ended, as it does when another took its port. */
async function isReady(server: OwnedProcess, folder: string): Promise<boolean> {
  const deadline = Date.now() + READY_TIMEOUT_MS
  while (server.isRunning && Date.now() < deadline) {
    // A probe by HTTP would need to trust the certificate.
    const log = await readFile(logOf(folder), 'utf8')
    if (/successfully listen/i.test(log)) return server.isRunning
    await delay(PROBE_INTERVAL_MS)
  }
  return false
}
