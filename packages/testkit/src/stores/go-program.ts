import { execFile, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ensureCached } from '../test-cache.ts'

/** A program that is built from the Go module proxy. */
export interface GoProgram {
  /** Of the binary. */
  readonly name: string
  /** Path of the package to install, without the version. */
  readonly packagePath: string
  /** Without the `v`. */
  readonly version: string
}

const BUILD_TIMEOUT_MS = 20 * 60_000
const run = promisify(execFile)

/** Why no Go program can be built here; undefined when one can. */
export function missingGo(): string | undefined {
  const found = spawnSync('go', ['version'], { stdio: 'ignore' })
  return found.status === 0 ? undefined : '"go" was not found on the PATH (Debian: apt install golang-go)'
}

/** Path of the binary in the cache; the first call on a machine builds it, which takes minutes. */
export async function ensureGoProgram({ name, packagePath, version }: GoProgram): Promise<string> {
  const folder = await ensureCached(`${name}-${version}`, (partial) =>
    install(`${packagePath}@v${version}`, partial),
  )
  return join(folder, name)
}

async function install(target: string, folder: string): Promise<void> {
  const env = { ...process.env, GOBIN: folder, CGO_ENABLED: '0' }
  try {
    await run('go', ['install', '-ldflags', '-s -w', target], { env, timeout: BUILD_TIMEOUT_MS })
  } catch (error) {
    const output = (error as { stderr?: string }).stderr ?? ''
    throw new Error(`could not build ${target}:\n${output.trim()}`, { cause: error })
  }
}
