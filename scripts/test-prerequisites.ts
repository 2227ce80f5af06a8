import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { KAFKA_VERSIONS } from '../packages/testkit/src/kafka-distribution.ts'
import { missingGcsServer } from '../packages/testkit/src/stores/fake-gcs.ts'
import { missingS3Server } from '../packages/testkit/src/stores/versity-gateway.ts'

const MIN_JAVA_MAJOR = 17
const MIN_NODE_MAJOR = 24

/** What is missing for the tests; empty when all is there. Java and Maven are needed for brokers only. */
export function missingPrerequisites(needsBrokers: boolean): readonly string[] {
  const missing: string[] = []
  if (Number(process.versions.node.split('.')[0]) < MIN_NODE_MAJOR) {
    missing.push(
      `Node.js ${MIN_NODE_MAJOR} or newer: this is ${process.version}. "npm ci" installs one and "npm test" uses it.`,
    )
  }
  if (!needsBrokers) return missing
  const java = javaMajor()
  if (java === undefined || java < MIN_JAVA_MAJOR) {
    const found = java === undefined ? '"java" was not found on the PATH' : `"java" is version ${java}`
    missing.push(
      `Java ${MIN_JAVA_MAJOR} or newer, as a JDK: ${found}. Debian: apt install default-jdk-headless`,
    )
  }
  const uncached = KAFKA_VERSIONS.filter((version) => !existsSync(join(cacheFolder(), `kafka-${version}`)))
  if (uncached.length > 0 && outputOf('mvn', ['-v']) === undefined) {
    missing.push(
      `Maven, to fetch Kafka ${uncached.join(' and ')} once: "mvn" was not found on the PATH. Debian: apt install maven`,
    )
  }
  return missing
}

/** Why tests are skipped on this machine; empty when none has a reason to be. */
export function skipReasons(): readonly string[] {
  const reasons = [
    ['S3 on a real server', missingS3Server()],
    ['Google Cloud Storage on a server', missingGcsServer()],
  ] as const
  return reasons.flatMap(([what, reason]) => (reason === false ? [] : [`${what}: ${reason}`]))
}

function javaMajor(): number | undefined {
  const output = outputOf('java', ['-version'])
  if (output === undefined) return undefined
  // Java 8 and older call themselves 1.8.
  return Number(/version "(?:1\.)?(\d+)/.exec(output)?.[1] ?? 0)
}

function outputOf(program: string, args: readonly string[]): string | undefined {
  const { error, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  return error ? undefined : `${stdout}${stderr}`
}

/** As the testkit finds it, which has the last word when a broker is started. */
function cacheFolder(): string {
  const { KAFKA_BACKUP_TEST_CACHE: own, XDG_CACHE_HOME: shared } = process.env
  return own || join(shared || join(homedir(), '.cache'), 'kafka-backup-test')
}
