import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What a script printed, and how it ended. */
export interface ScriptRun {
  readonly exitCode: number | null
  readonly output: string
}

/** The repository these tests belong to. */
export const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))

// Git sets these for its hooks; with them every command here would work on the repository that is being committed to.
for (const name of Object.keys(process.env)) if (name.startsWith('GIT_')) delete process.env[name]

/** Writes the files into a new folder that git knows, hands it to `use`, and removes it. */
export function withTree<T>(files: Readonly<Record<string, string>>, use: (root: string) => T): T {
  const root = mkdtempSync(join(tmpdir(), 'kafka-backup-tree-'))
  try {
    execFileSync('git', ['init', '-q', root])
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    }
    return use(root)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

/** Runs a script of this repository to its end. */
export function runScript(name: string, ...args: readonly string[]): ScriptRun {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(REPOSITORY, 'scripts', name), ...args],
    {
      encoding: 'utf8',
      cwd: REPOSITORY,
    },
  )
  return { exitCode: status, output: stdout + stderr }
}
