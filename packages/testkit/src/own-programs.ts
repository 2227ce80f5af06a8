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
const JAR = 'programs.jar'
const JAR_TOOL = 'jdk.jartool/sun.tools.jar.Main'

const run = promisify(execFile)

/**
 * The jar of the testkit's own Java programs, compiled against the jars of one version of Kafka. Run from their sources they would
 * be compiled at each start, which takes a second of CPU. The archives of classes that stand beside it fit one version of Java and
 * of these programs, so that its folder has both in its name. `java`: what it says of its version.
 */
export async function ensureOwnPrograms(version: string, jarFolder: string, java: string): Promise<string> {
  const names = (await readdir(SOURCES)).filter((name) => name.endsWith('.java')).sort()
  const paths = names.map((name) => join(SOURCES, name))
  const hash = createHash('sha256').update(java)
  for (const path of paths) hash.update(await readFile(path))
  const name = `kafka-${version}-programs-${hash.digest('hex').slice(0, HASH_LENGTH)}`
  const place = await ensureCached(name, async (folder) => {
    const jars = (await readdir(jarFolder)).filter((jar) => jar.endsWith('.jar'))
    const classpath = jars.map((jar) => join(jarFolder, jar)).join(delimiter)
    // By this name it is there wherever "java" is that of a JDK, whatever the PATH says of "javac".
    const args = ['--module', 'jdk.compiler/com.sun.tools.javac.Main', '-encoding', 'UTF-8']
    const classes = join(folder, 'classes')
    await run('java', [...args, '-cp', classpath, '-d', classes, ...paths], { timeout: COMPILE_TIMEOUT_MS })
    // No archive is made of the classes of a folder.
    await run('java', ['--module', JAR_TOOL, '--create', '--file', join(folder, JAR), '-C', classes, '.'])
  })
  return join(place, JAR)
}
