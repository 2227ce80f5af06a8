import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ensureOwnPrograms } from './own-programs.ts'
import { ensureCached } from './test-cache.ts'

/** Versions of Apache Kafka that the tests start, newest first. */
export const KAFKA_VERSIONS = ['4.2.1', '3.9.1'] as const

/** One of {@link KAFKA_VERSIONS}. */
export type KafkaVersion = (typeof KAFKA_VERSIONS)[number]

/** The version to test with when one is enough. */
export const LATEST_KAFKA: KafkaVersion = KAFKA_VERSIONS[0]

/** The jars of one version of Kafka and the testkit's own programs, ready for `java -cp`. */
export interface KafkaDistribution {
  readonly version: KafkaVersion
  readonly classpath: string
}

const POM_PATH = fileURLToPath(new URL('../kafka/pom.xml', import.meta.url))
const DOWNLOAD_TIMEOUT_MS = 15 * 60_000
const MIN_JAVA_MAJOR = 17
const INSTALL_HINT =
  'The Kafka tests need Java 17 or newer and Maven: install a JDK (Debian: default-jdk-headless) and maven, ' +
  'and see that "java" and "mvn" are on the PATH.'

const run = promisify(execFile)

/** The jars of `version` from the cache; the first call on a machine downloads them. */
export async function ensureKafka(version: KafkaVersion): Promise<KafkaDistribution> {
  const java = await checkedJava()
  const folder = await ensureCached(`kafka-${version}`, (partial) => copyJars(version, partial))
  const programs = await ensureOwnPrograms(version, folder, java)
  return { version, classpath: `${programs}${delimiter}${join(folder, '*')}` }
}

async function copyJars(version: KafkaVersion, folder: string): Promise<void> {
  const args = [
    '-q',
    '-B',
    '-f',
    POM_PATH,
    'dependency:copy-dependencies',
    `-Dkafka.version=${version}`,
    `-DoutputDirectory=${folder}`,
  ]
  try {
    await run('mvn', args, { timeout: DOWNLOAD_TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 })
  } catch (error) {
    if (isMissingProgram(error)) throw new Error(`"mvn" was not found. ${INSTALL_HINT}`)
    const output = (error as { stdout?: string }).stdout ?? ''
    throw new Error(`could not download Kafka ${version} with Maven:\n${output.trim()}`, { cause: error })
  }
  const jars = await readdir(folder)
  if (!jars.includes(`kafka-clients-${version}.jar`)) {
    throw new Error(`Maven ended without an error but left no kafka-clients-${version}.jar`)
  }
}

let javaCheck: Promise<string> | undefined

/** What "java" says of its version, which is new enough. */
function checkedJava(): Promise<string> {
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
