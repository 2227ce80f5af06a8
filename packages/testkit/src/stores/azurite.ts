import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { openTempFolder } from '../temp-folder.ts'
import { serverLog, startOnFreePort } from './start-on-free-port.ts'

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
const READY_TIMEOUT_MS = 60_000

/** Starts Azurite on a free port, with its data in a folder of its own. */
export async function startAzureServer({ tls }: AzureServerOptions = {}): Promise<AzureServer> {
  const folder = await openTempFolder('kb-azure-server-')
  const accountKey = Buffer.from(crypto.getRandomValues(new Uint8Array(KEY_BYTES))).toString('base64')
  const encryption = tls ? ['--cert', tls.certFile, '--key', tls.keyFile, '--oauth', 'basic'] : []
  const { port, close } = await startOnFreePort({
    name: 'Azurite',
    folder,
    readyTimeoutMs: READY_TIMEOUT_MS,
    command: (at) => ({
      program: process.execPath,
      args: [
        ...[PROGRAM, '--blobHost', '127.0.0.1', '--blobPort', String(at)],
        ...['--location', join(folder.path, 'data')],
        // It would ask the internet, and refuse versions of the protocol that are newer than itself.
        ...['--silent', '--disableTelemetry', '--skipApiVersionCheck', ...encryption],
      ],
      // Not on the command line, which every process of the machine can read.
      env: { AZURITE_ACCOUNTS: `${ACCOUNT}:${accountKey}` },
    }),
    // A probe by HTTP would need to trust the certificate.
    isReady: async () => /successfully listen/i.test(await readFile(serverLog(folder), 'utf8')),
  })
  const endpoint = `${tls ? 'https' : 'http'}://127.0.0.1:${port}/${ACCOUNT}`
  return { endpoint, account: ACCOUNT, accountKey, close, [Symbol.asyncDispose]: close }
}
