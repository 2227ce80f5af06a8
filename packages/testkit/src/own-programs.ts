import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ensureCached } from './test-cache.ts'

const SOURCES = fileURLToPath(new URL('../kafka', import.meta.url))
const COMPILE_TIMEOUT_MS = 5 * 60_000
const HASH_LENGTH = 12

const run = promisify(execFile)

/**
 * The folder with the classes of the testkit's own Java programs, compiled against the jars of one version of Kafka.
 * Run from their sources they would be compiled at each start, which takes a second of CPU.
 */
export async function ensureOwnPrograms(version: string, jarFolder: string): Promise<string> {
  const names = (await readdir(SOURCES)).filter((name) => name.endsWith('.java')).sort()
  const paths = names.map((name) => join(SOURCES, name))
  const hash = createHash('sha256')
  for (const path of paths) hash.update(await readFile(path))
  const name = `kafka-${version}-programs-${hash.digest('hex').slice(0, HASH_LENGTH)}`
  return ensureCached(name, async (folder) => {
    const jars = (await readdir(jarFolder)).filter((jar) => jar.endsWith('.jar'))
    const classpath = jars.map((jar) => join(jarFolder, jar)).join(delimiter)
    // By this name it is there wherever "java" is that of a JDK, whatever the PATH says of "javac".
    const args = ['--module', 'jdk.compiler/com.sun.tools.javac.Main', '-encoding', 'UTF-8']
    await run('java', [...args, '-cp', classpath, '-d', folder, ...paths], { timeout: COMPILE_TIMEOUT_MS })
  })
}
