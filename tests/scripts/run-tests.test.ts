import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { findTestFiles } from '../../scripts/test-files.ts'
import { type TestEvent, tally } from '../../scripts/test-tally.ts'
import { runScript, type ScriptRun, withTree } from './temp-tree.ts'

const IMPORTS = `import assert from 'node:assert/strict'\nimport { after, describe, test } from 'node:test'\n`
const GOOD = `${IMPORTS}
test('one', () => {})
describe('group', () => {
  test('two', () => {})
  test('three', async (t) => {
    await t.test('inner a', () => {})
    await t.test('inner b', () => {})
  })
})`
const BAD = `${IMPORTS}
describe('outer', () => {
  test('good', () => {})
  test('bad', () => assert.equal(1, 2, 'one is not two'))
})`

const run = (files: Readonly<Record<string, string>>, ...args: readonly string[]): ScriptRun =>
  withTree(files, (root) => runScript('run-tests.ts', `--root=${root}`, ...args))
const lastLine = ({ output }: ScriptRun): string => output.trimEnd().split('\n').at(-1) ?? ''

describe('run-tests', () => {
  test('counts the tests that contain no others, over all files', () => {
    const result = run({ 'packages/a/test/a.test.ts': GOOD, 'packages/a/src/b.test.ts': GOOD })
    assert.equal(result.exitCode, 0, result.output)
    assert.equal(lastLine(result), '8 passed, 0 failed')
  })

  test('prints what tests say, and not what the runner of Node says by itself', () => {
    const said = `${IMPORTS}test('one', (t) => t.diagnostic('20 kills, 0 lost'))`
    const { output } = run({ 'packages/a/test/a.test.ts': said })
    assert.match(output, /^ +20 kills, 0 lost$/m)
    assert.doesNotMatch(output, /duration_ms|suites 0/)
  })

  test('prints the counts on exactly one line of their own', () => {
    const { output } = run({ 'packages/a/test/a.test.ts': GOOD })
    assert.equal(output.match(/^\d+ passed, \d+ failed(?:, \d+ skipped)?$/gm)?.length, 1)
  })

  test('shows a failure with its file, its name and its error', () => {
    const result = run({ 'packages/a/test/a.test.ts': BAD, 'packages/a/test/b.test.ts': GOOD })
    assert.equal(result.exitCode, 1)
    assert.equal(lastLine(result), '5 passed, 1 failed')
    assert.match(result.output, /FAILED packages\/a\/test\/a\.test\.ts\n {2}outer > bad\n.*one is not two/)
  })

  test('counts skipped tests apart', () => {
    const text = `${IMPORTS}test('a', () => {})\ntest('b', (t) => t.skip('not here'))\n`
    const result = run({ 'packages/a/test/a.test.ts': text })
    assert.equal(result.exitCode, 0, result.output)
    assert.equal(lastLine(result), '1 passed, 0 failed, 1 skipped')
  })

  test('runs only what a filter names, and never long runs', () => {
    const files = {
      'packages/a/test/restore/a.test.ts': GOOD,
      'packages/a/test/backup/a.test.ts': BAD,
      'packages/a/test/restore/long/b.test.ts': BAD,
    }
    const result = run(files, 'restore')
    assert.equal(result.exitCode, 0, result.output)
    assert.equal(lastLine(result), '4 passed, 0 failed')
  })

  test('fails when no test ran', () => {
    const result = run({ 'packages/a/test/a.test.ts': GOOD }, 'nothing-like-it')
    assert.equal(result.exitCode, 1)
    assert.equal(lastLine(result), '0 passed, 0 failed')
  })
})

describe('run-tests takes for a failure', () => {
  const cases: Readonly<Record<string, readonly [text: string, shown: RegExp]>> = {
    'a file that cannot be loaded': [`import './absent.ts'\n`, /ERR_MODULE_NOT_FOUND/],
    'a file that throws at the end': [`${GOOD}\nthrow new Error('late trouble')`, /late trouble/],
    'a file that kills itself': [`${GOOD}\nprocess.kill(process.pid, 'SIGKILL')`, /ended by SIGKILL/],
    'a file that ends with an exit code': [`${IMPORTS}test('a', () => process.exit(3))`, /exit code 3/],
    'a file without a test': ['export const a = 1\n', /no test ran in it/],
    'a hook that throws': [
      `${IMPORTS}describe('a', () => {\n  after(() => { throw new Error('bad hook') })\n  test('b', () => {})\n})`,
      /bad hook/,
    ],
  }
  for (const [what, [text, shown]] of Object.entries(cases)) {
    test(what, () => {
      const result = run({ 'packages/a/test/a.test.ts': text })
      assert.equal(result.exitCode, 1, result.output)
      assert.match(lastLine(result), /, 1 failed/)
      assert.match(result.output, shown)
    })
  }

  test('a file that hangs, and stops it', () => {
    withTree(
      {
        'packages/a/test/a.test.ts': `${IMPORTS}
import { writeFileSync } from 'node:fs'
test('a', () => {})
test('b', async () => {
  await new Promise((resolve) => setTimeout(resolve, 8_000))
  writeFileSync('still-alive', '')
})`,
      },
      (root) => {
        const result = runScript('run-tests.ts', `--root=${root}`, '--timeout-s=3')
        assert.equal(result.exitCode, 1, result.output)
        assert.match(result.output, /stopped after 3 s/)
        assert.equal(existsSync(join(root, 'still-alive')), false)
      },
    )
  })
})

