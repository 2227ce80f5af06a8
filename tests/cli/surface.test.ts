import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type Setting, settingFlags } from '@kafka-backup/core'
import { assertExit, expectExit } from '../harness/archive.ts'
import { runProgram } from '../harness/run-program.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PROGRAM = join(ROOT, 'packages/cli/bin/kafka-backup.js')
const VERBS = [
  'backup',
  'restore',
  'list',
  'describe',
  'status',
  'validate',
  'cat',
  'grep',
  'count',
  'snapshot-groups',
  'prune',
  'compact',
  'repair',
  'probe',
  'diff',
]
/** Verbs of several words, which the help of their first word lists. */
const FAMILY_VERBS = [
  'cluster plan',
  'offsets report',
  'offset-reset plan',
  'offset-reset script',
  'config check backup',
  'config check restore',
  'config explain backup',
  'config explain restore',
]
const NOBODY = '127.0.0.1:1'

let folder: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kafka-backup-cli-'))
})

after(() => rm(folder, { recursive: true, force: true }))

test('the help of verify has no flags of a restore that mean nothing to a comparison', async () => {
  const { stdout } = await expectExit(0, ['verify', '--help'])
  for (const flag of ['--topics', '--as-of-commit', '--partitions', '--restore', '--source'])
    assert.match(stdout, new RegExp(`^  ${flag} `, 'm'))
  assert.doesNotMatch(stdout, /--(?:keep-offsets|purge-topics|resume|topic-mapping|from|dry-run|mode)\b/)
})

test('the help lists every verb and the exit codes', async () => {
  const { stdout, stderr } = await expectExit(0, ['--help'])
  for (const verb of VERBS)
    assert.match(stdout, new RegExp(`^  ${verb} \\[options\\](?: [<[]\\S+)*\\s+\\S`, 'm'))
  expectGoodHelp(stdout)
  assert.equal(stderr, '')
  const bare = await expectExit(2, [])
  assert.equal(bare.stdout, '')
  assert.equal(bare.stderr, stdout)
})

for (const verb of [...VERBS, ...FAMILY_VERBS, 'man', 'show-offset-mapping']) {
  test(`the help of ${verb} has examples and fits a terminal`, async () => {
    const { stdout, stderr } = await expectExit(0, [...verb.split(' '), '--help'])
    expectGoodHelp(stdout)
    assert.match(stdout, new RegExp(`^Examples:\\n  kafka-backup ${verb} `, 'm'))
    assert.equal(stderr, '')
    // Whoever pastes an example must not be told that an option is unknown.
    const [, examples = ''] = /^Examples:\n((?: {2}.*\n)+)/m.exec(stdout) ?? []
    for (const line of examples
      .replaceAll(/ \\\n\s*/g, ' ')
      .trimEnd()
      .split('\n')) {
      const args = line.trim().replaceAll("'", '').split(' ').slice(1)
      for (const flag of args.filter((arg) => arg.startsWith('--'))) {
        assert.ok(stdout.includes(`  ${flag}`) || stdout.includes(`, ${flag}`), `${flag} in: ${line}`)
      }
    }
  })
}

test('verbs of two words are found by their first, and refused by name', async () => {
  const { stdout } = await expectExit(0, ['offset-reset', '--help'])
  assert.match(stdout, /^ {2}plan \[options\] .*\n {2}script \[options\] /m)
  assert.doesNotMatch((await expectExit(0, ['--help'])).stdout, /show-offset-mapping/)
  const wrong = await expectExit(2, ['offset-reset', 'script', '--nothing'])
  assert.match(wrong.stderr, /Nothing was started\n.*kafka-backup offset-reset script --help/)
  const unknown = await expectExit(2, ['offset-reset', 'scrip'])
  assert.match(unknown.stderr, /Did you mean script\?/)
})

test('prints its version, also through npx', async () => {
  const { stdout, stderr } = await expectExit(0, ['--version'])
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
  assert.equal(stderr, '')
  const npx = spawnSync('npx', ['kafka-backup', '--version'], {
    cwd: ROOT,
    encoding: 'utf8',
    // It is installed here; nothing is to be fetched.
    env: { ...process.env, npm_config_offline: 'true', npm_config_yes: 'false' },
  })
  assert.equal(npx.status, 0, npx.stderr)
  assert.equal(npx.stdout, stdout)
})

test('an older Node is told why, in one sentence', (t) => {
  const node = olderNode()
  if (!node) return t.skip('no node below 24 on the PATH')
  const { status, stdout, stderr } = spawnSync(node, [PROGRAM, 'list'], { encoding: 'utf8' })
  assert.equal(status, 2)
  assert.equal(stdout, '')
  assert.match(stderr, /^kafka-backup needs Node\.js 24 or newer; this is v\d+/)
  assert.match(stderr, /Nothing was started/)
  assert.doesNotMatch(stderr, /^\s+at /m)
})

