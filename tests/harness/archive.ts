import assert from 'node:assert/strict'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { KafkaCluster } from '@kafka-backup/testkit'
import { type ProgramEnd, type ProgramOptions, runProgram } from './run-program.ts'

/** One backup in a repository that is a folder. */
export interface Archive {
  readonly folder: string
  readonly backupId: string
}

type Reachable = Pick<KafkaCluster, 'bootstrap'>

/** Path of something inside the backup's own folder. */
export function archivePath(archive: Archive, ...elements: readonly string[]): string {
  return join(archive.folder, archive.backupId, ...elements)
}

export function backupArgs(cluster: Reachable, archive: Archive, topics: readonly string[]): string[] {
  return ['backup', '--bootstrap-servers', cluster.bootstrap, '--topics', topics.join(','), ...place(archive)]
}

/** Restores every topic of `names` under its new name. */
export function restoreArgs(
  cluster: Reachable,
  archive: Archive,
  names: ReadonlyMap<string, string>,
): string[] {
  const mapping = [...names].map(([source, target]) => `${source}=${target}`).join(',')
  const topics = [...names.keys()].join(',')
  const where = ['--bootstrap-servers', cluster.bootstrap, ...place(archive)]
  return ['restore', ...where, '--topics', topics, '--topic-mapping', mapping]
}

/** Created topics are not compacted, so that no cleaner takes records away from what is compared. */
export const UNCOMPACTED: readonly string[] = ['--restore-topic-configs', 'false']

export function validateArgs(archive: Archive): string[] {
  return ['validate', ...place(archive), '--deep']
}

/** `orders` to `orders-restored`, for each topic. */
export function renamed(topics: readonly string[], suffix: string): Map<string, string> {
  return new Map(topics.map((topic) => [topic, `${topic}-${suffix}`]))
}

/** Runs the program and insists on this exit code; a failure shows everything that was printed. */
export async function expectExit(
  exitCode: number,
  args: readonly string[],
  options?: ProgramOptions,
): Promise<ProgramEnd> {
  const end = await runProgram(args, options)
  assertExit(end, exitCode)
  return end
}

/** Fails with everything that was printed unless the program ended by itself with this exit code. */
export function assertExit(end: ProgramEnd, exitCode: number): void {
  const how = end.signal === null ? `exit code ${end.exitCode}` : `signal ${end.signal}`
  const said = `ended with ${how}, expected exit code ${exitCode}\nstdout:\n${end.stdout}\nstderr:\n${end.stderr}`
  assert.ok(end.exitCode === exitCode, said)
}

/** What `validate --deep` says of an archive that nothing is wrong with. */
export interface ValidationDocument {
  readonly verdict: string
  readonly commits: number
  readonly segments: number
  readonly records: number
  readonly orphans: { readonly objects: number; readonly bytes: number }
  readonly findings: readonly { readonly severity: string; readonly code: string; readonly key: string }[]
}

/** Validates every byte: the verdict is `complete`, and of findings there are only notes (orphans). */
export async function expectComplete(archive: Archive): Promise<ValidationDocument> {
  const end = await expectExit(0, validateArgs(archive))
  const report = end.json<ValidationDocument>()
  const wrong = report.findings.filter((finding) => finding.severity !== 'note')
  assert.deepEqual({ verdict: report.verdict, wrong }, { verdict: 'complete', wrong: [] })
  return report
}

function place(archive: Archive): string[] {
  const repo = pathToFileURL(archive.folder).href
  return ['--repo', repo, '--backup-id', archive.backupId, '--output-format', 'json']
}
