import type { StorageBackend } from '@kafka-backup/core'
import type { KafkaProxy } from '@kafka-backup/testkit'
import type { Archive } from '../harness/archive.ts'
import type { RunningProgram } from '../harness/run-program.ts'

/** Where a run dies: at the edge with this number, from 1, of all or of those of a kind, before its effect or after it. */
export interface CrashPoint {
  readonly at: number
  readonly when: 'before' | 'after'
  /** null: all count. */
  readonly kind: string | null
}

/** What a run came by, in order: kinds of calls and of objects, such as `link commits`. Some begin and never have an effect. */
export type PassedEdges = Readonly<Record<CrashPoint['when'], readonly string[]>>

/** A run that is to die somewhere, or nowhere. */
export interface AimedRun {
  readonly env: Readonly<Record<string, string>>
  /** Called with the program as soon as it was started. */
  watch(program: RunningProgram): void
  /** Called when it has ended: nothing dies any more. */
  end(): Promise<PassedEdges>
}

/** Where runs of the program write, one at a time. */
export interface CrashLane extends AsyncDisposable {
  readonly kafka: KafkaProxy
  /** `folder` is where the objects lie as files. */
  archive(backupId: string): Archive
  /** Flags and variables of the repository of an archive. */
  place(archive: Archive): {
    readonly args: readonly string[]
    readonly env: Readonly<Record<string, string>>
  }
  /** Null: the run is not killed. */
  aim(archive: Archive, point: CrashPoint | null): AimedRun
  openStorage(archive: Archive): StorageBackend
}

/** What an object is, by its key: `commits` of `daily/commits/0001.json`. */
export function kindOfKey(key: string, backupId: string): string {
  const elements = key.split('/').filter((element) => element !== '')
  if (elements[0] === backupId) elements.shift()
  return elements[0] ?? 'the folder'
}