for (const verb of ['backup', 'restore', 'read'] as const) {
  test(`every flag of ${verb} is understood and checked`, async () => {
    const name = verb === 'read' ? 'list' : verb
    const flags = [...settingFlags(verb)].filter(([, setting]) => setting.status.kind === 'effective')
    assert.ok(flags.length >= 3)
    const refused = flags.flatMap(([flag, setting]) => {
      const value = invalidValue(setting)
      return value === undefined ? [] : [[flag, value] as const]
    })
    // All that is wrong is told at once, up to ten: few runs show that each flag reaches its setting.
    for (let at = 0; at < refused.length; at += 10) {
      const some = refused.slice(at, at + 10)
      const { stderr } = await expectExit(2, [name, ...some.flat()])
      for (const [flag] of some) assert.match(stderr, new RegExp(`${flag} (?:must be|needs)`))
    }
    const valid = flags.filter(
      // Those of storage exclude --repo and one another.
      ([, { path }]) => !path.startsWith('storage.') && !path.includes('.security.'),
    )
    const args = valid.flatMap(([flag, setting]) => [flag, validValue(setting)])
    const end = await runProgram([name, ...args, '--output-format', 'json'])
    // What follows the settings fails: nobody listens there, and there is no such backup.
    assert.ok([2, 6].includes(end.exitCode ?? -1), end.stderr)
    assert.match(
      end.json<{ error: { code: string } }>().error.code,
      /KB_(CLUSTER_UNREACHABLE|BACKUP_NOT_FOUND)/,
    )
    const path = await runProgram([name, '--path', folder, '--prefix', 'sub', '--output-format', 'json'])
    assert.doesNotMatch(path.stdout, /--repo/)
  })
}

