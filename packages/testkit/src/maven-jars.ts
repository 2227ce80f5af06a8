import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { promisify } from 'node:util'

/** What is to be copied: the dependencies of a POM file with `kafka.version`, of which one jar has to be there in the end. */
export interface MavenJars {
  readonly pomPath: string
  readonly kafkaVersion: string
  readonly expectedJar: string
}

const DOWNLOAD_TIMEOUT_MS = 15 * 60_000
const OUTPUT_MAX_BYTES = 64 * 1024 * 1024
const MIN_JAVA_MAJOR = 17
const INSTALL_HINT =
  'The Kafka tests need Java 17 or newer and Maven: install a JDK (Debian: default-jdk-headless) and maven, ' +
  'and see that "java" and "mvn" are on the PATH.'

const run = promisify(execFile)

/** Downloads the jars into a folder. */
export async function copyMavenJars(folder: string, jars: MavenJars): Promise<void> {
  const { pomPath, kafkaVersion, expectedJar } = jars
  const goal = ['-q', '-B', '-f', pomPath, 'dependency:copy-dependencies']
  const args = [...goal, `-Dkafka.version=${kafkaVersion}`, `-DoutputDirectory=${folder}`]
  try {
    await run('mvn', args, { timeout: DOWNLOAD_TIMEOUT_MS, maxBuffer: OUTPUT_MAX_BYTES })
  } catch (error) {
    if (isMissingProgram(error)) throw new Error(`"mvn" was not found. ${INSTALL_HINT}`)
    const output = (error as { stdout?: string }).stdout ?? ''
    throw new Error(`could not download Kafka ${kafkaVersion} with Maven:\n${output.trim()}`, {
      cause: error,
    })
  }
  if (!(await readdir(folder)).includes(expectedJar))
    throw new Error(`Maven ended without an error but left no ${expectedJar}`)
}

let javaCheck: Promise<string> | undefined

/** What "java" says of its version, which is new enough. */
export function checkedJava(): Promise<string> {
  javaCheck ??= javaVersion().then((said) => {
    // Java 8 and older call themselves 1.8.
    const major = Number(/version "(?:1\.)?(\d+)/.exec(said)?.[1] ?? 0)
    if (major < MIN_JAVA_MAJOR) throw new Error(`"java" is version ${major}. ${INSTALL_HINT}`)
    return said
  })
  return javaCheck
}

async function javaVersion(): Promise<string> {
  try {
    const { stderr, stdout } = await run('java', ['-version'])
    return stderr + stdout
  } catch (error) {
    if (isMissingProgram(error)) throw new Error(`"java" was not found. ${INSTALL_HINT}`)
    throw error
  }
}

function isMissingProgram(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}
