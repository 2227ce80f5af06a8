import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { Command, Option } from 'commander'
import { commandTree } from '../../packages/cli/src/command-tree.ts'
import { bashCompletion } from '../../packages/cli/src/render/bash-completion.ts'
import { fishCompletion } from '../../packages/cli/src/render/fish-completion.ts'
import { zshCompletion } from '../../packages/cli/src/render/zsh-completion.ts'
import { expectExit } from '../harness/archive.ts'

const SCRIPTS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion }
const ASK = { bash: askBash, zsh: askZsh, fish: askFish }
type Shell = keyof typeof SCRIPTS
const SHELLS: readonly Shell[] = ['bash', 'zsh', 'fish']
/** What would run something, or end a text, in a shell that takes it for more than a name. */
const ODD = 'it\'s:$(touch ran) `touch ran`;"\\'
const TIMEOUT_MS = 120_000
const run = promisify(execFile)

let folder: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kafka-backup-completion-'))
  for (const shell of SHELLS) {
    const { stdout, stderr } = await expectExit(0, ['completion', shell])
    assert.equal(stderr, '')
    await writeFile(join(folder, `script.${shell}`), stdout)
  }
  await mkdir(join(folder, 'places', 'some folder'), { recursive: true })
  await writeFile(join(folder, 'places', 'some file.yaml'), '')
})

after(() => rm(folder, { recursive: true, force: true }))

/** What a shell offers for a line, from the same questions for each of them. */
const ANSWERS: readonly (readonly [string, readonly string[]])[] = [
  ['kafka-backup ba', ['backup']],
  ['kafka-backup offset-reset ', ['plan', 'script']],
  ['kafka-backup offset-reset s', ['script']],
  ['kafka-backup --version offset-reset s', ['script']],
  ['kafka-backup backup --compressi', ['--compression', '--compression-level']],
  ['kafka-backup backup --compression ', ['lz4', 'none', 'zstd']],
  ['kafka-backup backup --dry-run --compression z', ['zstd']],
  ['kafka-backup backup --output-format=js', ['json']],
  ['kafka-backup backup --output-format=json --compressi', ['--compression', '--compression-level']],
  ['kafka-backup offset-reset plan --strategy from-', ['from-mapping']],
  // Too long to stand in the help of the option.
  ['kafka-backup backup --security-protocol SASL_P', ['SASL_PLAINTEXT']],
  ['kafka-backup completion ', ['bash', 'fish', 'zsh']],
  ['kafka-backup help offset-re', ['offset-reset']],
  ['kafka-backup backup --config places/', ['places/some file.yaml', 'places/some folder']],
  ['kafka-backup backup --path places/', ['places/some folder']],
  ['kafka-backup backup --backup-id ', []],
  ['kafka-backup nothing ', []],
  ['kafka-backup nothing --', []],
  ['kafka-backup offset-reset nothing --', []],
  ['kafka-backup show-off', []],
  [`kafka-backup $(touch ran) \`touch ran\` `, []],
]

for (const shell of SHELLS) {
  test(`${shell} completes verbs, options, values and paths, and runs nothing`, async (t) => {
    const reason = reasonToSkip(shell)
    if (reason) return t.skip(reason)
    const script = join(folder, `script.${shell}`)
    const answers = await ASK[shell](
      script,
      ANSWERS.map(([line]) => line),
    )
    assert.deepEqual(
      answers.map((offered, at) => [ANSWERS[at]?.[0], offered]),
      ANSWERS,
    )
    assert.ok(!existsSync(join(folder, 'ran')))
  })

  test(`${shell} takes odd names for names`, async (t) => {
    const reason = reasonToSkip(shell)
    if (reason) return t.skip(reason)
    const program = new Command('kafka-backup').description(ODD)
    const verb = program.command('verb').summary(ODD).description(ODD)
    const option = new Option('--kind <name>', ODD)
    option.argChoices = [ODD, 'plain']
    verb.addOption(option)
    program.command("it's").summary(ODD)
    const script = join(folder, `odd.${shell}`)
    await writeFile(script, SCRIPTS[shell](commandTree(program)))
    const answers = await ASK[shell](script, [
      'kafka-backup v',
      'kafka-backup it',
      'kafka-backup verb --k',
      'kafka-backup verb --kind ',
    ])
    assert.deepEqual(answers, [['verb'], ["it's"], ['--kind'], [ODD, 'plain']])
    assert.ok(!existsSync(join(folder, 'ran')))
  })
}

test('a TAB completes what is typed at a terminal', async (t) => {
  if (isAbsent('script')) return t.skip('no script(1)')
  const typed = [
    'kafka-backup() { printf "<%s>" got "$@"; echo; }',
    `source '${join(folder, 'script.bash')}'`,
    'kafka-backup ba\t --output-format=js\t --compression zs\t--config places/some\\ fi\t',
    'exit',
  ]
  const { stdout } = spawnSync('script', ['-qec', 'bash --norc --noprofile -i', '/dev/null'], {
    cwd: folder,
    encoding: 'utf8',
    input: typed.map((line) => `${line}\n`).join(''),
    env: { ...process.env, TERM: 'dumb', HISTFILE: '' },
    timeout: TIMEOUT_MS,
  })
  const expected = ['got', 'backup', '--output-format=json', '--compression', 'zstd', '--config']
  const shown = [...expected, 'places/some file.yaml'].map((word) => `<${word}>`).join('')
  assert.ok(stdout.includes(shown), stdout)
})