test('files that may start brokers are told from those that cannot', () => {
  const files = {
    'packages/testkit/src/kafka-distribution.ts': '',
    'packages/testkit/src/kafka-cluster.ts': `import './kafka-distribution.ts'\n`,
    'packages/testkit/src/conformance/a.ts': '',
    'packages/testkit/test/a.test.ts': '',
    'packages/a/test/by-name.test.ts': `import { a } from '@kafka-backup/testkit'\n`,
    'packages/a/test/by-path.test.ts': `import './shared.ts'\n`,
    'packages/a/test/shared.ts': `import '../../testkit/src/kafka-cluster.ts'\n`,
    'packages/a/test/conformance.test.ts': `import '../../testkit/src/conformance/a.ts'\n`,
    'packages/a/test/plain.test.ts': `// import '@kafka-backup/testkit'\n`,
    'tests/round-trip/a.test.ts': '',
    'tests/scripts/a.test.ts': '',
    'tests/lineage/a.test.ts': '',
  }
  assert.deepEqual(
    withTree(files, (root) => findTestFiles(root, [])),
    {
      light: [
        'packages/a/test/conformance.test.ts',
        'packages/a/test/plain.test.ts',
        'tests/scripts/a.test.ts',
      ],
      withBrokers: [
        'packages/a/test/by-name.test.ts',
        'packages/a/test/by-path.test.ts',
        'packages/testkit/test/a.test.ts',
        'tests/round-trip/a.test.ts',
      ],
      waiting: [],
    },
  )
})

test('a file that mostly waits is in a group of its own', () => {
  const files = { 'tests/stores/outage.test.ts': '', 'tests/stores/s3.test.ts': '' }
  const found = withTree(files, (root) => findTestFiles(root, ['stores']))
  assert.deepEqual(found.waiting, ['tests/stores/outage.test.ts'])
  assert.deepEqual(found.withBrokers, ['tests/stores/s3.test.ts'])
})

test('proofs run only when they are named', () => {
  const files = { 'tests/lineage/a.test.ts': '', 'tests/fidelity/b.test.ts': '', 'tests/cli/c.test.ts': '' }
  const found = (filters: string[]) => withTree(files, (root) => findTestFiles(root, filters).withBrokers)
  assert.deepEqual(found([]), ['tests/cli/c.test.ts'])
  assert.deepEqual(found(['tests/fidelity', 'a.test']), [
    'tests/fidelity/b.test.ts',
    'tests/lineage/a.test.ts',
  ])
})

describe('a tally', () => {
  const event = (name: string, nesting: number, more: Partial<TestEvent> = {}): TestEvent => ({
    name,
    nesting,
    isPassed: true,
    isSuite: false,
    isSkipped: false,
    isTodo: false,
    ...more,
  })
  const failed = (failureType: string): Partial<TestEvent> => ({
    isPassed: false,
    failureType,
    error: failureType,
  })

  test('names the groups around a failure, each failure its own', () => {
    const { passed, failures } = tally([
      event('a', 2, failed('testCodeFailure')),
      event('b', 2),
      event('inner', 1, { isSuite: true, ...failed('subtestsFailed') }),
      event('outer', 0, { isSuite: true, ...failed('subtestsFailed') }),
      event('c', 1, failed('testCodeFailure')),
      event('other', 0, { isSuite: true, ...failed('subtestsFailed') }),
    ])
    assert.equal(passed, 1)
    assert.deepEqual(
      failures.map(({ name }) => name),
      ['outer > inner > a', 'other > c'],
    )
  })

  test('counts a test that fails after its inner tests passed', () => {
    const { passed, failures } = tally([event('inner', 1), event('outer', 0, failed('testCodeFailure'))])
    assert.deepEqual([passed, failures.length], [1, 1])
  })

  test('counts a suite that is skipped whole as one skipped test', () => {
    const { passed, skipped, failures } = tally([event('a', 0, { isSuite: true, isSkipped: true })])
    assert.deepEqual([passed, skipped, failures.length], [0, 1, 0])
  })

  test('counts a failing todo as skipped', () => {
    const { skipped, failures } = tally([event('a', 0, { isTodo: true, ...failed('testCodeFailure') })])
    assert.deepEqual([skipped, failures.length], [1, 0])
  })
})
