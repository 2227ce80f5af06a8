import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { checkTidiness } from '../../scripts/tidy-check.ts'
import { runScript, withTree } from './temp-tree.ts'

const SRC = 'packages/core/src/backup/planted.ts'
const TEST = 'packages/core/test/planted.test.ts'
const lines = (count: number): string => 'const a = 1\n'.repeat(count)
const longFunction = (head: string, count: number): string => `${head} {\n${lines(count - 2)}}\n`
// Put together here, so that this file does not hold what it plants.
const machinePath = (folder: string): string => ['', folder, 'kim', 'project'].join('/')
const registry = (host: string): string => ['https:', '', host, 'left-pad'].join('/')

interface Planted {
  readonly what: string
  readonly file: string
  readonly text: string
  readonly finding: RegExp
}

const planted = (what: string, file: string, text: string, finding: RegExp): Planted => ({
  what,
  file,
  text,
  finding,
})

const SIZES: readonly Planted[] = [
  planted('a file of 401 lines', 'scripts/a.ts', lines(401), /401 lines, at most 400/),
  planted('a Java file of 401 lines', 'packages/a/A.java', '\n'.repeat(401), /401 lines, at most 400/),
  planted('a function', SRC, longFunction('function a()', 61), /function a has 61 lines/),
  planted('a typed function', SRC, longFunction('function a<T>(): { b: T }', 61), /function a has 61/),
  planted('an arrow function', SRC, longFunction('const a = (): Promise<void> =>', 61), /has 61 lines/),
  planted(
    'a method',
    SRC,
    `class A {\n${longFunction('  async #run(): Promise<void>', 61)}}\n`,
    /#run has 61/,
  ),
]

const NAMES: readonly Planted[] = ['utils', 'helpers', 'common', 'misc', 'types'].flatMap((name) => [
  planted(`a file ${name}`, `packages/core/src/${name}.ts`, '', /names nothing/),
  planted(`a folder ${name}`, `packages/core/src/${name}/a.ts`, '', /names nothing/),
])

const WORDS: readonly Planted[] = [
  'licence',
  'License',
  'licensed',
  'enterprise',
  'paid',
  'pricing',
  'editions',
].flatMap((word) => [
  planted(`the word ${word} in code`, SRC, `// a ${word} thing\n`, /has no place/),
  planted(`the word ${word} in a document`, 'docs/a.md', `A ${word} thing.\n`, /has no place/),
])

const HABITS: readonly Planted[] = [
  planted('a default export', 'scripts/a.ts', 'export default 1\n', /default export/),
  planted('a renamed default export', SRC, 'export { a as default }\n', /default export/),
  planted('a TODO', SRC, '// TODO: later\n', /TODO without an issue/),
  planted('a FIXME', 'packages/testkit/kafka/A.java', '/* FIXME */\n', /FIXME without an issue/),
  planted('an XXX', 'scripts/a.ts', 'const a = 1 // XXX\n', /XXX without an issue/),
  planted('test.only', TEST, "test.only('a', () => {})\n", /test\.only left/),
  planted('describe.skip', 'tests/a.test.ts', "describe.skip('a', () => {})\n", /describe\.skip left/),
  planted('console.log in a package', SRC, 'console.log(1)\n', /console\.log/),
]

const ADDRESSES: readonly Planted[] = [
  ...['work', 'root', 'home'].map((folder) =>
    planted(`a path below ${folder}`, 'notes.md', `See ${machinePath(folder)}.\n`, /path of one machine/),
  ),
  planted('a file URL', 'scripts/a.sh', `x=file://${machinePath('home')}\n`, /path of one machine/),
  ...['registry.example.org', 'repo1.example.org', 'example.pypi.org', 'www.npmjs.com'].map((host) =>
    planted(`the address ${host}`, 'settings.yaml', `a: ${registry(host)}\n`, /address of a registry/),
  ),
  planted(
    'an address in the lock file',
    'package-lock.json',
    `{ "resolved": "${registry('example.org')}" }\n`,
    /lock file holds an address/,
  ),
]

describe('tidy refuses', () => {
  for (const { what, file, text, finding } of [...SIZES, ...NAMES, ...WORDS, ...HABITS, ...ADDRESSES]) {
    test(what, () => {
      const { violations } = withTree({ [file]: text }, checkTidiness)
      assert.equal(violations.length, 1, violations.join('\n'))
      assert.ok(violations[0]?.startsWith(file), violations[0])
      assert.match(violations[0] ?? '', finding)
    })
  }

  test('a violation, with exit code 1', () => {
    const { exitCode, output } = withTree({ [SRC]: '\nconsole.log(1)\n' }, (root) =>
      runScript('tidy.ts', root),
    )
    assert.equal(exitCode, 1)
    assert.match(output, /^packages\/core\/src\/backup\/planted\.ts:2 console\.log/)
  })

  test('a median of 100 lines in packages/*/src', () => {
    const files = { 'packages/a/src/a.ts': lines(99), 'packages/a/src/b.ts': lines(101) }
    const { violations } = withTree(files, checkTidiness)
    assert.match(violations.join('\n'), /the median file has 100 lines/)
  })

  test('a tree without files', () => {
    const { exitCode, output } = withTree({}, (root) => runScript('tidy.ts', root))
    assert.equal(exitCode, 1)
    assert.match(output, /nothing was checked/)
  })
})

describe('tidy accepts', () => {
  const good: Readonly<Record<string, string>> = {
    'packages/core/package.json': '{ "license": "Apache-2.0" }\n',
    'package-lock.json': '{ "resolved": "packages/core", "license": "MIT" }\n',
    'docs/a.md':
      'Unpaid expeditions on http://schema-registry:8081/subjects and https://example.org/home/page.\n',
    'packages/core/src/a.ts': [
      '// TODO(#12): later, and the XXXXXX of mktemp',
      `const a = 'TODO, console.log(1), export default and test.only('`,
      'reader.skip(1)',
      longFunction('function full()', 60),
    ].join('\n'),
    'packages/core/test/a.test.ts': [
      `describe('a group', () => {\n${longFunction("  test('one', () =>", 60)})\n${lines(30)}})`,
      `test('two', (t) => t.skip('no strace here'))\n`,
    ].join('\n'),
    'packages/testkit/src/suite.ts': `export function describeAll(): void {\n  describe('all', () => {\n${lines(70)}  })\n}\n`,
    'scripts/b.ts': `console.log('.../home/x', ${'`'}\${root}/work/a${'`'})\n`,
  }

  test('what the rules allow', () => {
    const { exitCode, output } = withTree(good, (root) => runScript('tidy.ts', root))
    assert.equal(exitCode, 0, output)
    assert.match(output, /7 files, median of packages\/\*\/src 68\.5 lines, 0 violations/)
  })

  test('a file of 300 lines, with a warning', () => {
    const { exitCode, output } = withTree({ 'scripts/a.ts': lines(300) }, (root) =>
      runScript('tidy.ts', root),
    )
    assert.equal(exitCode, 0, output)
    assert.match(output, /warning: scripts\/a\.ts 300 lines/)
  })

  test('files that git ignores', () => {
    const files = { '.gitignore': 'out/\n', 'out/a.ts': lines(500) }
    assert.deepEqual(withTree(files, checkTidiness).violations, [])
  })
})
