import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { ensureCached } from './test-cache.ts'

const COMPILE_TIMEOUT_MS = 5 * 60_000
const HASH_LENGTH = 12
const JAR = 'programs.jar'
const JAR_TOOL = 'jdk.jartool/sun.tools.jar.Main'

const run = promisify(execFile)

/** Java programs of the testkit. `name` begins that of their folder in the cache; `java`: what it says of its version. */
export interface OwnPrograms {
  readonly name: string
  readonly sources: string
  readonly jars: string
  readonly java: string
}

/**
 * The jar of the testkit's own Java programs, compiled against the jars of one version of Kafka. Run from their sources they would
 * be compiled at each start, which takes a second of CPU. The archives of classes that stand beside it fit one version of Java and
 * of these programs, so that its folder has both in its name.
 */
export async function ensureOwnPrograms(programs: OwnPrograms): Promise<string> {
  const { sources, java } = programs
  const names = (await readdir(sources)).filter((name) => name.endsWith('.java')).sort()
  const paths = names.map((name) => join(sources, name))
  const hash = createHash('sha256').update(java)
  for (const path of paths) hash.update(await readFile(path))
  const name = `${programs.name}-programs-${hash.digest('hex').slice(0, HASH_LENGTH)}`
  const place = await ensureCached(name, async (folder) => {
    const jars = (await readdir(programs.jars)).filter((jar) => jar.endsWith('.jar'))
    const classpath = jars.map((jar) => join(programs.jars, jar)).join(delimiter)
    // By this name it is there wherever "java" is that of a JDK, whatever the PATH says of "javac".
    const args = ['--module', 'jdk.compiler/com.sun.tools.javac.Main', '-encoding', 'UTF-8']
    const classes = join(folder, 'classes')
    await run('java', [...args, '-cp', classpath, '-d', classes, ...paths], { timeout: COMPILE_TIMEOUT_MS })
    // No archive is made of the classes of a folder.
    await run('java', ['--module', JAR_TOOL, '--create', '--file', join(folder, JAR), '-C', classes, '.'])
  })
  return join(place, JAR)
}
