import { execFile } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { findFreePorts } from '../free-port.ts'
import { OwnedProcess } from '../owned-process.ts'
import { openTempFolder, type TempFolder } from '../temp-folder.ts'
import { ensureGoProgram, type GoProgram, missingGo } from './go-program.ts'

/** A real S3 server of this machine, with one account and its own folder. */
export interface S3Server extends AsyncDisposable {
  readonly endpoint: string
  readonly accessKey: string
  readonly secretKey: string
  /** Where the buckets are, as folders. */
  readonly rootFolder: string
  /** Makes an empty bucket, directly in the folder of the server. */
  createBucket(name: string): Promise<void>
  /** Makes an account without any right; policies of buckets give it some. */
  createUser(accessKey: string, secretKey: string): Promise<void>
  close(): Promise<void>
}

const GATEWAY: GoProgram = {
  name: 'versitygw',
  packagePath: 'github.com/versity/versitygw/cmd/versitygw',
  version: '1.8.0',
}
const START_ATTEMPTS = 5
const READY_TIMEOUT_MS = 30_000
const STOP_TIMEOUT_MS = 10_000
const PROBE_INTERVAL_MS = 50

/** Why no S3 server can be started here, for `skip`; false when one can. */
export function missingS3Server(): string | false {
  const reason = missingGo()
  return reason === undefined ? false : `needs Go to build the S3 server: ${reason}`
}

/** Builds VersityGW if this machine has none yet, and starts it on a free port. */
export async function startS3Server(): Promise<S3Server> {
  const binary = await ensureGoProgram(GATEWAY)
  const folder = await openTempFolder('kb-s3-server-')
  try {
    for (const name of ['iam', 'root', 'versions']) await mkdir(join(folder.path, name))
    return await startIn(folder, binary)
  } catch (error) {
    await folder.close()
    throw error
  }
}

async function startIn(folder: TempFolder, binary: string): Promise<S3Server> {
  const accessKey = 'kafka-backup-tests'
  const secretKey = `secret/${Buffer.from(crypto.getRandomValues(new Uint8Array(18))).toString('hex')}`
  const rootFolder = join(folder.path, 'root')
  for (let attempt = 1; ; attempt++) {
    const [port = 0] = await findFreePorts(1)
    const server = launch(binary, folder.path, port, { accessKey, secretKey })
    const endpoint = `http://127.0.0.1:${port}`
    if (await isReady(server, endpoint)) {
      const close = async () => {
        server.signal('SIGTERM')
        if (!(await server.waitForEnd(STOP_TIMEOUT_MS))) server.signal('SIGKILL')
        await server.ended
        await folder.close()
      }
      return {
        endpoint,
        accessKey,
        secretKey,
        rootFolder,
        createBucket: (name) => mkdir(join(rootFolder, name)),
        createUser: async (user, secret) => {
          const keys = { ADMIN_ACCESS_KEY_ID: accessKey, ADMIN_SECRET_ACCESS_KEY: secretKey }
          const env = { ...process.env, ...keys, ADMIN_ENDPOINT_URL: endpoint }
          const args = ['admin', 'create-user', '--access', user, '--secret', secret, '--role', 'user']
          await promisify(execFile)(binary, args, { env })
        },
        close,
        [Symbol.asyncDispose]: close,
      }
    }
    server.signal('SIGKILL')
    await server.ended
    if (attempt === START_ATTEMPTS) {
      const log = await readFile(join(folder.path, 'server.log'), 'utf8')
      throw new Error(`the S3 server did not start in ${START_ATTEMPTS} attempts:\n${log}`)
    }
  }
}

function launch(
  binary: string,
  folder: string,
  port: number,
  keys: { readonly accessKey: string; readonly secretKey: string },
): OwnedProcess {
  const output = openSync(join(folder, 'server.log'), 'a')
  try {
    const server = new OwnedProcess({
      program: binary,
      args: [
        ...['--port', `127.0.0.1:${port}`, '--quiet', '--keep-alive', '--iam-dir', join(folder, 'iam')],
        ...['posix', '--versioning-dir', join(folder, 'versions'), join(folder, 'root')],
      ],
      // Not on the command line, which every process of the machine can read.
      env: { ROOT_ACCESS_KEY: keys.accessKey, ROOT_SECRET_KEY: keys.secretKey },
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
      // Any answer will do; without a signature it is a refusal.
      await fetch(endpoint, { signal: AbortSignal.timeout(READY_TIMEOUT_MS) })
      return server.isRunning
    } catch {
      await delay(PROBE_INTERVAL_MS)
    }
  }
  return false
}
