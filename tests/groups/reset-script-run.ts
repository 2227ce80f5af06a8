import { execFile } from 'node:child_process'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { KafkaCluster } from '@kafka-backup/testkit'

/** How a script ended. */
export interface ScriptEnd {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

const TIMEOUT_MS = 120_000
const JAVA_ARGS =
  '-Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn'
const COMMAND = 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand'

/** A folder as Kafka is installed in, with the one tool that scripts need. */
export async function kafkaHome({
  folder,
  classpath,
}: Pick<KafkaCluster, 'folder' | 'classpath'>): Promise<string> {
  const home = join(folder, 'kafka home')
  const tool = join(home, 'bin', 'kafka-consumer-groups.sh')
  await mkdir(join(home, 'bin'), { recursive: true })
  await writeFile(tool, `#!/bin/sh\nexec java ${JAVA_ARGS} -cp '${classpath}' ${COMMAND} "$@"\n`)
  await chmod(tool, 0o755)
  return home
}

/** Runs a script file as it is, in the locale of a bare server. */
export function runScript(file: string, home: string): Promise<ScriptEnd> {
  const env = { PATH: process.env.PATH, JAVA_HOME: process.env.JAVA_HOME, KAFKA_HOME: home, LC_ALL: 'C' }
  return new Promise((resolve) => {
    execFile(file, { env, timeout: TIMEOUT_MS, cwd: home }, (error, stdout, stderr) => {
      resolve({ exitCode: error ? Number(error.code ?? -1) : 0, stdout, stderr })
    })
  })
}