test('the help says for each shell how the script is installed', async () => {
  const { stdout } = await expectExit(0, ['completion', '--help'])
  for (const shell of SHELLS)
    assert.match(stdout, new RegExp(`kafka-backup completion ${shell}\\b.*>> ~/`, 's'))
  assert.match((await expectExit(0, ['--help'])).stdout, /^ {2}completion <bash\|zsh\|fish>\s/m)
})

test('a shell that has no script is refused', async () => {
  const { stdout, stderr } = await expectExit(2, ['completion', 'csh'])
  assert.equal(stdout, '')
  assert.match(
    stderr,
    /^Refused: there are scripts for bash, zsh and fish, not for csh\. Nothing was started$/m,
  )
})

function isAbsent(program: string): boolean {
  return spawnSync(program, ['--version']).error !== undefined
}

function reasonToSkip(shell: Shell): string | undefined {
  if (isAbsent(shell)) return `no ${shell} on the PATH`
  return shell === 'zsh' && isAbsent('script')
    ? 'no script(1), and zsh completes at a terminal only'
    : undefined
}

/** As bash itself calls the function: an equals sign is a word. */
async function askBash(script: string, lines: readonly string[]): Promise<string[][]> {
  const asked = lines.map((line) => {
    const words = line
      .split(' ')
      .flatMap((word) => word.split(/(=)/).filter((part, at) => part !== '' || at === 0))
    const quoted = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`)
    return `COMP_WORDS=(${quoted.join(' ')}) COMP_CWORD=${words.length - 1}; answer`
  })
  const text = `source '${script}'
answer() {
  _kafka_backup
  for word in "\${COMPREPLY[@]}"; do
    # Bash itself quotes paths; anything else stands in the line as it is offered, and is read like that.
    case $word in places/*) ;; *) eval "word=$word" ;; esac
    printf '%s\\n' "$word"
  done
  echo .
}
${asked.join('\n')}
`
  const { stdout, stderr } = await run('bash', ['-u', '-c', text], { cwd: folder, timeout: TIMEOUT_MS })
  assert.equal(stderr, '')
  return answersOf(stdout)
}

async function askFish(script: string, lines: readonly string[]): Promise<string[][]> {
  await writeFile(join(folder, 'lines'), lines.map((line) => `${line}\n`).join(''))
  const text = `source '${script}'
while read -l line
  complete -C "$line" | string replace -r '\\t.*' ''
  echo .
end < lines`
  const { stdout, stderr } = await run('fish', ['--no-config', '-c', text], {
    cwd: folder,
    env: { ...process.env, HOME: folder },
    timeout: TIMEOUT_MS,
  })
  assert.equal(stderr, '')
  return answersOf(stdout)
}

/** Completes each line in a line editor at a terminal, as a key would. */
async function askZsh(script: string, lines: readonly string[]): Promise<string[][]> {
  const quoted = lines.map((line) => `'${line.replaceAll("'", "'\\''")}'`)
  await writeFile(
    join(folder, 'ask.zsh'),
    `source '${script}'
typeset -ga shown
compadd() {
  local -a found
  builtin compadd -O found "$@"
  shown+=("\${found[@]}")
  builtin compadd "$@"
}
zle-line-init() {
  local line
  for line in ${quoted.join(' ')}; do
    shown=() BUFFER=$line CURSOR=$#line
    zle complete-word
    print -rl -- "\${(@)shown}" . >> answers
  done
  exit
}
zle -N zle-line-init
`,
  )
  await rm(join(folder, 'answers'), { force: true })
  const { stdout } = spawnSync('script', ['-qec', 'zsh -f -i', '/dev/null'], {
    cwd: folder,
    encoding: 'utf8',
    input: 'source ./ask.zsh\n',
    env: { ...process.env, TERM: 'xterm' },
    timeout: TIMEOUT_MS,
  })
  const text = await readFile(join(folder, 'answers'), 'utf8').catch(() => assert.fail(stdout))
  return answersOf(text)
}

/** One list for each line, in the order of the alphabet. */
function answersOf(text: string): string[][] {
  return text
    .replace(/\.\n$/, '')
    .split(/^\.\n/m)
    .map((part) =>
      [...new Set(part.split('\n'))]
        .filter((word) => word !== '' && word !== 'places')
        .map(plainText)
        .sort(),
    )
}

/** Zsh offers a path in parts and quoted, fish marks folders, and repeats what an option is joined to. */
function plainText(word: string): string {
  const name = word.replace(/\/$/, '').replace(/^--output-format=/, '')
  return name.startsWith('some') ? `places/${name.replace('\\ ', ' ')}` : name
}
