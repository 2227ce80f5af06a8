import { openTempFolder } from '../temp-folder.ts'
import { ensureGoProgram, type GoProgram, missingGo } from './go-program.ts'
import { answersHttp, startOnFreePort } from './start-on-free-port.ts'

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
const READY_TIMEOUT_MS = 30_000

/** Why no such server can be started here, for `skip`; false when one can. */
export function missingGcsServer(): string | false {
  const reason = missingGo()
  return reason === undefined ? false : `needs Go to build the server of Google Cloud Storage: ${reason}`
}

/** Builds fake-gcs-server if this machine has none yet, and starts it on a free port. */
export async function startGcsServer(): Promise<GcsServer> {
  const program = await ensureGoProgram(SERVER)
  const { port, close } = await startOnFreePort({
    name: SERVER.name,
    folder: await openTempFolder('kb-gcs-server-'),
    readyTimeoutMs: READY_TIMEOUT_MS,
    command: (at) => ({
      program,
      args: [
        ...['-scheme', 'http', '-host', '127.0.0.1', '-port', String(at), '-backend', 'memory'],
        ...['-public-host', `127.0.0.1:${at}`, '-external-url', `http://127.0.0.1:${at}`],
        ...['-log-level', 'warn'],
      ],
    }),
    isReady: (at) => answersHttp(`http://127.0.0.1:${at}/_internal/healthcheck`),
  })
  const endpoint = `http://127.0.0.1:${port}`
  const createBucket: GcsServer['createBucket'] = (name, options) => makeBucket(endpoint, name, options)
  return { endpoint, createBucket, close, [Symbol.asyncDispose]: close }
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
