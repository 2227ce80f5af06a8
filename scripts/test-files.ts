import { existsSync, globSync, readFileSync } from 'node:fs'
import { join, posix, sep } from 'node:path'
import { findImports } from './source-scan.ts'

/**
 * Test files to run, relative to the root. Those with brokers are apart, fewer of them run at a time; those that do
 * little but wait for minutes are apart from both, and run beside them.
 */
export interface TestFiles {
  readonly light: readonly string[]
  readonly withBrokers: readonly string[]
  readonly waiting: readonly string[]
}

const PATTERNS = ['packages/*/test/**/*.test.ts', 'packages/*/src/**/*.test.ts', 'tests/**/*.test.ts']
const TESTKIT_NAME = '@kafka-backup/testkit'
// The testkit's conformance suites need no broker; what reaches this file can start one.
const BROKER_SOURCE = 'packages/testkit/src/kafka-distribution.ts'

/** The proofs: whole stories on real brokers, of minutes. They run by `npm run proof`, or when they are named. */
export const PROOF_FOLDERS = [
  'tests/fidelity/',
  'tests/lineage/',
  'tests/prune/',
  'tests/compact/',
  'tests/leaders/',
  'tests/crash/backup-kill',
  'tests/crash/crash-points',
  'tests/crash/suspended-writer',
  'tests/crash/restore-kill-',
  'tests/round-trip/keep-offsets-',
  'tests/round-trip/verify-',
  'tests/stores/racing-writers',
  'tests/stores/faults',
  'tests/stores/outage',
  'tests/simulation/',
  'tests/continuous/',
  'tests/applications/',
  'tests/groups/',
  'tests/cluster/',
  'tests/round-trip/restore-choices',
  'tests/bad-input/restore-beginnings',
  'tests/bad-input/restore-refusals',
] as const

/** They wait for the end of an outage, or for somebody to give up. */
const WAITING_FILES: readonly string[] = ['tests/stores/outage.test.ts']

/** All test files whose path holds one of the filters; without one, all but the proofs. Long runs are left out. */
export function findTestFiles(root: string, filters: readonly string[]): TestFiles {
  const files = globSync(PATTERNS, { cwd: root, exclude: (path) => path.includes('node_modules') })
    .map((path) => path.split(sep).join('/'))
    .filter((path) => !path.includes('/long/'))
    .filter((path) =>
      filters.length === 0 ? !isProof(path) : filters.some((filter) => path.includes(filter)),
    )
    .sort()
  const needsBroker = new Map(files.map((file) => [file, mayStartBrokers(root, file)]))
  const busy = files.filter((file) => !WAITING_FILES.includes(file))
  return {
    light: busy.filter((file) => !needsBroker.get(file)),
    withBrokers: busy.filter((file) => needsBroker.get(file)),
    waiting: files.filter((file) => WAITING_FILES.includes(file)),
  }
}

function isProof(path: string): boolean {
  return PROOF_FOLDERS.some((folder) => path.startsWith(folder))
}

function mayStartBrokers(root: string, file: string): boolean {
  // The tests of the scripts are the only ones under tests/ that run without a cluster.
  if (file.startsWith('packages/testkit/')) return true
  if (file.startsWith('tests/') && !file.startsWith('tests/scripts/')) return true
  return reachesBrokers(root, file, new Set())
}

/** Follows relative imports, also into shared files of the tests. */
function reachesBrokers(root: string, file: string, seen: Set<string>): boolean {
  if (file === BROKER_SOURCE) return true
  if (seen.has(file) || !existsSync(join(root, file))) return false
  seen.add(file)
  return findImports(readFileSync(join(root, file), 'utf8')).some(({ specifier }) => {
    if (specifier === null) return false
    if (specifier === TESTKIT_NAME || specifier.startsWith(`${TESTKIT_NAME}/`)) return true
    if (!specifier.startsWith('.')) return false
    return reachesBrokers(root, posix.join(posix.dirname(file), specifier), seen)
  })
}
