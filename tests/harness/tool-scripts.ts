import { execFile } from 'node:child_process'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { archivePath, type KafkaCluster } from '@kafka-backup/testkit'

/** How a script ended. */
export interface ScriptEnd {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

const TIMEOUT_MS = 180_000
const JAVA_ARGS =
  '-Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn'
/** Classes of Kafka's tools; some moved in 4.0. */
const COMMANDS: Readonly<Record<string, { readonly since4: string; readonly before?: string }>> = {
  'kafka-consumer-groups': { since4: 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand' },
  'kafka-topics': { since4: 'org.apache.kafka.tools.TopicCommand' },
  'kafka-acls': { since4: 'org.apache.kafka.tools.AclCommand', before: 'kafka.admin.AclCommand' },
  'kafka-configs': { since4: 'kafka.admin.ConfigCommand' },
}

/** A folder as Kafka is installed in, with the tools that scripts need. */
export async function kafkaHome({
  folder,
  classpath,
  version,
}: Pick<KafkaCluster, 'folder' | 'classpath' | 'version'>): Promise<string> {
  const home = join(folder, 'kafka home')
  await mkdir(join(home, 'bin'), { recursive: true })
  for (const [name, { since4, before = since4 }] of Object.entries(COMMANDS)) {
    const tool = join(home, 'bin', `${name}.sh`)
    const command = version.startsWith('3.') ? before : since4
    await writeFile(tool, toolScript(classpath, command))
    await chmod(tool, 0o755)
  }
  return home
}

/** As the testkit does: the first run that ends by itself keeps its classes for the others, which start with half the work. */
function toolScript(classpath: string, command: string): string {
  const java = `${JAVA_ARGS} -cp '${classpath}' ${command} "$@"`
  return `#!/bin/sh
archive='${archivePath(classpath, command)}'
[ ! -f "$archive" ] || exec java -Xlog:disable -XX:SharedArchiveFile="$archive" ${java}
code=0
java -Xlog:disable -XX:ArchiveClassesAtExit="$archive.partial-$$" ${java} || code=$?
[ ! -f "$archive.partial-$$" ] || mv "$archive.partial-$$" "$archive"
exit "$code"
`
}

/** Runs a script file as it is, or by a shell, in the locale of a bare server. */
export function runScript(file: string, home: string, shell?: string): Promise<ScriptEnd> {
  const env = { PATH: process.env.PATH, JAVA_HOME: process.env.JAVA_HOME, KAFKA_HOME: home, LC_ALL: 'C' }
  return new Promise((resolve) => {
    const [program, words] = shell === undefined ? [file, []] : [shell, [file]]
    execFile(program, words, { env, timeout: TIMEOUT_MS, cwd: home }, (error, stdout, stderr) => {
      resolve({ exitCode: error ? Number(error.code ?? -1) : 0, stdout, stderr })
    })
  })
}
