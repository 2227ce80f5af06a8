import { existsSync, renameSync, rmSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import type { ProcessEnd } from './owned-process.ts'

/** Arguments for a JVM, and what has to be called when it has ended. */
export interface ClassArchive {
  readonly args: readonly string[]
  onEnd(end: ProcessEnd): void
}

// What the JVM has to say of an archive goes to stdout, where results are expected.
const SILENCE = '-Xlog:disable'
const NOTHING: ClassArchive = { args: [], onEnd: () => undefined }

let count = 0

/**
 * The archive of loaded classes (class data sharing) of one program of the testkit or of Kafka: with it a JVM starts with half the
 * work. The first run that ends by itself writes it, in the folder of the testkit's own programs, which is one for each version of Kafka
 * and of Java. An archive that does not fit is passed over by the JVM.
 */
export function classArchive(jvmArgs: readonly string[]): ClassArchive {
  const at = jvmArgs.indexOf('-cp')
  const [classpath, program] = jvmArgs.slice(at + 1)
  if (at < 0 || classpath === undefined || program === undefined) return NOTHING
  // A source file is compiled in memory; its classes cannot be kept.
  if (program.endsWith('.java')) return NOTHING
  const path = archivePath(classpath, program)
  if (existsSync(path)) return { ...NOTHING, args: [SILENCE, `-XX:SharedArchiveFile=${path}`] }
  const partial = `${path}.partial-${process.pid}-${++count}`
  return {
    args: [SILENCE, `-XX:ArchiveClassesAtExit=${partial}`],
    onEnd: ({ exitCode }) => {
      if (!existsSync(partial)) return
      // One that was killed may have been at it. What is there already is replaced in one step: somebody may be reading it.
      if (exitCode === null) rmSync(partial)
      else renameSync(partial, path)
    },
  }
}

/** The first part of the classpath is the jar of the testkit's own programs. */
export function archivePath(classpath: string, program: string): string {
  const [programs = ''] = classpath.split(delimiter)
  return join(dirname(programs), `${program}.jsa`)
}
