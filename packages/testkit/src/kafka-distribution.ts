import { execFile } from 'node:child_process'
import { access, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** Versions of Apache Kafka that the tests start, newest first. */
export const KAFKA_VERSIONS = ['4.2.1', '3.9.1'] as const

/** One of {@link KAFKA_VERSIONS}. */
export type KafkaVersion = (typeof KAFKA_VERSIONS)[number]

/** The version to test with when one is enough. */
export const LATEST_KAFKA: KafkaVersion = KAFKA_VERSIONS[0]

/** The jars of one version of Kafka, ready for `java -cp`. */
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
  await checkJava()
  const folder = join(cacheFolder(), `kafka-${version}`)
  // Only a finished download ever has this name.
  if (!(await exists(folder))) await download(version, folder)
  return { version, classpath: join(folder, '*') }
}

function cacheFolder(): string {
  const { KAFKA_BACKUP_TEST_CACHE: own, XDG_CACHE_HOME: shared } = process.env
  if (own) return own
  return join(shared || join(homedir(), '.cache'), 'kafka-backup-test')
}

async function download(version: KafkaVersion, folder: string): Promise<void> {
  await mkdir(cacheFolder(), { recursive: true })
  const partial = await mkdtemp(`${folder}.partial-`)
  try {
    await copyJars(version, partial)
    await rename(partial, folder)
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    // Another process was faster: its folder is as good as ours.
    if (!(await exists(folder))) throw error
  }
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

let javaCheck: Promise<void> | undefined

function checkJava(): Promise<void> {
  javaCheck ??= findJavaMajor().then((major) => {
    if (major < MIN_JAVA_MAJOR) throw new Error(`"java" is version ${major}. ${INSTALL_HINT}`)
  })
  return javaCheck
}

async function findJavaMajor(): Promise<number> {
  try {
    const { stderr, stdout } = await run('java', ['-version'])
    // Java 8 and older call themselves 1.8.
    const match = /version "(?:1\.)?(\d+)/.exec(stderr + stdout)
    return Number(match?.[1] ?? 0)
  } catch (error) {
    if (isMissingProgram(error)) throw new Error(`"java" was not found. ${INSTALL_HINT}`)
    throw error
  }
}

function isMissingProgram(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