test('a reader that closes stdout early causes no stack trace', async () => {
  const repo = pathToFileURL(folder).href
  for (const command of [
    '--help',
    'backup --help',
    `list --repo ${repo}`,
    'list --repo x --output-format json',
  ]) {
    const script = `{ sleep 0.2; "${process.execPath}" "${PROGRAM}" ${command}; echo "exit $?" >&2; } | true`
    const { stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8', cwd: folder })
    assert.match(stderr, /exit [02]\n$/, command)
    assert.doesNotMatch(stderr, /EPIPE|Unhandled|^\s+at /m)
  }
})

test('a result that cannot be printed is not a success', (t) => {
  if (!existsSync('/dev/full')) return t.skip('no /dev/full')
  const repo = pathToFileURL(folder).href
  const script = `"${process.execPath}" "${PROGRAM}" list --repo ${repo} > /dev/full`
  const { status, stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8' })
  assert.equal(status, 1)
  assert.match(stderr, /^Failed: cannot write the result to stdout \(ENOSPC\)$/m)
})

test('a repository that is empty or absent holds no backup', async () => {
  await mkdir(join(folder, 'empty'))
  for (const name of ['empty', 'absent']) {
    const repo = pathToFileURL(join(folder, name)).href
    const table = await expectExit(0, ['list', '--repo', repo])
    assert.equal(table.stdout, `No backup in ${repo}\n`)
    const { kind, backups } = (
      await expectExit(0, ['list', '--repo', repo, '--output-format', 'json'])
    ).json()
    assert.deepEqual([kind, backups], ['backup_list', []])
  }
  assert.equal(existsSync(join(folder, 'absent')), false)
})

test('a store in memory has nothing to read, and says so without a warning before it', async () => {
  const place = ['--repo', 'memory:///trial']
  for (const args of [['list'], ['validate', '--backup-id', 'a'], ['status', '--backup-id', 'a']]) {
    const { stderr, stdout } = await expectExit(2, [...args, ...place])
    assert.equal(stdout, '')
    assert.match(stderr, /^(Error: )?.*memory:\/\/\/trial is in the memory of this program/)
    assert.doesNotMatch(stderr, /Warning/)
    assert.match(stderr, /--repo file:\/\/\/var\/backups/)
  }
  const { stderr } = await expectExit(2, ['list', '--repo', 'memory:'])
  assert.match(stderr, /not followed by \/\//)
  assert.doesNotMatch(stderr, /Warning/)
  assert.doesNotMatch((await expectExit(0, ['probe', ...place])).stderr, /Warning/)
})

test('a name of a store in memory with two slashes is told how it is written, and what it is for', async () => {
  for (const verb of ['list', 'probe']) {
    const { stderr } = await expectExit(2, [verb, '--repo', 'memory://trial'])
    assert.match(stderr, /it needs three slashes/)
    assert.match(stderr, /memory:\/\/\/NAME.*nothing of it is kept when the program ends/)
  }
})

test('files with credentials and profiles that are not there are mistakes of the configuration', async () => {
  const absent = join(folder, 'absent.json')
  const backup = ['backup', '--bootstrap-servers', NOBODY, '--topics', 'a', '--backup-id', 'b']
  for (const [repo, env, says] of [
    [`gs://bucket?service_account_path=${absent}`, {}, /storage\.service_account_path names cannot be read/],
    ['gs://bucket', { GOOGLE_APPLICATION_CREDENTIALS: absent }, /GOOGLE_APPLICATION_CREDENTIALS names/],
    ['s3://bucket?region=eu-central-1&profile=absent', {}, /no profile absent of AWS/],
  ] as const) {
    for (const args of [['list'], ['probe'], backup]) {
      const { stderr } = await expectExit(2, [...args, '--repo', repo], { env })
      assert.match(stderr, says)
    }
  }
})

test('a limit of the pace of a backup is refused with the one that there is', async () => {
  const server = [
    '--bootstrap-servers',
    NOBODY,
    '--topics',
    'a',
    '--backup-id',
    'b',
    '--repo',
    'file:///nowhere',
  ]
  const { stderr } = await expectExit(2, ['backup', ...server, '--rate-limit-bytes-per-sec', '1000'])
  assert.match(stderr, /--storage-rate-limit-bytes-per-sec/)
  assert.doesNotMatch(stderr, /later version/)
})

test('errors of the command line are JSON when that was asked for, whatever else is wrong', async () => {
  for (const args of [
    ['backup', '--output-format', 'json', '--nope'],
    ['backup', '--output-format=json', 'extra'],
    ['nope', '--output-format', 'json'],
    ['list', '--output-format', 'json'],
  ]) {
    const end = await runProgram(args)
    assertExit(end, 2)
    const { kind, error } = end.json<{ kind: string; error: { code: string; exit_code: number } }>()
    assert.deepEqual([kind, error.exit_code], ['error', 2])
    assert.match(end.stderr, /^Refused: /)
  }
})

function expectGoodHelp(text: string): void {
  for (const line of text.split('\n')) assert.ok(line.length <= 80, `longer than 80 columns: ${line}`)
  assert.match(text, /^Exit codes:$/m)
  for (const code of [0, 1, 2, 3, 4, 5, 6, 7, 8, 70, 130]) assert.match(text, new RegExp(` ${code}  \\S`))
  assert.doesNotMatch(text, /undefined|\[object|NaN|`/)
}

/** Values of settings with rules of their own. */
const VALID_TEXTS: Readonly<Record<string, string>> = {
  'backup.partitions': '0',
  'restore.partitions': '0',
  'restore.source_partitions': '0',
  'restore.time_window_start': '-2h',
  'restore.time_window_end': 'now',
  'restore.offset_ranges': 'orders/0:1-2',
  'restore.partition_mapping': '0=1',
  'restore.repartitioning': 'orders=3',
  'restore.topic_config_overrides': 'retention.ms=-1',
}

function validValue(setting: Setting): string {
  if (setting.path === 'repo') return pathToFileURL(folder).href
  // A run that fails writes its figures too: not into the working folder.
  if (setting.path === 'metrics.file') return join(folder, 'metrics.prom')
  const { type } = setting
  if (setting.path.endsWith('bootstrap_servers')) return NOBODY
  const own = VALID_TEXTS[setting.path]
  if (own !== undefined) return own
  if (type.kind === 'integer') return String(setting.default ?? type.min)
  if (type.kind === 'boolean') return 'false'
  if (type.kind === 'choice') return type.choices[0] ?? ''
  return type.kind === 'pairs' ? 'a=b' : 'daily'
}

/** Undefined for texts without a rule that could be broken here. */
function invalidValue(setting: Setting): string | undefined {
  const { type } = setting
  if (type.kind === 'integer') return '999999999999999'
  if (type.kind === 'boolean' || type.kind === 'choice') return 'perhaps'
  // Any text may be meant as a repository, until it is opened.
  const rule = setting.check ?? setting.checkPair ?? setting.checkSections
  return rule && setting.path !== 'repo' ? '~/..' : undefined
}

function olderNode(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((path) => !path.includes('node_modules'))
  return folders
    .map((path) => join(path, 'node'))
    .filter((path) => existsSync(path))
    .find((path) => {
      const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' })
      return Number(/^v(\d+)/.exec(stdout)?.[1] ?? 99) < 24
    })
}
