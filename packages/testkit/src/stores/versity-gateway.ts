import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { openTempFolder } from '../temp-folder.ts'
import { ensureGoProgram, type GoProgram, missingGo } from './go-program.ts'
import { answersHttp, startOnFreePort } from './start-on-free-port.ts'

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
const READY_TIMEOUT_MS = 30_000

/** Why no S3 server can be started here, for `skip`; false when one can. */
export function missingS3Server(): string | false {
  const reason = missingGo()
  return reason === undefined ? false : `needs Go to build the S3 server: ${reason}`
}

/** Parts of an S3 server that have defaults. */
export interface S3ServerOptions {
  /** Buckets have names of their own below this one too, as `BUCKET.localhost`; default: they are part of the path only. */
  readonly virtualDomain?: string
}

/** Builds VersityGW if this machine has none yet, and starts it on a free port. */
export async function startS3Server({ virtualDomain }: S3ServerOptions = {}): Promise<S3Server> {
  const program = await ensureGoProgram(GATEWAY)
  const folder = await openTempFolder('kb-s3-server-')
  const inside = (name: string): string => join(folder.path, name)
  for (const name of ['iam', 'root', 'versions']) await mkdir(inside(name))
  const accessKey = 'kafka-backup-tests'
  const secretKey = `secret/${Buffer.from(crypto.getRandomValues(new Uint8Array(18))).toString('hex')}`
  const { port, close } = await startOnFreePort({
    name: 'the S3 server',
    folder,
    readyTimeoutMs: READY_TIMEOUT_MS,
    command: (at) => ({
      program,
      args: [
        ...['--port', `127.0.0.1:${at}`, '--quiet', '--keep-alive', '--iam-dir', inside('iam')],
        ...(virtualDomain === undefined ? [] : ['--virtual-domain', virtualDomain]),
        ...['posix', '--versioning-dir', inside('versions'), inside('root')],
      ],
      // Not on the command line, which every process of the machine can read.
      env: { ROOT_ACCESS_KEY: accessKey, ROOT_SECRET_KEY: secretKey },
    }),
    // Without a signature it is a refusal.
    isReady: (at) => answersHttp(`http://127.0.0.1:${at}`),
  })
  const endpoint = `http://127.0.0.1:${port}`
  return {
    endpoint,
    accessKey,
    secretKey,
    rootFolder: inside('root'),
    createBucket: (name) => mkdir(join(inside('root'), name)),
    createUser: async (user, secret) => {
      const keys = { ADMIN_ACCESS_KEY_ID: accessKey, ADMIN_SECRET_ACCESS_KEY: secretKey }
      const env = { ...process.env, ...keys, ADMIN_ENDPOINT_URL: endpoint }
      const args = ['admin', 'create-user', '--access', user, '--secret', secret, '--role', 'user']
      await promisify(execFile)(program, args, { env })
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}
